"""Learning that is put off until an episode is over, for a game that does not wait while the agent learns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import astuple

import numpy as np

from playfield.events import Learned
from playfield.types import Clock, Tree


class Owed:
    """The times of learning that an agent owes; each is paid by the clock at which it was due.

    So schedules, targets and the number of updates are what they are for a game that waits:

        row      first   row    row    last               first   row
        learn    owed    owed   owed   4 times, at once   owed    owed
    """

    def __init__(self) -> None:
        self._clocks: list[Clock] = []
        self._paid: list[Learned] | None = None

    def __len__(self) -> int:
        return len(self._clocks)

    @property
    def told_next(self) -> int:
        """Updates that have been paid and that `learn` will tell of."""
        return 0 if self._paid is None else len(self._paid)

    def pay(self, clock: Clock, learn: Callable[[Clock], Iterable[Learned]]) -> None:
        """Learn now whatever is owed and what is due at this clock."""
        clocks, self._clocks = [*self._clocks, clock], []
        self._paid = [learned for due in clocks for learned in learn(due)]

    def learn(self, clock: Clock) -> list[Learned]:
        """What was learnt, where it has just been paid; else this time of learning is owed too."""
        if self._paid is None:
            self._clocks.append(clock)
            return []
        paid, self._paid = self._paid, None
        return paid

    def state(self) -> Tree:
        return {"clocks": np.array([astuple(clock) for clock in self._clocks], np.int64).reshape(-1, 3)}

    def load(self, tree: Tree) -> None:
        self._clocks = [Clock(*row) for row in tree["clocks"].tolist()]
        self._paid = None
