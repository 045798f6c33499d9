"""No episode of a Gymnasium environment is endless."""

from __future__ import annotations

import numpy as np

from playfield.games.gymnasium_games import MOST_STEPS, gymnasium_games


def test_an_environment_without_a_limit_is_cut_off() -> None:
    games = gymnasium_games("gym:CliffWalking-v1", 1)
    assert games.spec.protocol["max_steps"] == MOST_STEPS
    step = games.begin(np.random.default_rng(0))
    for played in range(1, MOST_STEPS + 1):
        games.send(np.array([0]))  # up, and then against the wall for ever
        step = games.recv()
        assert bool(step.last[0]) == (played == MOST_STEPS)
    assert step.discount[0] == 1.0


def test_an_environment_with_a_limit_keeps_it() -> None:
    assert gymnasium_games("gym:MountainCar-v0", 1).spec.protocol["max_steps"] == 200
