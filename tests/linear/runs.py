"""Runs that many tests share, so that each combination is compiled once."""

from __future__ import annotations

import numpy as np

from playfield.linear.encoders import TileCoding
from playfield.linear.learners import LearnerSpec
from playfield.linear.play import LinearRun, Setup
from playfield.linear.policies import EpsilonGreedy, PolicySpec, chance_at
from playfield.linear.worlds import MountainCar


def car_run(
    learner: LearnerSpec, seed: int = 0, policy: PolicySpec = EpsilonGreedy(), max_steps: int | None = 10_000
) -> LinearRun:
    """On the mountain, with the tiles of the book."""
    setup = Setup(world=MountainCar(max_steps=max_steps), encoder=TileCoding(), learner=learner, policy=policy)
    return LinearRun(setup, np.random.default_rng(seed))


def probabilities_of(policy: PolicySpec, q: np.ndarray, steps: int = 0) -> list[float]:
    """Of every action, at the chance of the run's first step or of a later one."""
    pi = np.full(len(q), np.nan)
    policy.probabilities(chance_at(policy.chance, steps), q, pi)
    return pi.tolist()
