"""Epsilon-greedy actions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare
from torch import Tensor, nn

from core.tables import step
from playfield.agent import Acting, NetworkPolicy
from playfield.explore import EpsilonGreedy, Sampled, choose
from playfield.memory.rows import RowRing, RowShape
from playfield.returns import ExpectedReturns
from playfield.schedules import Linear, Piecewise


def test_without_chance_the_best_action_of_each_game_is_taken():
    q = np.array([[0, 0, 1], [5, 1, 2], [-3, -1, -2], [7, 7, 0]], np.float32)
    assert choose(q, np.zeros(4), np.random.default_rng(0)).tolist() == [2, 0, 1, 0]


class Rigged(nn.Module):
    """Prefers the action that the newest frame names."""

    def forward(self, obs: Tensor) -> ExpectedReturns:
        return ExpectedReturns(nn.functional.one_hot(obs[:, -1].long(), 4).float(), None)


def test_a_policy_without_chance_asks_its_network():
    shape = RowShape(size=2, games=3, frame_shape=(1,), frame_dtype="float32", stack=2)
    policy = NetworkPolicy(Acting(network=Rigged(), epsilon=0.0, draws=np.random.default_rng(0)), RowRing(shape))
    for wanted in ([3, 1, 2], [0, 0, 3], [2, 3, 1], [1, 2, 0]):
        frame = np.array(wanted, np.float32)[:, None]
        decided = policy.act(step(frame, [0] * 3, [1] * 3, [False] * 3, [False] * 3))
        assert decided.action.tolist() == wanted
        assert decided.value.tolist() == [1.0, 1.0, 1.0]


def test_all_chance_is_uniform():
    q = np.tile(np.array([[9, 0, 0, 0]], np.float32), (8000, 1))
    counts = np.bincount(choose(q, np.ones(8000), np.random.default_rng(1)), minlength=4)
    assert chisquare(counts).pvalue > 0.01


def test_a_random_action_may_be_the_best_one_too():
    q = np.tile(np.array([[9, 0, 0, 0]], np.float32), (20_000, 1))
    share = (choose(q, np.full(20_000, 0.4), np.random.default_rng(2)) == 0).mean()
    assert share == pytest.approx(0.6 + 0.4 / 4, abs=0.015)


def test_each_game_has_its_own_epsilon():
    q = np.tile(np.array([[9, 0]], np.float32), (4000, 1))
    epsilon = np.tile([0.0, 1.0], 2000)
    actions = choose(q, epsilon, np.random.default_rng(3))
    assert not actions[::2].any()
    assert 800 < actions[1::2].sum() < 1200


def test_later_draws_do_not_depend_on_epsilon():
    q = np.zeros((5, 3), np.float32)
    after = []
    for epsilon in (0.0, 0.5, 1.0):
        generator = np.random.default_rng(4)
        choose(q, np.full(5, epsilon), generator)
        after.append(generator.integers(0, 2**40))
    assert after[0] == after[1] == after[2]


def test_all_games_share_one_scheduled_epsilon():
    explore = EpsilonGreedy(Linear(1.0, 0.5, over_frames=100))
    assert explore.epsilon_at(50) == 0.75
    q = np.tile(np.array([[9, 0, 0]], np.float32), (500, 1))
    ours = explore.choose(q, 50, np.random.default_rng(5))
    assert ours.tolist() == choose(q, np.full(500, 0.75), np.random.default_rng(5)).tolist()


@pytest.mark.parametrize("peak", [1.5, -0.5])
def test_an_epsilon_that_is_no_probability_for_a_moment_is_refused(peak: float):
    with pytest.raises(ValueError, match="stay between 0 and 1"):
        EpsilonGreedy(Piecewise(((0.0, 0.5), (7.0, peak), (9.0, 0.5))))


def test_actions_are_sampled_as_the_policy_says():
    log_pi = np.log(np.array([[0.5, 0.2, 0.3]], np.float32)).repeat(6000, 0)
    counts = np.bincount(Sampled().choose(log_pi, 0, np.random.default_rng(6)), minlength=3)
    assert chisquare(counts, [3000, 1200, 1800]).pvalue > 0.01


def test_an_impossible_action_is_never_sampled():
    with np.errstate(divide="ignore"):
        log_pi = np.log(np.array([[0.0, 1.0, 0.0]], np.float32)).repeat(2000, 0)
    assert set(Sampled().choose(log_pi, 0, np.random.default_rng(7))) == {1}
