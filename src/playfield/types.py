"""The words every other module shares: a step, a batch, a clock, a tree of state. No behaviour lives here.

Shape letters, used in annotations everywhere:
    T steps of a rollout, B batch, G games driven together, A actions, K stacked frames,
    H W C height, width and channels of a frame, N entries of a vector observation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, Shaped, UInt64

Array = np.ndarray
Tree = Mapping[str, Any]
"""All state of an object: nested mappings with string keys; leaves are tensors, arrays, numbers, strings, booleans,
None, lists of those, or one `Rows` (columns that grow only at their end)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What G games said after one action each."""

    frame: Shaped[Array, "G ..."]
    """The newest frame only: uint8 `G H W C` for pixels, float32 `G N` for vectors."""
    reward: Float32[Array, "G"]
    """Raw and unclipped; clipping is the memory's business. 0 where `first`."""
    discount: Float32[Array, "G"]
    """0.0 after a true end (or a lost life, if the protocol asks for it), else 1.0. Gamma is not in it."""
    first: Bool[Array, "G"]
    """A new episode starts here; the action sent before it was ignored."""
    last: Bool[Array, "G"]
    """The episode ends here, by a true end or by truncation; the next action is ignored."""
    frames: Int32[Array, "G"]
    """Emulator frames that passed since the previous step; 0 where `first`."""
    seed: UInt64[Array, "G"]
    """Seed of the episode that this row belongs to."""
    lost: Mapping[int, str] = field(default_factory=dict[int, str])
    """Of each game that was lost, what happened to it: its episode ends here as by a time limit, the next begins anew.

    Where a lost game cannot even be begun, its row is both `first` and `last`.
    """


@dataclass(frozen=True, slots=True)
class Clock:
    """How far a run has come. Only `frames` is shown to people."""

    frames: int = 0
    """Emulator frames played by all games together."""
    steps: int = 0
    """Calls of the loop: one action for each of the G games."""
    episodes: int = 0
    """Finished episodes."""

    def after(self, step: Step) -> Clock:
        """The clock once `step` has happened."""
        return replace(
            self,
            frames=self.frames + int(step.frames.sum()),
            steps=self.steps + 1,
            episodes=self.episodes + int((step.last & ~step.first).sum()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an agent chose for each of the G games, and what it expected to come of it."""

    action: Int64[Array, "G"]
    value: Float32[Array, "G"]
    """max_a q(s, a) when the agent chose; the λ-returns of a rollout memory are built from it."""


class Stateful(Protocol):
    """Something whose whole state is one tree, so that saving and resuming are one function each."""

    def state(self) -> Tree:
        """Everything needed to go on as if never stopped; may share memory with the object."""
        ...

    def load(self, tree: Tree) -> None:
        """Become what `state()` described.

        Raises: ValueError where the tree does not fit this object.
        """
        ...


class Mouse(NamedTuple):
    """What a person does with the mouse."""

    buttons: frozenset[int] = frozenset()
    """Those that are down, as X numbers them: 1 left, 2 middle, 3 right."""
    place: tuple[int, int] | None = None
    """Of the pointer, in pixels right and down of the game's picture; None where it is outside."""
