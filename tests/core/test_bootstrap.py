"""Which next value is backed up, on integer tables: two samples, three actions."""

from __future__ import annotations

import torch

from core.tables import Table, batch
from playfield.bootstrap import Double, Greedy, Next, Settled
from playfield.learner import td_loss

#            samples 0 and 1, then the observations that follow them
ONLINE = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [0.0, 9.0, 1.0], [3.0, 1.0, 2.0]]
TARGET = [[9.0, 9.0, 9.0], [9.0, 9.0, 9.0], [10.0, 4.0, 8.0], [1.0, 7.0, 5.0]]
BATCH = batch(action=[0, 2], reward=[1.0, -1.0], discount=[0.5, 0.25])


def values(following: Next) -> list[float]:
    bonus = following.bonus if isinstance(following.bonus, torch.Tensor) else torch.zeros_like(following.policy)
    return following.returns.under(following.policy, bonus).value.tolist()


def test_greedy_backs_up_the_best_value_of_the_target():
    assert values(Greedy()(Table(ONLINE), Table(TARGET), BATCH)) == [10.0, 7.0]


def test_double_chooses_online_and_values_with_the_target():
    assert values(Double()(Table(ONLINE), Table(TARGET), BATCH)) == [4.0, 1.0]


def test_double_of_equal_networks_is_greedy():
    for table in (ONLINE, TARGET):
        assert values(Double()(Table(table), Table(table), BATCH)) == values(
            Greedy()(Table(table), Table(table), BATCH)
        )


def test_losses_of_dqn_and_double_by_hand():
    online, target = Table(ONLINE, huber=None), Table(TARGET, huber=None)
    # DQN:    y = 1 + 0.5*10 = 6, q = 1, error -5;    y = -1 + 0.25*7 = 0.75, q = 6, error 5.25
    distance, mean_q = td_loss(online, target, BATCH, Greedy())
    assert distance.loss.tolist() == [12.5, 0.5 * 5.25**2]
    assert float(mean_q) == 3.5
    # Double: y = 1 + 0.5*4 = 3, error -2;            y = -1 + 0.25*1 = -0.75, error 6.75
    distance, _ = td_loss(online, target, BATCH, Double())
    assert distance.loss.tolist() == [2.0, 0.5 * 6.75**2]


def test_no_gradient_flows_into_the_goal():
    online, target = Table(ONLINE), Table(TARGET)
    distance, _ = td_loss(online, target, BATCH, Double())
    distance.loss.sum().backward()
    assert target.q.grad is None
    assert online.q.grad is not None
    # Huber: errors -2 and 6.75 pull with 1 at the actions taken, and nowhere else.
    assert online.q.grad.tolist() == [[-1.0, 0, 0], [0, 0, 1.0], [0, 0, 0], [0, 0, 0]]


def test_discount_0_does_not_bootstrap():
    ended = batch(action=[0, 2], reward=[1.0, -1.0], discount=[0.0, 0.25])
    distance, _ = td_loss(Table(ONLINE, None), Table(TARGET, None), ended, Greedy())
    assert distance.loss.tolist() == [0.0, 0.5 * 5.25**2]  # q(s, a) = r = 1 exactly


def test_settled_is_regression_to_the_reward():
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(10, 3, generator=generator)
    network = Table(q.tolist(), huber=None)
    returns = torch.randn(5, generator=generator)
    whole = batch(action=[0, 1, 2, 1, 0], reward=returns.tolist(), discount=[0.0] * 5)
    distance, _ = td_loss(network, network, whole, Settled())
    distance.loss.mean().backward()
    by_hand = q.clone().requires_grad_()
    (0.5 * (by_hand[torch.arange(5), whole.action] - returns).square().mean()).backward()
    torch.testing.assert_close(distance.loss.detach(), 0.5 * (q[torch.arange(5), whole.action] - returns).square())
    torch.testing.assert_close(network.q.grad, by_hand.grad)
