"""Episodes of random features, as plain dictionaries, and a learner led along them call by call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from playfield.linear.encoders import Code
from playfield.linear.learners import LearnerSpec, Seen, Transition

Features = dict[int, float]
"""Which features are seen, and how strongly."""

FEATURES, ACTIVE, ACTIONS = 24, 4, 3


@dataclass(frozen=True, kw_only=True)
class Went:
    """One step: features for each action before and after it."""

    here: list[Features]
    action: int
    reward: float
    discount: float
    last: bool
    there: list[Features]
    next_action: int
    pi: list[float]
    next_pi: list[float]


Path = list[Went]


def ended(path: Path) -> Path:
    return [*path[:-1], replace(path[-1], discount=0.0, last=True)]


def cut_off(path: Path) -> Path:
    return [*path[:-1], replace(path[-1], discount=1.0, last=True)]


def random_paths(seed: int, episodes: int = 6, actions: int = ACTIONS, longest: int = 12) -> list[Path]:
    """Episodes of 1 step and more, half of them cut off, with features of any strength and some of none."""
    draws = np.random.default_rng(seed)
    return [_random_path(draws, actions, int(draws.integers(1, longest + 1)), episode) for episode in range(episodes)]


def _random_path(draws: np.random.Generator, actions: int, steps: int, episode: int) -> Path:
    seen = [_random_features(draws, actions) for _ in range(steps + 1)]
    action = draws.integers(0, actions, steps + 1).tolist()
    pi = draws.dirichlet(np.ones(actions), steps + 1).tolist()
    path = [
        Went(
            here=seen[t],
            action=action[t],
            reward=float(draws.normal()),
            discount=1.0,
            last=False,
            there=seen[t + 1],
            next_action=action[t + 1],
            pi=pi[t],
            next_pi=pi[t + 1],
        )
        for t in range(steps)
    ]
    return ended(path) if episode % 2 else cut_off(path)


def _random_features(draws: np.random.Generator, actions: int) -> list[Features]:
    strength = draws.uniform(0.2, 1.0, ACTIVE) * draws.choice([-1.0, 0.0, 1.0, 1.0, 1.0], ACTIVE)
    index = draws.permutation(FEATURES)[: actions * ACTIVE].reshape(actions, ACTIVE)
    return [dict(zip(row, strength.tolist(), strict=True)) for row in index.tolist()]


def of_code(features: int = FEATURES, active: int = ACTIVE, shares: int = 1) -> Code:
    """What a learner needs to know of an encoder, here one that nobody asks."""
    return Code(encode=lambda *_: None, numbers=None, features=features, active=active, shares=shares)


def seen_from(features: Sequence[Features], pi: Sequence[float]) -> Seen:
    index = np.array([list(one) for one in features], np.int64)
    return Seen(index, np.array(list(features[0].values())), np.full(len(features), np.nan), np.array(pi))


def learn_step(learner: LearnerSpec, mind: Any, went: Went, draws: np.random.Generator) -> None:
    here, there = seen_from(went.here, went.pi), seen_from(went.there, went.next_pi)
    learner.judge(mind, here)
    learner.judge(mind, there)
    transition = Transition(went.action, went.reward, went.discount, went.last, went.next_action)
    learner.learn(mind, here, transition, there, draws)


def learnt(learner: LearnerSpec, paths: Sequence[Path], weights: Sequence[float], seed: int = 0) -> Any:
    """The mind after such episodes, having begun with such weights."""
    active = len(paths[0][0].here[0])
    mind = learner.build(of_code(len(weights), active))
    mind.weights[:] = weights
    draws = np.random.default_rng(seed)
    for path in paths:
        learner.begin(mind)
        for went in path:
            learn_step(learner, mind, went, draws)
    return mind


def random_weights(seed: int, features: int = FEATURES) -> list[float]:
    return np.random.default_rng(seed + 1000).normal(size=features).tolist()
