"""How fast the lab plays: runs of 500 episodes of Sarsa on Mountain Car, and whole figures.

    .venv/bin/python benchmarks/lab_speed.py

Every line is the median of several repetitions after one that compiles, with the fastest and slowest.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from playfield.linear.encoders import TileCoding
from playfield.linear.figures import FIGURES
from playfield.linear.learners import LearnerSpec, NStepSarsa, Sarsa, SarsaLambda, TrueOnlineSarsaLambda
from playfield.linear.play import Setup
from playfield.linear.studies import Budget, play_cell
from playfield.linear.worlds import MountainCar

LEARNERS: dict[str, tuple[LearnerSpec, int]] = {
    "Sarsa, alpha 0.5, 20 runs of 500 episodes": (Sarsa(alpha=0.5), 500),
    "4-step Sarsa, alpha 1, 20 runs of 50 episodes": (NStepSarsa(alpha=1.0, n=4), 50),
    "Sarsa(0.9), replacing, alpha 1, 20 runs of 50 episodes": (SarsaLambda(alpha=1.0), 50),
    "true online Sarsa(0.9), alpha 1, 20 runs of 50 episodes": (TrueOnlineSarsaLambda(alpha=1.0), 50),
}


def timed(name: str, repetitions: int, play: Callable[[], float]) -> None:
    """Print the seconds that `play` takes, and how many steps of a world it plays in one."""
    play()
    seconds: list[float] = []
    steps = 0.0
    for _ in range(repetitions):
        begun = time.perf_counter()
        steps = play()
        seconds.append(time.perf_counter() - begun)
    median = statistics.median(seconds)
    print(
        f"{name}: {median:.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), {steps / median:,.0f} steps/s", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--figures", nargs="*", default=["10.4"], help="figures to make once, with the book's runs")
    arguments = parser.parse_args()
    for name, (learner, episodes) in LEARNERS.items():
        setup = Setup(world=MountainCar(), encoder=TileCoding(), learner=learner)
        budget = Budget(episodes=episodes, runs=20, threads=arguments.threads)
        timed(name, arguments.repetitions, lambda s=setup, b=budget: float(play_cell(s, b).steps.sum()))
    for number in arguments.figures:
        figure = FIGURES[number]
        begun = time.perf_counter()
        budget = Budget(episodes=figure.episodes, runs=figure.runs, threads=arguments.threads)
        for _ in figure.make(budget):
            pass
        print(f"figure {number}, {figure.runs} runs: {time.perf_counter() - begun:.1f} s with compilation", flush=True)


if __name__ == "__main__":
    main()
