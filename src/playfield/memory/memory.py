"""What every memory can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from playfield.batch import Batch
from playfield.types import Clock, Decision, Step, Tree


class Memory(Protocol):
    """Rows go in as they happen; batches come out when they are due."""

    def add(self, step: Step, decision: Decision) -> None:
        """Append the step that `decision` led to."""
        ...

    def cut(self) -> None:
        """Let every open episode end with its newest row as by a time limit: nothing that follows belongs to it."""
        ...

    def newest_obs(self) -> Shaped[Tensor, "G ..."]:
        """Stacked frames of every game as of the newest row."""
        ...

    def observing_frames(self, clock: Clock) -> int:
        """Emulator frames that are still only observed before learning begins; 0 once it has."""
        ...

    def learning_frames(self, clock: Clock) -> int:
        """Emulator frames since learning began; schedules and targets count these."""
        ...

    def due(self, clock: Clock) -> int:
        """How many batches would come out now; asking changes nothing."""
        ...

    def batches(self, clock: Clock) -> Iterator[Batch]:
        """As many batches as are due now: none, one, or several."""
        ...

    def feedback(self, key: Int64[Tensor, "B"], surprise: Float[Tensor, "B"]) -> None:
        """How surprising the samples of a batch turned out to be."""
        ...

    def priority_age(self, key: Int64[Tensor, "B"]) -> float | None:
        """Mean number of updates since the priorities of these samples were set; None where there are none."""
        ...

    def most_bytes(self) -> float:
        """Working memory that the rows take once the memory is full."""
        ...

    def raw_bytes(self) -> float:
        """What they would take as they are: of it, logs on the disk take a share."""
        ...

    def state(self) -> Tree: ...

    def load(self, tree: Tree) -> None: ...
