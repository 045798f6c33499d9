"""Which next value is backed up, on integer tables: two samples, three actions."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from core.tables import Table, batch
from playfield.batch import Batch
from playfield.bootstrap import Double, Expected, Greedy, Munchausen, Next, QFunction, Settled, scaled_log_policy
from playfield.learner import td_loss
from playfield.recipes import RECIPES
from playfield.returns import (
    Categorical,
    Expectation,
    HLGauss,
    ImplicitQuantiles,
    ImplicitReturns,
    PolicyAndValue,
    QuantileReturns,
    Quantiles,
    Readable,
    Returns,
)  # fmt: skip

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


class Read(nn.Module):
    """Returns of a kind, read off what is looked up for an observation."""

    def __init__(self, spec: Readable) -> None:
        super().__init__()
        self.raw = nn.Parameter(torch.randn(10, 3, spec.outputs, generator=torch.Generator().manual_seed(1)))
        self.spec = spec

    def forward(self, obs: Tensor) -> Returns:
        return self.spec.read(self.raw[obs[:, 0].long()])


class Looked:
    """Backs up the best of one observation, whatever it is."""

    def __call__(self, online: QFunction, target: QFunction, batch: Batch) -> Next:
        returns = target(batch.next_obs[:1])
        return Next(returns, nn.functional.one_hot(returns.mean.argmax(1), 3).float(), 0.0, 0.0)


@pytest.mark.parametrize(
    "spec", [Expectation(), Categorical(-3.0, 3.0, 7), Quantiles(5), HLGauss(-3.0, 3.0, 7), PolicyAndValue()], ids=repr
)
def test_what_stands_in_where_nothing_is_backed_up_counts_for_nothing(spec: Readable):
    whole = batch(action=[0, 1, 2, 1, 0], reward=[0.5, -1.0, 2.0, 0.25, 0.0], discount=[0.0] * 5)
    found = []
    for bootstrap in (Settled(), Looked()):
        network = Read(spec)
        distance, mean = td_loss(network, network, whole, bootstrap)
        distance.loss.mean().backward()
        assert network.raw.grad is not None
        found.append((distance.loss.detach(), mean, network.raw.grad))
    for settled, looked in zip(*found, strict=True):
        torch.testing.assert_close(settled, looked)


def test_expected_values_the_epsilon_greedy_policy():
    # the best, 10 and 7, seven times in ten, and a tenth of the sums 22 and 13
    assert values(Expected(epsilon=0.3)(Table(ONLINE), Table(TARGET), BATCH)) == pytest.approx([9.2, 6.2])


def test_expected_without_chance_is_greedy():
    greedy = values(Greedy()(Table(ONLINE), Table(TARGET), BATCH))
    assert values(Expected(epsilon=0.0)(Table(ONLINE), Table(TARGET), BATCH)) == greedy


SOFT = [[0.0, math.log(3.0)], [5.0, 5.0], [math.log(4.0), 0.0], [1.0, 1.0]]
PAIRS = batch(action=[0, 1], reward=[1.0, -1.0], discount=[0.5, 0.25])


def test_munchausen_by_hand():
    """Temperature 1: policies are 1/4, 3/4 and 1/2, 1/2 before, 4/5, 1/5 and 1/2, 1/2 after."""
    munchausen = Munchausen(alpha=0.5, temperature=1.0, low=-1.0)
    following = munchausen(Table(ONLINE), Table(SOFT), PAIRS)
    # log(1/4) = -1.39 is clipped to -1; log(1/2) is not
    assert following.reward.tolist() == pytest.approx([-0.5, 0.5 * math.log(0.5)])
    assert following.policy.tolist()[0] == pytest.approx([0.8, 0.2])
    soft = [0.8 * (math.log(4.0) - math.log(0.8)) + 0.2 * (0.0 - math.log(0.2)), 1.0 + math.log(2.0)]
    assert values(following) == pytest.approx(soft)
    distance, _ = td_loss(Table(SOFT, None), Table(SOFT, None), PAIRS, munchausen)
    goals = [1.0 - 0.5 + 0.5 * soft[0], -1.0 + 0.5 * math.log(0.5) + 0.25 * soft[1]]
    assert distance.loss.tolist() == pytest.approx([0.5 * (0.0 - goals[0]) ** 2, 0.5 * (5.0 - goals[1]) ** 2])


def test_the_soft_value_is_a_log_sum_exp():
    """Σ π (q − τ log π) = τ log Σ exp(q/τ), for any temperature."""
    for temperature in (0.03, 1.0, 7.0):
        following = Munchausen(alpha=0.0, temperature=temperature)(Table(ONLINE), Table(TARGET), BATCH)
        expected = temperature * torch.logsumexp(torch.tensor(TARGET[2:]) / temperature, 1)
        assert values(following) == pytest.approx(expected.tolist(), rel=1e-5)


def test_munchausen_without_alpha_and_nearly_without_temperature_is_greedy():
    following = Munchausen(alpha=0.0, temperature=1e-4)(Table(ONLINE), Table(TARGET), BATCH)
    assert values(following) == pytest.approx(values(Greedy()(Table(ONLINE), Table(TARGET), BATCH)), abs=1e-3)
    assert torch.as_tensor(following.reward).tolist() == [0.0, 0.0]


def test_the_log_policy_may_come_from_the_online_network():
    online = [[0.0, 0.0], [0.0, math.log(3.0)], [9.0, 9.0], [9.0, 9.0]]
    following = Munchausen(alpha=1.0, temperature=1.0, log_policy="online")(Table(online), Table(SOFT), PAIRS)
    assert following.reward.tolist() == pytest.approx([math.log(0.5), math.log(0.75)])


class QuantileTable(nn.Module):
    """Two quantiles of each action's return, looked up by the single number that an observation holds."""

    def __init__(self, values: list[list[list[float]]], *, implicit: bool) -> None:
        super().__init__()
        self.values, self.implicit = torch.tensor(values), implicit

    def forward(self, obs: Tensor) -> ImplicitReturns | QuantileReturns:
        values = self.values[obs[:, 0].long()]

        def sample(count: int) -> QuantileReturns:
            """The mean where one fraction is asked for, as policies do here."""
            found = values if count == 2 else values.mean(2, keepdim=True)
            return QuantileReturns(found, ((torch.arange(count) + 0.5) / count).expand(len(obs), -1), 0.0)

        spec = ImplicitQuantiles(samples=2, target_samples=2, acting_samples=1, huber=0.0)
        return ImplicitReturns(sample, spec) if self.implicit else Quantiles(count=2, huber=0.0).read(values)


Z = 2 * math.log(3.0)  # at temperature 2, an action that is better by this is three times as likely
#                quantiles of action 0 and of action 1           policy
ONLINE_QUANTILES = [
    [[0.0, 0.0], [-Z - 1, -Z + 1]],  #                           3/4, 1/4
    [[Z - 1, Z + 1], [0.0, 0.0]],  #                             3/4, 1/4
    [[9.0, 9.0], [9.0, 9.0]],
    [[9.0, 9.0], [9.0, 9.0]],
]
TARGET_QUANTILES = [
    [[0.0, 0.0], [Z - 1, Z + 1]],  #                             1/4, 3/4
    [[0.0, 0.0], [Z - 1, Z + 1]],  #                             1/4, 3/4
    [[Z - 1, Z + 1], [-2.0, 2.0]],  #                            3/4, 1/4
    [[4.0, 6.0], [2.0, 8.0]],  #                                 1/2, 1/2
]


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("recipe", ["m_iqn", "btr"])
def test_munchausen_over_quantiles_by_hand(recipe: str, implicit: bool):
    """Each quantile of the goal is the policy's mean of the actions' quantiles, each with its bonus -τ log π."""
    munchausen = replace(RECIPES[recipe].bootstrap, alpha=0.5, temperature=2.0)
    online, target = (QuantileTable(z, implicit=implicit) for z in (ONLINE_QUANTILES, TARGET_QUANTILES))
    steps = batch(action=[0, 1], reward=[1.0, 3.0], discount=[0.5, 0.25])
    following = munchausen(online, target, steps)
    # 3/4 (Z ± 1 + 2 log 4/3) + 1/4 (±2 + 2 log 4) = 2 log 4 ± 5/4
    # 1/2 (5 ± 1 + 2 log 2)   + 1/2 (5 ± 3 + 2 log 2) = 5 + 2 log 2 ± 2
    assert isinstance(following.bonus, Tensor)
    goal = following.returns.under(following.policy, following.bonus)
    first, second = 2 * math.log(4.0), 5 + 2 * math.log(2.0)
    assert goal.values.tolist() == [
        pytest.approx([first - 1.25, first + 1.25]),
        pytest.approx([second - 2, second + 2]),
    ]
    # Half of 2 log(1/4), which is clipped to -1, and of 2 log(3/4): by the online policy in btr, the target's in m_iqn.
    rare, common = -0.5, math.log(0.75)
    added = (common, rare) if recipe == "btr" else (rare, common)
    # All predictions are 0 and all goals above: the loss is (1/4 + 3/4) of a goal's mean.
    distance, _ = td_loss(online, target, steps, munchausen)
    assert distance.loss.tolist() == pytest.approx([1 + added[0] + 0.5 * first, 3 + added[1] + 0.25 * second])
    assert distance.surprise.tolist() == pytest.approx((2 * distance.loss).tolist())


def test_a_small_temperature_does_not_overflow():
    scaled = scaled_log_policy(torch.tensor([[1e4, 0.0, -1e4]]), 1e-3)
    assert scaled.tolist() == [[0.0, -1e4, -2e4]]


@pytest.mark.parametrize("wrong", [{"alpha": 1.1}, {"temperature": 0.0}, {"low": 0.5}])
def test_impossible_munchausen_settings_are_refused(wrong: dict[str, float]):
    with pytest.raises(ValueError, match=r"bootstrap\.alpha"):
        Munchausen(**wrong)
