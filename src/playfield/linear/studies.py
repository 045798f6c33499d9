"""Many runs of many set-ups: all seeds of a cell at once, cell after cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, Float64

from playfield.linear.charts import Point
from playfield.linear.environments import EnvironmentRun
from playfield.linear.play import CUT_OFF, DIVERGED, LinearRun, Record, Setup, play_all
from playfield.linear.worlds import GymnasiumWorld, RandomWalk
from playfield.rng import Rng
from playfield.types import Array


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
    runs = [_run(setup, draws, share) for draws in budget.draws()]
    records = play_all(runs, budget.episodes, budget.threads)
    steps, rewards, errors = (_column(records, name, budget.episodes) for name in ("steps", "rewards", "error"))
    cut_off = _column(records, "outcome", budget.episodes) == CUT_OFF
    for run in runs:
        if isinstance(run, EnvironmentRun):
            run.close()
    return Cell(steps=steps, rewards=rewards, errors=errors, cut_off=cut_off, runs=runs)


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


def _column(records: Sequence[Record], name: str, episodes: int) -> Float64[Array, "R E"]:
    column = np.full((len(records), episodes), np.nan)
    for run, record in enumerate(records):
        count = len(record.steps) - int(record.outcome[-1] == DIVERGED)
        column[run, :count] = getattr(record, name)[:count]
    return column


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
