"""Any Gymnasium environment in place of a compiled world: the same learning, at the speed of Python."""

from __future__ import annotations

import numpy as np

from playfield.games.gymnasium_games import PREFIX, gymnasium_games
from playfield.linear.agent import Diverged, LinearAgent, Parts
from playfield.linear.play import CUT_OFF, DIVERGED, ENDED, Record, Setup
from playfield.linear.views import vector_view
from playfield.linear.worlds import GymnasiumWorld
from playfield.types import Clock


class EnvironmentRun:
    """One learner in one Gymnasium environment; plays as many episodes as it is asked for.

    Observations beyond a given range count as at its end.
    """

    def __init__(self, setup: Setup, draws: np.random.Generator) -> None:
        assert isinstance(setup.world, GymnasiumWorld)
        self._games = gymnasium_games(f"{PREFIX}{setup.world.id}", 1)
        view = vector_view(self._games.spec, setup.world.ranges)
        actions = len(self._games.spec.actions)
        parts = Parts(setup.learner, setup.encoder, setup.policy)
        self._agent = LinearAgent(parts, view, actions, draws)
        self.code, self.player, self._draws = self._agent.code, self._agent.player, draws

    def close(self) -> None:
        """Close the environment."""
        self._games.close()

    def play(self, episodes: int) -> Record:
        """Play and learn; shorter than asked for where the weights diverge, whose episode is the last."""
        found: list[tuple[int, float, int]] = []
        while len(found) < episodes and (not found or found[-1][2] != DIVERGED):
            found.append(self._episode())
        steps, rewards, outcome = zip(*found, strict=True)
        return Record(np.array(steps), np.array(rewards), np.array(outcome), np.full(len(found), np.nan))

    def _episode(self) -> tuple[int, float, int]:
        clock, rewards, steps = Clock(), 0.0, 0
        step = self._games.begin(self._draws)
        decision = self._agent.act(step, clock)
        while True:
            try:
                self._agent.observe(decision, step)
            except Diverged:
                return steps, rewards, DIVERGED
            if step.last[0]:
                return steps, rewards, CUT_OFF if step.discount[0] else ENDED
            decision = self._agent.act(step, clock)
            self._games.send(decision.action)
            step = self._games.recv()
            rewards += float(step.reward[0])
            steps += 1
