"""The five verbs of expected returns, on tables a person can check."""

from __future__ import annotations

import pytest
import torch

from playfield.returns import Expectation, ExpectedReturn, ExpectedReturns

Q = torch.tensor([[1.0, 5.0, 2.0], [7.0, 0.0, -3.0]])


def test_mean_and_at_take_raw_q_at_the_action():
    returns = ExpectedReturns(Q, 1.0)
    assert returns.mean.tolist() == Q.tolist()
    assert returns.at(torch.tensor([2, 0])).value.tolist() == [2.0, 7.0]


def test_under_weighs_every_action_and_adds_the_bonus():
    policy = torch.tensor([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])
    bonus = torch.tensor([[2.0, 0.0, 4.0], [9.0, -1.0, 9.0]])
    # 0.5 (1+2) + 0.25 (5+0) + 0.25 (2+4) = 4.25;   1 (0-1) = -1
    assert ExpectedReturns(Q, None).under(policy, bonus).value.tolist() == [4.25, -1.0]


def test_backup_is_reward_plus_discounted_value_and_keeps_the_loss():
    backed = ExpectedReturn(torch.tensor([10.0, 10.0]), 2.0).backup(torch.tensor([1.0, 2.0]), torch.tensor([0.5, 0.0]))
    assert backed.value.tolist() == [6.0, 2.0]
    assert backed.huber == 2.0


@pytest.mark.parametrize(
    ("huber", "losses", "gradients"),
    [
        # errors         -3    -0.5   0    1    4
        (None, [4.5, 0.125, 0.0, 0.5, 8.0], [-3.0, -0.5, 0.0, 1.0, 4.0]),
        (1.0, [2.5, 0.125, 0.0, 0.5, 3.5], [-1.0, -0.5, 0.0, 1.0, 1.0]),
        (2.0, [4.0, 0.125, 0.0, 0.5, 6.0], [-2.0, -0.5, 0.0, 1.0, 2.0]),
    ],
)
def test_distance_and_its_gradient(huber: float | None, losses: list[float], gradients: list[float]):
    errors = torch.tensor([-3.0, -0.5, 0.0, 1.0, 4.0])
    target = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    value = (target + errors).requires_grad_()
    distance = ExpectedReturn(value, huber).distance(ExpectedReturn(target, huber))
    distance.loss.sum().backward()
    assert distance.loss.tolist() == losses
    assert value.grad is not None
    assert value.grad.tolist() == gradients
    assert distance.surprise.tolist() == [3.0, 0.5, 0.0, 1.0, 4.0]
    assert not distance.surprise.requires_grad


def test_mean_huber_descends_like_natures_summed_clipped_error():
    # Nature: the TD error, clipped to [-1, 1], is summed over the batch; the mean is 1/B of it.
    errors = torch.linspace(-5, 5, 32)
    value = errors.clone().requires_grad_()
    ExpectedReturn(value, 1.0).distance(ExpectedReturn(torch.zeros(32), 1.0)).loss.mean().backward()
    assert value.grad is not None
    torch.testing.assert_close(value.grad * 32, errors.clamp(-1, 1))


def test_read_drops_the_axis_of_outputs():
    assert Expectation(huber=None).read(Q[:, :, None]).mean.tolist() == Q.tolist()


@pytest.mark.parametrize("huber", [0.0, -1.0])
def test_a_huber_of_nothing_is_refused(huber: float):
    with pytest.raises(ValueError, match="above 0, or none"):
        Expectation(huber=huber)
