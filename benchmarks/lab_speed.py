"""How fast the lab plays: the experiments that the source document timed, with its seconds beside ours.

    .venv/bin/python benchmarks/lab_speed.py

Every line is the median of several repetitions, with the fastest and the slowest, after a first episode that compiles
and is told apart. D2 is a lesson of 2024 (docs/sources.md) in Python with numpy; its seconds are those that its author
printed, on his machine, and of lesson 14 totals divided by runs. One thread by default, as there.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from dataclasses import dataclass

import gymnasium
import numba
import numpy as np

from playfield.linear.encoders import Grids, OneHot, TileCoding
from playfield.linear.figures import FIGURES
from playfield.linear.learners import LearnerSpec, NStepSarsa, Sarsa, SarsaLambda, TrueOnlineSarsaLambda
from playfield.linear.play import Setup
from playfield.linear.studies import Budget, play_cell
from playfield.linear.worlds import GymnasiumWorld, MountainCar, WorldSpec

CAR = MountainCar()
UNLIMITED = "UnlimitedMountainCar-v0"
"""Gymnasium's car without its limit of 200 steps, which D2 never heeds; ours cuts off after 10,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One experiment, and the seconds of a run of it in the source."""

    name: str
    setup: Setup
    episodes: int = 500
    runs: int = 20
    theirs: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Experiments that the source timed at one place."""

    title: str
    source: str
    """Where its seconds stand."""
    lines: tuple[Line, ...]


def additive(alpha: float) -> Setup:
    """Two features at once; the source divides by 8 all the same."""
    return Setup(world=CAR, encoder=OneHot(), learner=Sarsa(alpha=2 * alpha / 8))


def tiled(learner: LearnerSpec, world: WorldSpec = CAR) -> Setup:
    """8 tilings with a weight for every tile."""
    return Setup(world=world, encoder=Grids(), learner=learner)


def indexed(learner: LearnerSpec) -> Setup:
    """8 tilings, whose tiles get their weights from an index table as they are met."""
    return Setup(world=CAR, encoder=TileCoding(), learner=learner)


def online(alpha: float, lambda_: float) -> LearnerSpec:
    return TrueOnlineSarsaLambda(alpha=alpha, lambda_=lambda_)


ALPHAS = (0.1, 0.2, 0.5)
LAMBDAS = (0.0, 0.68, 0.84, 0.92, 0.99)


def sarsa_lines(setups: list[Setup], seconds: tuple[float, float, float], runs: int = 20) -> tuple[Line, ...]:
    return tuple(
        Line(name=f"alpha {alpha}/8", setup=setup, runs=runs, theirs=theirs)
        for alpha, setup, theirs in zip(ALPHAS, setups, seconds, strict=True)
    )


def first_50(learners: list[tuple[str, LearnerSpec]], theirs: float | None) -> tuple[Line, ...]:
    return tuple(Line(name=name, setup=indexed(learner), episodes=50, theirs=theirs) for name, learner in learners)


PARTS = (
    Part(
        title="Sarsa, additive features: MountainCarRuns",
        source="D2 l.328",
        lines=sarsa_lines([additive(alpha) for alpha in ALPHAS], (5.01, 4.29, 3.44)),
    ),
    Part(
        title="Sarsa, 8 tilings, index table",
        source="D2 l.395",
        lines=sarsa_lines([indexed(Sarsa(alpha=alpha)) for alpha in ALPHAS], (7.21, 6.00, 5.10)),
    ),
    Part(
        title="Sarsa, 8 tilings, in Gymnasium",
        source="D2 l.398",
        lines=sarsa_lines(
            [tiled(Sarsa(alpha=alpha), GymnasiumWorld(id=UNLIMITED)) for alpha in ALPHAS], (10.27, 8.56, 7.72), runs=2
        ),
    ),
    Part(
        title="Sarsa, alpha 0.3 / tilings: MountainCarTilings",
        source="D2 l.430",
        lines=tuple(
            Line(
                name=f"{tilings} tilings",
                setup=Setup(world=CAR, encoder=Grids(tilings=tilings), learner=Sarsa(alpha=0.3)),
                theirs=theirs,
            )
            for tilings, theirs in ((2, 4.58), (4, 4.25), (8, 4.30), (16, 4.82), (32, 5.85))
        ),
    ),
    Part(
        title="n-step Sarsa, 500 episodes",
        source="lesson 14: 40 runs in 2 min 1 s",
        lines=(
            Line(name="n 1, alpha 0.5/8", setup=indexed(NStepSarsa(alpha=0.5, n=1)), theirs=121 / 40),
            Line(name="n 8, alpha 0.3/8", setup=indexed(NStepSarsa(alpha=0.3, n=8)), theirs=121 / 40),
        ),
    ),
    Part(
        title="n-step Sarsa, first 50 episodes, alpha 0.5/8",
        source="lesson 14: 380 runs in 4 min 52 s",
        lines=first_50([(f"n {n}", NStepSarsa(alpha=0.5, n=n)) for n in (1, 2, 4, 8, 16)], 292 / 380),
    ),
    Part(
        title="true online Sarsa(lambda), 500 episodes",
        source="lesson 15: 40 runs in 2 min 23 s",
        lines=tuple(
            Line(name=f"lambda {x}, alpha {alpha}/8", setup=indexed(online(alpha, x)), theirs=143 / 40)
            for x, alpha in ((0.0, 0.5), (0.8, 0.3))
        ),
    ),
    Part(
        title="true online Sarsa(lambda), first 50 episodes, alpha 0.5/8",
        source="lesson 15: 189 runs in 2 min 25 s",
        lines=first_50([(f"lambda {x}", online(0.5, x)) for x in LAMBDAS], 145 / 189),
    ),
    Part(
        title="Sarsa(lambda), replacing traces, first 50 episodes, alpha 0.5/8",
        source="not timed there",
        lines=first_50([(f"lambda {x}", SarsaLambda(alpha=0.5, lambda_=x)) for x in LAMBDAS], None),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """What playing a cell took."""

    seconds: float
    cpu_seconds: float
    """Of all threads; less than the seconds where others use the machine."""
    steps: float


def played(setup: Setup, budget: Budget) -> Took:
    begun, cpu_begun = time.perf_counter(), time.process_time()
    cell = play_cell(setup, budget)
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu_begun
    return Took(seconds=seconds, cpu_seconds=cpu_seconds, steps=float(np.nansum(cell.steps)))


COLUMNS = "  {:<24} {:>9} {:<18} {:>7} {:>10} {:>9} {:>9} {:>8} {:>6}"
HEAD = COLUMNS.format(
    "", "s per run", "(lowest, highest)", "cpu s", "steps/s", "steps/run", "compile s", "theirs s", "ratio"
)


def show(line: Line, repetitions: int, threads: int) -> None:
    """Time one experiment and print what it took."""
    compiling = played(line.setup, Budget(episodes=1, runs=1)).seconds
    budget = Budget(episodes=line.episodes, runs=line.runs, threads=threads)
    measured = [played(line.setup, budget) for _ in range(repetitions)]
    per_run = sorted(took.seconds / line.runs for took in measured)
    median, steps = statistics.median(per_run), measured[0].steps / line.runs
    cpu = statistics.median(took.cpu_seconds for took in measured) / line.runs
    cells = (
        line.name,
        f"{median:.4f}",
        f"({per_run[0]:.4f}, {per_run[-1]:.4f})",
        f"{cpu:.4f}",
        f"{steps / median:,.0f}",
        f"{steps:,.0f}",
        f"{compiling:.1f}",
        "" if line.theirs is None else f"{line.theirs:.2f}",
        "" if line.theirs is None else f"{line.theirs / median:.1f}",
    )
    print(COLUMNS.format(*cells).rstrip(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="runs that are played side by side")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--figures", nargs="*", default=["10.4"], help="figures to make once, with the book's runs")
    arguments = parser.parse_args()
    gymnasium.register(UNLIMITED, "gymnasium.envs.classic_control:MountainCarEnv", max_episode_steps=CAR.max_steps)
    print(
        f"Python {platform.python_version()}, numpy {np.__version__}, numba {numba.__version__}; {os.cpu_count()} "
        f"cores, load {os.getloadavg()[0]:.1f}; {arguments.threads} thread(s), median of {arguments.repetitions}"
    )
    print(HEAD)
    for part in PARTS:
        print(f"{part.title} ({part.source})", flush=True)
        for line in part.lines:
            show(line, arguments.repetitions, arguments.threads)
    for number in arguments.figures:
        figure = FIGURES[number]
        budget = Budget(episodes=figure.episodes, runs=figure.runs, threads=arguments.threads)
        begun = time.perf_counter()
        for _ in figure.make(budget):
            pass
        print(f"figure {number}, {figure.runs} runs: {time.perf_counter() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main()
