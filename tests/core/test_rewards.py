"""A single reward has to fit into the range of returns that a network can predict."""

from __future__ import annotations

import numpy as np
import pytest

from core.toys import ADAPTED, small_games
from playfield.build import build_session
from playfield.memory.rewards import RewardRange


def rewards(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_rewards_at_the_ends_fit_and_beyond_them_do_not():
    within = RewardRange(low=-3.0, high=2.0, scale=0.5)
    within.check(rewards(-6.0, 4.0))
    with pytest.raises(ValueError, match=r"reward of 5, learnt as 2\.5, which returns from -3 to 2 cannot hold: set "):
        within.check(rewards(0.0, 5.0))
    with pytest.raises(ValueError, match=r"reward of -7, learnt as -3\.5, .*memory\.reward_clip=1, lower memory\.rew"):
        within.check(rewards(-7.0, 0.0))


@pytest.mark.parametrize(("name", "bounded"), [("c51", True), ("hl_gauss", True), ("qr_dqn", False), ("dqn", False)])
def test_raw_rewards_beyond_the_support_end_a_training(name: str, bounded: bool):
    recipe = ADAPTED[name].with_overrides(["memory.reward_clip=none", "memory.reward_scale=20"])
    session = build_session(recipe, small_games(recipe.games), seed=0)
    if not bounded:
        assert sum(1 for _ in session.play(100)) > 0
        return
    with pytest.raises(ValueError, match=r"reward of -?1, learnt as -?20, which returns from -10 to 10 cannot hold"):
        for _ in session.play(100):
            pass
