"""Many runs of many set-ups: all seeds of a cell at once, cell after cell."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, Float64

from playfield.linear.charts import Point
from playfield.linear.environments import EnvironmentRun
from playfield.linear.play import CUT_OFF, DIVERGED, LinearRun, Setup, play_all
from playfield.linear.worlds import GymnasiumWorld, RandomWalk
from playfield.rng import Rng
from playfield.types import Array

MOST_PLAYED = 10**8
"""Episodes of all runs of a set-up: some 3 GB of numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much is played of every set-up."""

    episodes: int
    runs: int
    first_seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        if min(self.episodes, self.runs, self.threads) < 1:
            raise ValueError("--episodes, --runs and --threads must be 1 or more")
        if self.episodes * self.runs > MOST_PLAYED:
            raise ValueError(
                f"--episodes times --runs must be at most {MOST_PLAYED:,}: their numbers are kept in memory"
            )

    def draws(self) -> list[np.random.Generator]:
        """The chance of every run, which grows from its seed alone."""
        return [Rng(self.first_seed + run).numpy("lab") for run in range(self.runs)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What came of all runs of a set-up; nan after an episode in which a run diverged, and in it."""

    steps: Float64[Array, "R E"]
    rewards: Float64[Array, "R E"]
    errors: Float64[Array, "R E"]
    cut_off: Bool[Array, "R E"]
    """Where an episode was ended by a limit of steps, not by its world."""
    runs: Sequence[LinearRun | EnvironmentRun]
    """As they stand after their last episode."""

    @property
    def diverged(self) -> int:
        """Runs whose weights ran away."""
        return int(np.isnan(self.steps[:, -1]).sum())


Measure = Callable[[Cell], Float64[Array, "R"]]


def mean_steps(cell: Cell) -> Float64[Array, "R"]:
    """Steps per episode of every run."""
    return cell.steps.mean(1)


def mean_reward(cell: Cell) -> Float64[Array, "R"]:
    """Reward per episode of every run."""
    return cell.rewards.mean(1)


def mean_error(cell: Cell) -> Float64[Array, "R"]:
    """Prediction error of every run, the mean over episodes."""
    return cell.errors.mean(1)


def play_cell(setup: Setup, budget: Budget, share: Float64[Array, "S"] | None = None) -> Cell:
    """Play all runs of a set-up, each from its seed alone.

    Runs of a random walk are compared with its true values; `share` is how much each state counts there.
    """
    cell = GrowingCell(setup, budget, share)
    cell.play(budget.episodes)
    return cell.cell()


class GrowingCell:
    """All runs of a set-up, each from its seed alone, which can be played part by part and looked at in between."""

    def __init__(self, setup: Setup, budget: Budget, share: Float64[Array, "S"] | None = None) -> None:
        self.setup, self.budget = setup, budget
        self.runs: list[LinearRun | EnvironmentRun] = [_run(setup, draws, share) for draws in budget.draws()]
        self.truth = _true_values(setup.world) if isinstance(setup.world, RandomWalk) else None
        """What every state is worth, where that is known."""
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


def check_parts(setup: Setup) -> None:
    """Make a run of a set-up and play nothing: before long play, whether its parts go together.

    Raises: ValueError where they do not.
    """
    run = _run(setup, Rng(0).numpy("lab"), None)
    if isinstance(run, EnvironmentRun):
        run.close()


def _run(setup: Setup, draws: np.random.Generator, share: Float64[Array, "S"] | None) -> LinearRun | EnvironmentRun:
    if isinstance(setup.world, GymnasiumWorld):
        return EnvironmentRun(setup, draws)
    run = LinearRun(setup, draws)
    if isinstance(setup.world, RandomWalk):
        run.compare_with(_true_values(setup.world), share)
    return run


@cache
def _true_values(walk: RandomWalk) -> Float64[Array, "S"]:
    """The same for all runs of all cells, and long to work out for a thousand states."""
    return walk.true_values()


def point(x: float, measured: Float64[Array, "R"]) -> Point:
    """The mean of a measure over runs."""
    runs = len(measured)
    spread = float(measured.std(ddof=1)) / runs**0.5 if runs > 1 else float("nan")
    return Point(x=x, mean=float(measured.mean()), standard_error=spread, runs=runs)


def sweep(
    setups: Sequence[tuple[float, Setup]], budget: Budget, measure: Measure, share: Float64[Array, "S"] | None = None
) -> Iterator[Point]:
    """A point for every set-up, as soon as its runs are played."""
    for x, setup in setups:
        yield point(x, measure(play_cell(setup, budget, share)))
