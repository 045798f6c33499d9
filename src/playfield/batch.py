"""Values made of tensors that several modules share: a batch, a distance, rows on their way to the disk.

They stand apart from `types` so that the linear learners, who share those, need no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from jaxtyping import Bool, Float, Float32, Int64, Shaped
from torch import Tensor


class Far(NamedTuple):
    """What B transitions come to over more steps than their batch says."""

    reward: Float32[Tensor, "B"]
    discount: Float32[Tensor, "B"]
    next_obs: Shaped[Tensor, "B ..."]


class Batch(NamedTuple):
    """B transitions, ready for a loss. Reward and discount already span n steps."""

    obs: Shaped[Tensor, "B ..."]
    """Stacked frames: uint8 `B K*C H W` for pixels, float32 `B K*N` for vectors."""
    action: Int64[Tensor, "B"]
    reward: Float32[Tensor, "B"]
    discount: Float32[Tensor, "B"]
    """Product of gammas and step discounts: multiply the bootstrap value by it and nothing else."""
    next_obs: Shaped[Tensor, "B ..."]
    weight: Float32[Tensor, "B"]
    """Importance weight of each sample in the mean loss; all ones when sampling is uniform."""
    key: Int64[Tensor, "B"]
    """Which row each sample came from, for `Memory.feedback`; negative for demonstrations."""
    demonstrated: Bool[Tensor, "B"] | None = None
    """Which samples are demonstrations; None where the recipe does not imitate."""
    far: Far | None = None
    """The same transitions over more steps; None where nothing is learnt from them."""


def joined(one: Batch, other: Batch) -> Batch:
    """Two batches of one memory as one."""
    far, shown = None, None
    if one.far is not None and other.far is not None:
        far = Far(*(torch.cat(pair) for pair in zip(one.far, other.far, strict=True)))
    if one.demonstrated is not None and other.demonstrated is not None:
        shown = torch.cat([one.demonstrated, other.demonstrated])
    return Batch(
        obs=torch.cat([one.obs, other.obs]),
        action=torch.cat([one.action, other.action]),
        reward=torch.cat([one.reward, other.reward]),
        discount=torch.cat([one.discount, other.discount]),
        next_obs=torch.cat([one.next_obs, other.next_obs]),
        weight=torch.cat([one.weight, other.weight]),
        key=torch.cat([one.key, other.key]),
        demonstrated=shown,
        far=far,
    )


class Distance(NamedTuple):
    """How far predictions are from their targets, one number per sample."""

    loss: Float[Tensor, "B"]
    """To descend."""
    surprise: Float[Tensor, "B"]
    """To prioritise by; carries no gradient."""
    outside: Float[Tensor, "B"] | None = None
    """Share of each target that lies beyond what the prediction can represent; None where nothing does."""


class Ring(Protocol):
    """A column of rows in a ring, row i at index `i % size`: a tensor, or what keeps its rows in another way."""

    @property
    def shape(self) -> torch.Size:
        """`size G ...`."""
        ...

    @property
    def dtype(self) -> torch.dtype: ...

    def __len__(self) -> int: ...

    def __getitem__(self, at: slice, /) -> Shaped[Tensor, "R G ..."]:
        """The rows at these indices."""
        ...

    def __setitem__(self, at: slice, rows: Shaped[Tensor, "R G ..."], /) -> None:
        """Put rows at these indices; a ring may insist that they come in order."""
        ...


def arcs(first: int, count: int, size: int) -> Iterator[tuple[slice, slice]]:
    """Where `count` rows from `first` lie in a ring: (indices of the ring, indices of the rows), once or twice."""
    begin = first % size if size else 0
    straight = min(count, size - begin)
    yield slice(begin, begin + straight), slice(0, straight)
    if straight < count:
        yield slice(0, count - straight), slice(straight, count)


def from_ring(ring: Ring, first: int, count: int) -> Shaped[Tensor, "R G ..."]:
    """`count` rows of a ring, from row `first` on."""
    return torch.cat([ring[arc] for arc, _ in arcs(first, count, len(ring))])


def into_ring(ring: Ring, first: int, rows: Shaped[Tensor, "R G ..."]) -> None:
    """Put rows into a ring, from row `first` on."""
    for arc, part in arcs(first, len(rows), len(ring)):
        ring[arc] = rows[part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Columns that grow only at their end, kept in rings: row i lies at index `i % size` of every column.

    The one leaf of a state tree that storage does not copy at every save: it appends what is new to a log.
    """

    start: int
    """Oldest row still held."""
    stop: int
    """One past the newest row."""
    columns: Mapping[str, Ring]
