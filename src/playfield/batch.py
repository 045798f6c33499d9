"""Values made of tensors that several modules share: a batch, a distance, rows on their way to the disk.

They stand apart from `types` so that the linear learners, who share those, need no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float, Float32, Int64, Shaped
from torch import Tensor


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
    """Which row each sample came from, for `Memory.feedback`."""


class Distance(NamedTuple):
    """How far predictions are from their targets, one number per sample."""

    loss: Float[Tensor, "B"]
    """To descend."""
    surprise: Float[Tensor, "B"]
    """To prioritise by; carries no gradient."""
    outside: Float[Tensor, "B"] | None = None
    """Share of each target that lies beyond what the prediction can represent; None where nothing does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Columns that grow only at their end, kept in rings: row i lies at index `i % size` of every column.

    The one leaf of a state tree that storage does not copy at every save: it appends what is new to a log.
    """

    start: int
    """Oldest row still held."""
    stop: int
    """One past the newest row."""
    columns: Mapping[str, Shaped[Tensor, "size G ..."]]
