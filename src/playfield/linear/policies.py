"""Action values to actions, and to the probability of each: what Expected Sarsa averages over."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float64

from playfield.linear.compiled import compiled
from playfield.settings import setting
from playfield.types import Array


class Chance(NamedTuple):
    """How random a policy is after so many steps of a run: max(floor, (start − slope · steps) · factor ** steps)."""

    start: float
    slope: float
    factor: float
    floor: float


@compiled
def chance_at(chance: Chance, steps: int) -> float:
    """The probability of a random action, or the temperature, after `steps` steps."""
    return max(chance.floor, (chance.start - chance.slope * steps) * chance.factor**steps)


Choose = Callable[[float, Float64[Array, "A"], np.random.Generator], int]
Probabilities = Callable[[float, Float64[Array, "A"], Float64[Array, "A"]], None]


@compiled
def greedy(q: Float64[Array, "A"], draws: np.random.Generator) -> int:
    """The best action; among equally good ones, each equally likely."""
    best, ties, first = q[0], 1, 0
    for action in range(1, len(q)):
        if q[action] > best:
            best, ties, first = q[action], 1, action
        elif q[action] == best:
            ties += 1
    if ties == 1:
        return first
    skip = draws.integers(0, ties)
    for action in range(first, len(q)):
        if q[action] == best:
            if skip == 0:
                return action
            skip -= 1
    return first


@compiled
def _epsilon_greedy(epsilon: float, q: Float64[Array, "A"], draws: np.random.Generator) -> int:
    if epsilon > 0.0 and draws.random() < epsilon:
        return int(draws.integers(0, len(q)))
    return greedy(q, draws)


@compiled
def _epsilon_greedy_probabilities(epsilon: float, q: Float64[Array, "A"], pi: Float64[Array, "A"]) -> None:
    best, ties = q.max(), 0
    for action in range(len(q)):
        ties += q[action] == best
    for action in range(len(q)):
        pi[action] = epsilon / len(q) + (1.0 - epsilon) / ties * (q[action] == best)


@compiled
def _softmax(temperature: float, q: Float64[Array, "A"], draws: np.random.Generator) -> int:
    total = 0.0
    best = q.max()
    for action in range(len(q)):
        total += math.exp((q[action] - best) / temperature)
    left = draws.random() * total
    for action in range(len(q) - 1):
        left -= math.exp((q[action] - best) / temperature)
        if left < 0.0:
            return action
    return len(q) - 1


@compiled
def _softmax_probabilities(temperature: float, q: Float64[Array, "A"], pi: Float64[Array, "A"]) -> None:
    total = 0.0
    best = q.max()
    for action in range(len(q)):
        pi[action] = math.exp((q[action] - best) / temperature)
        total += pi[action]
    for action in range(len(q)):
        pi[action] /= total


@dataclass(frozen=True, slots=True, kw_only=True)
class EpsilonGreedy:
    """The best action, ties broken by chance; with probability epsilon any action.

    Source: Sutton & Barto (2018) section 2.2.
    Neutral: epsilon=0 is greedy.
    """

    epsilon: float = setting(0.0, "probability of a random action at first")
    floor: float = setting(0.0, "probability below which it does not fall")
    over_steps: int | None = setting(None, "steps of a linear fall from epsilon to the floor; none for no such fall")
    factor: float = setting(1.0, "what epsilon is multiplied by at every step; 1 for no exponential fall")

    choose: ClassVar[Choose] = staticmethod(_epsilon_greedy)
    probabilities: ClassVar[Probabilities] = staticmethod(_epsilon_greedy_probabilities)

    def __post_init__(self) -> None:
        if not 0.0 <= self.floor <= 1.0 or not 0.0 <= self.epsilon <= 1.0:
            raise ValueError("epsilon and its floor must lie between 0 and 1")
        if self.floor > self.epsilon:
            raise ValueError("the floor of epsilon must not be above epsilon itself")
        if not 0.0 < self.factor <= 1.0:
            raise ValueError("the factor of epsilon must be above 0, and at most 1")
        if self.over_steps is not None and (self.over_steps < 1 or self.factor != 1.0):
            raise ValueError("epsilon falls linearly over_steps of 1 or more, or by a factor; give one of them")

    @property
    def chance(self) -> Chance:
        slope = 0.0 if self.over_steps is None else (self.epsilon - self.floor) / self.over_steps
        return Chance(self.epsilon, slope, self.factor, self.floor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax:
    """Actions by the exponential of their values: the better, the more likely.

        π(a|s) = exp(q(s, a) / τ) / Σ_b exp(q(s, b) / τ)

    Source: Sutton & Barto (2018) section 2.8 and 13.1.
    Neutral: temperature → 0 is greedy.
    """

    temperature: float = setting(1.0, "tau: high makes all actions alike, low the best one certain")

    choose: ClassVar[Choose] = staticmethod(_softmax)
    probabilities: ClassVar[Probabilities] = staticmethod(_softmax_probabilities)

    def __post_init__(self) -> None:
        if not 0.0 < self.temperature < math.inf:
            raise ValueError("the temperature of a softmax policy must be above 0")

    @property
    def chance(self) -> Chance:
        return Chance(self.temperature, 0.0, 1.0, self.temperature)


PolicySpec = EpsilonGreedy | Softmax
"""Every policy."""
