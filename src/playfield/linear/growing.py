"""Runs that are played a few episodes at a time, so that somebody can look at them in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from playfield.linear.environments import EnvironmentRun
from playfield.linear.play import CUT_OFF, DIVERGED, LinearRun, Setup, play_all
from playfield.linear.studies import Budget, Cell
from playfield.linear.worlds import GymnasiumWorld, RandomWalk


class GrowingCell:
    """All runs of a set-up, each from its seed alone; played part by part they end with the bits of `play_cell`."""

    def __init__(self, setup: Setup, budget: Budget) -> None:
        self.setup, self.budget = setup, budget
        self.runs: list[LinearRun | EnvironmentRun] = [_begun(setup, draws) for draws in budget.draws()]
        self.truth = setup.world.true_values() if isinstance(setup.world, RandomWalk) else None
        """What every state is worth, where that is known."""
        for run in self.runs:
            if self.truth is not None and isinstance(run, LinearRun):
                run.compare_with(self.truth)
        self.played = 0
        """Episodes of every run so far."""
        shape = budget.runs, budget.episodes
        self._steps, self._rewards, self._errors = (np.full(shape, np.nan) for _ in range(3))
        self._cut_off = np.zeros(shape, np.bool_)
        self._sound = np.ones(budget.runs, np.bool_)

    @property
    def left(self) -> int:
        """Episodes that are still to be played of every run."""
        return self.budget.episodes - self.played

    def play(self, episodes: int) -> None:
        """Play so many episodes more of every run whose weights have not run away."""
        assert 0 < episodes <= self.left
        numbers = np.flatnonzero(self._sound)
        records = play_all([self.runs[number] for number in numbers], episodes, self.budget.threads)
        for number, record in zip(numbers, records, strict=True):
            self._sound[number] = record.outcome[-1] != DIVERGED
            count = len(record.steps) - int(not self._sound[number])
            place = number, slice(self.played, self.played + count)
            self._steps[place], self._rewards[place] = record.steps[:count], record.rewards[:count]
            self._errors[place], self._cut_off[place] = record.error[:count], record.outcome[:count] == CUT_OFF
        self.played += episodes
        if self.left == 0:
            self.close()

    def in_parts(self, seconds: float, now: Callable[[], float] = time.perf_counter) -> Iterator[int]:
        """Play all that is left in parts that take about so long each; the episodes played after each part."""
        part = 1
        while self.left:
            begun = now()
            self.play(min(part, self.left))
            # From one to the next a part at most doubles: the first ones hold compilation, and long episodes.
            part = max(1, min(2 * part, int(part * seconds / max(now() - begun, 1e-9))))
            yield self.played

    def cell(self) -> Cell:
        """What came of the episodes so far."""
        columns = (column[:, : self.played] for column in (self._steps, self._rewards, self._errors, self._cut_off))
        steps, rewards, errors, cut_off = columns
        return Cell(steps=steps, rewards=rewards, errors=errors, cut_off=cut_off, runs=self.runs)

    def close(self) -> None:
        """Close the environments of the runs."""
        for run in self.runs:
            if isinstance(run, EnvironmentRun):
                run.close()


def _begun(setup: Setup, draws: np.random.Generator) -> LinearRun | EnvironmentRun:
    return EnvironmentRun(setup, draws) if isinstance(setup.world, GymnasiumWorld) else LinearRun(setup, draws)
