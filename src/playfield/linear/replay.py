"""What the present weights would do, and what they think of the world: asked without the learner's noticing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from playfield.games.games import Games, Observations
from playfield.games.gymnasium_games import PREFIX, gymnasium_games
from playfield.linear.compiled import compiled_anew
from playfield.linear.environments import EnvironmentRun
from playfield.linear.features import dot
from playfield.linear.index_table import copy_of
from playfield.linear.learners import ActorCritic, Seen
from playfield.linear.play import LinearRun, Player, Setup, look, unseen
from playfield.linear.policies import greedy
from playfield.linear.views import View, vector_view
from playfield.linear.worlds import GymnasiumWorld, Start, StepOf
from playfield.rng import Rng
from playfield.types import Array

MOST_STEPS = 1000
"""Steps after which a greedy episode is left: early in learning it may drive in circles for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One episode under the greedy policy."""

    states: Float64[Array, "T N"]
    """Everything that was observed, from the first to the last."""
    reward: float
    ended: bool
    """The world ended it; else it was cut off, or left after the most steps."""


class _Ground(NamedTuple):
    start: Start
    step: StepOf
    numbers: Float64[Array, "P"]


@compiled_anew
def _judge_all(player: Player, observations: Float64[Array, "S N"], seen: Seen, q: Float64[Array, "S A"]) -> None:
    for row in range(len(observations)):
        look(player, observations[row], seen)
        q[row] = seen.q


@compiled_anew
def _criticise_all(player: Player, observations: Float64[Array, "S N"], seen: Seen, v: Float64[Array, "S"]) -> None:
    for row in range(len(observations)):
        look(player, observations[row], seen)
        v[row] = dot(player.mind.values, seen.feature[0], seen.value)


@compiled_anew
def _greedy_episode(
    player: Player, ground: _Ground, seen: Seen, draws: np.random.Generator, states: Float64[Array, "T N"]
) -> tuple[int, float, bool]:
    ground.start(ground.numbers, states[0], draws)
    rewards = 0.0
    for step in range(1, len(states)):
        look(player, states[step - 1], seen)
        states[step] = states[step - 1]
        reward, ended = ground.step(ground.numbers, states[step], greedy(seen.q, draws), draws)
        rewards += reward
        if ended:
            return step, rewards, True
    return len(states) - 1, rewards, False


class Bystander:
    """Asks one run what it knows. The run's chance, traces and index table stay as they are."""

    def __init__(self, setup: Setup, run: LinearRun | EnvironmentRun) -> None:
        self.setup, self._run = setup, run
        self._games: Games | None = None
        self._view: View | None = None
        if isinstance(setup.world, GymnasiumWorld):
            # An environment and a view of our own: the run's may be in the middle of an episode.
            self._games = gymnasium_games(f"{PREFIX}{setup.world.id}", 1)
            self._view = vector_view(self._games.spec, setup.world.ranges)
            self.observations: Observations = self._view.observations
            actions = len(self._games.spec.actions)
        else:
            self.observations, actions = setup.world.observations, len(setup.world.actions)
        self._seen = unseen(actions, run.code.active)

    def values(self, observations: Float64[Array, "S N"]) -> Float64[Array, "S A"]:
        """What the learner thinks of every action in such observations; tiles that were never met are worth 0."""
        q = np.zeros((len(observations), len(self._seen.q)))
        _judge_all(self._player(), np.ascontiguousarray(observations, np.float64), self._seen, q)
        return q

    def worth(self, observations: Float64[Array, "S N"]) -> Float64[Array, "S"]:
        """What the learner thinks of such observations: the value of the best action, or the critic's own."""
        if not isinstance(self.setup.learner, ActorCritic):
            return self.values(observations).max(1)
        v = np.zeros(len(observations))
        _criticise_all(self._player(), np.ascontiguousarray(observations, np.float64), self._seen, v)
        return v

    def replay(self, seed: int = 0, most_steps: int = MOST_STEPS) -> Replay:
        """An episode under the greedy policy from its own seed, with the weights as they are now."""
        draws = Rng(seed).numpy("replay")
        if isinstance(self.setup.world, GymnasiumWorld):
            return self._environment_replay(draws, most_steps)
        world = self.setup.world
        most = most_steps if world.max_steps is None else min(most_steps, world.max_steps)
        states = np.zeros((most + 1, len(self.observations.low)))
        ground = _Ground(world.start, world.step, world.numbers)
        count, reward, ended = _greedy_episode(self._player(), ground, self._seen, draws, states)
        return Replay(states=states[: count + 1].copy(), reward=reward, ended=ended)

    def close(self) -> None:
        """Close the environment, where there is one."""
        if self._games is not None:
            self._games.close()

    def _environment_replay(self, draws: np.random.Generator, most_steps: int) -> Replay:
        assert self._games is not None
        assert self._view is not None
        player, step = self._player(), self._games.begin(draws)
        states = [self._view.see(step.frame[0], True)]
        reward = 0.0
        while len(states) <= most_steps and not step.last[0]:
            look(player, states[-1], self._seen)
            self._games.send(np.array([greedy(self._seen.q, draws)]))
            step = self._games.recv()
            states.append(self._view.see(step.frame[0], False))
            reward += float(step.reward[0])
        ended = bool(step.last[0] and not step.discount[0])
        return Replay(states=np.stack(states), reward=reward, ended=ended)

    def _player(self) -> Player:
        """With a copy of an index table, whose places are for what is met while learning."""
        player = self._run.player
        table = getattr(self._run.code.numbers, "table", None)
        return player if table is None else player._replace(numbers=player.numbers._replace(table=copy_of(table)))
