"""Any Gymnasium environment in place of a compiled world: the same learning, at the speed of Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from jaxtyping import Float64

from playfield.games.gymnasium_games import open_environment
from playfield.linear.learners import Transition
from playfield.linear.play import (
    CUT_OFF,
    DIVERGED,
    ENDED,
    LIMIT,
    Record,
    Setup,
    choose,
    has_diverged,
    look,
    ready,
    unseen,
    value,
)
from playfield.linear.worlds import GymnasiumWorld, Observations
from playfield.types import Array


def observations_of(space: gymnasium.Space[Any], ranges: Sequence[tuple[float, float]] | None = None) -> Observations:
    """What an environment shows, with ranges of the observed numbers in place of its own where they are given.

    Raises: ValueError where it shows anything but a vector or one of some states, or the ranges do not fit.
    """
    match space:
        case spaces.Discrete():
            if ranges is not None:
                raise ValueError("this environment observes numbered states, which have no ranges")
            return Observations(low=(0.0,), high=(float(space.n) - 1.0,), states=int(space.n))
        case spaces.Box(shape=(count,)):
            low, high = [float(x) for x in space.low], [float(x) for x in space.high]
            if ranges is not None:
                if len(ranges) != count:
                    raise ValueError(f"{count} numbers are observed here; give as many ranges, not {len(ranges)}")
                low, high = [pair[0] for pair in ranges], [pair[1] for pair in ranges]
            return Observations(low=tuple(low), high=tuple(high))
        case other:
            raise ValueError(f"linear learners need a vector or a numbered state to observe, not {other}")


class EnvironmentRun:
    """One learner in one Gymnasium environment; plays as many episodes as it is asked for.

    Observations beyond a given range count as at its end.
    """

    def __init__(self, setup: Setup, draws: np.random.Generator) -> None:
        assert isinstance(setup.world, GymnasiumWorld)
        self.environment, self._draws = open_environment(setup.world.id), draws
        choice = self.environment.action_space
        if not isinstance(choice, spaces.Discrete):
            raise ValueError(
                f"linear learners choose among actions, but {setup.world.id} has continuous or several ones "
                f"({choice}); choose an environment with a discrete choice"
            )
        self._first_action, actions = int(choice.start), int(choice.n)
        self._observations = observations_of(self.environment.observation_space, setup.world.ranges)
        self._first_state = int(getattr(self.environment.observation_space, "start", 0))
        self.code = setup.encoder.build(self._observations, actions)
        self.player = ready(setup.learner, setup.policy, self.code)
        self._here, self._there = unseen(actions, self.code.active), unseen(actions, self.code.active)

    def close(self) -> None:
        """Close the environment."""
        self.environment.close()

    def play(self, episodes: int) -> Record:
        """Play and learn; shorter than asked for where the weights diverge, whose episode is the last."""
        found: list[tuple[int, float, int]] = []
        while len(found) < episodes and (not found or found[-1][2] != DIVERGED):
            found.append(self._episode())
        steps, rewards, outcome = zip(*found, strict=True)
        return Record(np.array(steps), np.array(rewards), np.array(outcome), np.full(len(found), np.nan))

    def _episode(self) -> tuple[int, float, int]:
        player, here, there = self.player, self._here, self._there
        observation, _ = self.environment.reset(seed=int(self._draws.integers(2**31)))
        player.begin(player.mind)
        look(player, self._numbers(observation), here)
        action = choose(player, here, self._draws)
        rewards, steps = 0.0, 0
        while True:
            observation, reward, ended, cut_off, _ = self.environment.step(self._first_action + action)
            rewards += float(reward)
            steps += 1
            player.played[0] += 1
            look(player, self._numbers(observation), there)
            next_action = 0 if player.learns_first else choose(player, there, self._draws)
            went = Transition(action, float(reward), 0.0 if ended else 1.0, bool(ended or cut_off), next_action)
            player.learn(player.mind, here, went, there, self._draws)
            if has_diverged(player.mind.weights, here.feature[action]):
                return steps, rewards, DIVERGED
            if ended or cut_off:
                sound = np.abs(player.mind.weights).max() <= LIMIT
                return steps, rewards, (ENDED if ended else CUT_OFF) if sound else DIVERGED
            if player.learns_first:
                value(player, there)
                next_action = choose(player, there, self._draws)
            here, there, action = there, here, next_action

    def _numbers(self, observation: Any) -> Float64[Array, "N"]:
        if self._observations.states is not None:
            return np.array([float(observation) - self._first_state])
        return np.clip(np.asarray(observation, np.float64), self._observations.low, self._observations.high)
