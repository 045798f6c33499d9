"""From what a network says of the actions to actions: pure, given a generator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from playfield.schedules import Linear, Schedule, extremes
from playfield.settings import setting
from playfield.types import Array


@dataclass(frozen=True, slots=True)
class EpsilonGreedy:
    """The best action, but with probability epsilon any action.

    Source: Sutton & Barto (2018) section 2.2; the default schedule is that of Mnih et al. (2015).
    Neutral: epsilon=0 is greedy.
    """

    epsilon: Schedule = setting(Linear(), "probability of a random action, by emulator frames since learning began")

    def __post_init__(self) -> None:
        lowest, highest = extremes(self.epsilon)
        if not 0.0 <= lowest <= highest <= 1.0:
            raise ValueError("explore.epsilon must stay between 0 and 1")

    def epsilon_at(self, frames: int) -> float:
        """Probability of a random action."""
        return self.epsilon(frames)

    def choose(self, mean: Float[Array, "G A"], frames: int, draws: np.random.Generator) -> Int64[Array, "G"]:
        """An action for each game."""
        return choose(mean, np.full(len(mean), self.epsilon(frames)), draws)


@dataclass(frozen=True, slots=True)
class Sampled:
    """Every action with the probability that a policy network gives it.

    Source: Mnih et al. (2016), advantage actor-critic.
    Neutral: a policy that is certain of one action is greedy.
    """

    def epsilon_at(self, frames: int) -> float:
        """None: chance comes from the policy."""
        return 0.0

    def choose(self, mean: Float[Array, "G A"], frames: int, draws: np.random.Generator) -> Int64[Array, "G"]:
        """An action for each game; `mean` holds log probabilities."""
        below = np.exp(mean.astype(np.float64)).cumsum(1)
        point = draws.random(len(mean)) * below[:, -1]
        return (below <= point[:, None]).sum(1)


Explore = EpsilonGreedy | Sampled
"""Every way to try actions out."""


def choose(q: Float[Array, "G A"], epsilon: Float[Array, "G"], generator: np.random.Generator) -> Int64[Array, "G"]:
    """An epsilon-greedy action for each game.

    The same number of draws is made whatever epsilon is, so that a schedule does not shift later draws.
    """
    explores = generator.random(len(q)) < epsilon
    return np.where(explores, generator.integers(0, q.shape[1], len(q)), q.argmax(1))
