"""Categorical, quantile and histogram returns: numbers worked by hand or published, and neutral settings."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from playfield.returns import Categorical, Expectation, HLGauss, ImplicitQuantiles, PolicyAndValue, Quantiles
from playfield.returns.categorical import CategoricalReturn, project
from playfield.returns.hl_gauss import histogram
from playfield.returns.quantiles import ImplicitReturns, QuantileReturn, QuantileReturns
from playfield.returns.support import outside_share

SUPPORT = torch.tensor([0.0, 1.0, 2.0])


def categorical(p: list[list[float]], support: torch.Tensor = SUPPORT) -> CategoricalReturn:
    log_p = torch.tensor(p).log()
    return CategoricalReturn(log_p, support.expand_as(log_p), support)


def test_the_categorical_loss_gives_the_published_numbers():
    """Source: the test of categorical TD learning in rlax (DeepMind)."""
    raw = torch.tensor([[0, 9, 0], [9, 0, 9], [0, 9, 0], [9, 9, 0], [9, 0, 9]], dtype=torch.float32)[:, None]
    following = torch.tensor([[0, 0, 9], [1, 1, 1], [0, 0, 9], [1, 1, 1], [0, 9, 9]], dtype=torch.float32)[:, None]
    spec, action = Categorical(0.5, 1.5, atoms=3), torch.zeros(5, dtype=torch.int64)
    goal = (
        spec.read(following)
        .at(action)
        .backup(torch.tensor([0.5, 0.0, 0.5, 0.8, -0.1]), torch.tensor([0.8, 1.0, 0.8, 0.0, 1.0]))
    )
    loss = spec.read(raw).at(action).distance(goal).loss
    assert loss.tolist() == pytest.approx([8.998915, 3.6932087, 8.998915, 0.69320893, 5.1929307], rel=1e-5)


def test_projection_shares_mass_between_neighbours_and_ends():
    p = torch.tensor([[0.5, 0.25, 0.25]])
    atoms = torch.tensor([[0.25, -7.0, 9.0]])
    # 0.25 lies three quarters at 0 and one at 1; -7 goes to 0 and 9 to 2
    assert project(p, atoms, SUPPORT).tolist() == [[0.5 * 0.75 + 0.25, 0.5 * 0.25, 0.25]]


def test_projection_of_what_lies_on_the_support_is_the_identity():
    p = torch.tensor([[0.2, 0.5, 0.3]])
    assert project(p, SUPPORT[None], SUPPORT).tolist() == p.tolist()


def test_a_terminal_reward_between_two_atoms_is_halved():
    support = torch.linspace(-10.0, 10.0, 51)
    ended = categorical([[1 / 51] * 51], support).backup(torch.tensor([0.2]), torch.tensor([0.0]))
    mass = project(ended.log_p.exp(), ended.atoms, support)[0]
    assert mass[25].item() == pytest.approx(0.5, abs=1e-5)
    assert mass[26].item() == pytest.approx(0.5, abs=1e-5)


@given(st.lists(st.floats(-30, 30), min_size=3, max_size=3), st.floats(-5, 5), st.floats(0, 1))
def test_projection_keeps_all_mass_and_equals_the_floor_and_ceiling_form(
    raw: list[float], reward: float, discount: float
):
    p = torch.tensor([raw], dtype=torch.float64).softmax(1)
    support = SUPPORT.double()
    atoms = reward + discount * support[None]
    naive = np.zeros(3)
    for mass, atom in zip(p[0].tolist(), atoms[0].tolist(), strict=True):
        place = min(max(atom, 0.0), 2.0)
        low = math.floor(place)
        naive[low] += mass * (1 - (place - low))
        if place > low:
            naive[low + 1] += mass * (place - low)
    found = project(p, atoms, support)[0]
    assert found.tolist() == pytest.approx(naive.tolist(), abs=1e-9)
    assert found.sum().item() == pytest.approx(1.0)


def test_a_soft_policy_mixes_distributions():
    returns = Categorical(0.0, 2.0, atoms=3).read(torch.tensor([[[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]]]).log())
    mixed = returns.under(torch.tensor([[0.25, 0.75]]), torch.zeros(1, 2))
    assert mixed.log_p.exp()[0].tolist() == pytest.approx([0.35, 0.175, 0.475])
    certain = returns.under(torch.tensor([[0.0, 1.0]]), torch.zeros(1, 2))
    assert certain.log_p.exp()[0].tolist() == pytest.approx([0.2, 0.2, 0.6])
    assert returns.mean[0].tolist() == pytest.approx([0.3, 1.4])


def test_what_a_target_holds_beyond_the_support_is_told():
    prediction = categorical([[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]])
    goal = prediction.backup(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0]))  # the last atom moves to 3
    assert prediction.distance(goal).outside is not None
    assert prediction.distance(goal).outside.tolist() == pytest.approx([0.5, 0.0])


def test_what_lies_beyond_either_end_is_outside_and_the_ends_are_not():
    values, p = torch.tensor([[-1.25, -1.0, 0.0, 2.0, 2.5]]), torch.tensor([[0.1, 0.2, 0.3, 0.15, 0.25]])
    assert outside_share(values, torch.tensor([-1.0, 0.5, 2.0]), p).tolist() == pytest.approx([0.1 + 0.25])


def test_targets_beyond_either_end_are_told_by_both_histograms():
    moved, kept = torch.tensor([1.0, -1.0, 0.0]), torch.ones(3)
    atoms = categorical([[0.2, 0.3, 0.5]] * 3)
    assert atoms.distance(atoms.backup(moved, kept)).outside.tolist() == pytest.approx([0.5, 0.2, 0.0])
    bins = HLGauss(-2.0, 2.0, bins=4).read(torch.zeros(4, 1, 4)).at(torch.zeros(4, dtype=torch.int64))
    goal = bins.backup(torch.tensor([2.5, -2.5, 2.0, -2.0]), torch.ones(4))
    assert bins.distance(goal).outside.tolist() == [1.0, 1.0, 0.0, 0.0]


def test_categorical_samples_are_prioritised_by_the_cross_entropy():
    """As in Rainbow: two distributions of one mean are no surprise to a temporal-difference error."""
    prediction, goal = categorical([[0.25, 0.5, 0.25]]), categorical([[0.5, 0.0, 0.5]])
    distance = prediction.distance(goal)
    assert prediction.mean.tolist() == goal.mean.tolist() == [1.0]
    assert distance.surprise.tolist() == pytest.approx([math.log(4.0)])
    assert not distance.surprise.requires_grad


def test_two_atoms_are_logistic_regression_of_the_mean():
    returns = Categorical(0.0, 2.0, atoms=2).read(torch.tensor([[[0.3, 1.5]]]))
    share = 1 / (1 + math.exp(0.3 - 1.5))
    assert returns.mean.item() == pytest.approx(2 * share)
    prediction, action = returns.at(torch.tensor([0])), torch.tensor([0])
    goal = Categorical(0.0, 2.0, atoms=2).read(torch.tensor([[[50.0, -50.0]]])).at(action)  # surely 0
    told = prediction.distance(goal.backup(torch.tensor([0.5]), torch.tensor([1.0]))).loss.item()
    assert told == pytest.approx(-0.25 * math.log(share) - 0.75 * math.log(1 - share), rel=1e-5)


@pytest.mark.parametrize(("low", "high", "atoms"), [(1.0, 1.0, 5), (2.0, 1.0, 5), (0.0, 1.0, 1)])
def test_a_support_without_room_is_refused(low: float, high: float, atoms: int):
    with pytest.raises(ValueError, match=r"returns\."):
        Categorical(low, high, atoms)
    with pytest.raises(ValueError, match=r"returns\."):
        HLGauss(low, high, atoms)


def test_the_quantile_loss_by_hand():
    prediction = QuantileReturn(torch.tensor([[0.0, 3.0]]), torch.tensor([[0.25, 0.75]]), 1.0)
    target = QuantileReturn(torch.tensor([[1.0, 5.0]]), torch.tensor([[0.25, 0.75]]), 1.0)
    # u = y - theta:  from 0: 1, 5 -> Huber 0.5, 4.5, both from above: 0.25 * (0.5 + 4.5) / 2 = 0.625
    #                 from 3: -2, 2 -> Huber 1.5, 1.5: (|0.75-1| * 1.5 + 0.75 * 1.5) / 2 = 0.75
    distance = prediction.distance(target)
    assert distance.loss.tolist() == [0.625 + 0.75]
    assert distance.surprise.tolist() == [(1 + 5) / 2 + (2 + 2) / 2]


def test_without_huber_the_loss_is_that_of_quantile_regression():
    prediction = QuantileReturn(torch.tensor([[0.0]]), torch.tensor([[0.1]]), 0.0)
    target = QuantileReturn(torch.tensor([[4.0, -4.0]]), torch.tensor([[0.25, 0.75]]), 0.0)
    assert prediction.distance(target).loss.tolist() == pytest.approx([(0.1 * 4 + 0.9 * 4) / 2])


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4), st.lists(st.floats(-3, 3), min_size=5, max_size=5))
def test_the_quantile_loss_equals_a_naive_one(theta: list[float], y: list[float]):
    tau, kappa = [0.1, 0.3, 0.6, 0.9], 0.5
    naive = 0.0
    for t, predicted in zip(tau, theta, strict=True):
        for aim in y:
            u = aim - predicted
            huber = 0.5 * u * u if abs(u) <= kappa else kappa * (abs(u) - 0.5 * kappa)
            naive += abs(t - (u < 0)) * huber / kappa / len(y)
    prediction = QuantileReturn(
        torch.tensor([theta], dtype=torch.float64), torch.tensor([tau], dtype=torch.float64), kappa
    )
    target = QuantileReturn(torch.tensor([y], dtype=torch.float64), torch.zeros(1, 5).double(), kappa)
    assert prediction.distance(target).loss.item() == pytest.approx(naive, abs=1e-9)


def test_fixed_fractions_are_midpoints():
    returns = Quantiles(count=4).read(torch.zeros(2, 3, 4))
    assert returns.tau.tolist() == [[0.125, 0.375, 0.625, 0.875]]


def test_one_median_quantile_is_the_expectation():
    raw, goal = torch.tensor([[[2.0], [-1.0]]]), torch.tensor([[[0.5], [4.0]]])
    action, policy = torch.tensor([1]), torch.tensor([[0.0, 1.0]])
    losses = []
    for spec in (Quantiles(count=1, huber=1.0), Expectation(huber=1.0)):
        target = spec.read(goal).under(policy, torch.zeros(1, 2)).backup(torch.tensor([1.0]), torch.tensor([0.5]))
        losses.append(spec.read(raw).at(action).distance(target).loss)
    assert losses[0].tolist() == (0.5 * losses[1]).tolist()  # |1/2 - 1{u<0}| is one half


def test_implicit_quantiles_are_drawn_as_often_as_their_use_asks():
    drawn: list[int] = []

    def sample(count: int) -> QuantileReturns:
        drawn.append(count)
        return QuantileReturns(torch.full((1, 2, count), float(len(drawn))), torch.full((1, count), 0.5), 1.0)

    returns = ImplicitReturns(sample, ImplicitQuantiles(samples=3, target_samples=5, acting_samples=7))
    prediction = returns.at(torch.tensor([0]))
    goal = returns.under(torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2))
    mean = returns.mean
    assert drawn == [3, 5, 7]
    assert (prediction.values.shape, goal.values.shape) == ((1, 3), (1, 5))
    assert returns.worth(mean).tolist() == [3.0]
    assert drawn == [3, 5, 7]


def test_a_histogram_is_the_gaussian_between_its_edges():
    edges, sigma = torch.tensor([-1.0, 0.0, 1.0, 2.0]), 0.5
    found = histogram(torch.tensor([0.3, -9.0]), edges, sigma)
    for row, value in zip(found, (0.3, -1.0), strict=True):
        mass = np.diff(norm.cdf([-1.0, 0.0, 1.0, 2.0], value, sigma))
        assert row.tolist() == pytest.approx((mass / mass.sum()).tolist(), abs=1e-6)


def test_targets_are_as_wide_as_spread_bins_by_hand():
    """Three bins of width 2 and a spread of 1/2: a standard deviation of 1."""
    spec = HLGauss(-3.0, 3.0, bins=3, spread=0.5)
    assert spec.edges(torch.device("cpu")).tolist() == [-3.0, -1.0, 1.0, 3.0]
    assert spec.sigma == 1.0
    assert HLGauss().sigma == pytest.approx(0.75 * 20 / 51)
    log_p = torch.tensor([[[0.2, 0.3, 0.5]]]).log()
    prediction = spec.read(log_p).at(torch.tensor([0]))
    goal = prediction.backup(torch.tensor([0.0]), torch.tensor([0.0]))  # surely 0
    # The target has 0.6827 within one deviation and 0.1573 on either side within three: of 0.9973 in all.
    side, middle = 0.157305 / 0.997300, 0.682689 / 0.997300
    loss = -(side * math.log(0.2) + middle * math.log(0.3) + side * math.log(0.5))
    assert prediction.distance(goal).loss.item() == pytest.approx(loss, abs=1e-5)


@pytest.mark.parametrize(("value", "its_bin"), [(-1.9, 0), (-0.01, 1), (0.01, 2), (1.2, 3), (-9.0, 0), (9.0, 3)])
def test_a_histogram_of_no_spread_is_the_one_hot_of_its_bin(value: float, its_bin: int):
    spec = HLGauss(-2.0, 2.0, bins=4, spread=1e-4)
    one_hot = [float(i == its_bin) for i in range(4)]
    assert histogram(torch.tensor([value]), spec.edges(torch.device("cpu")), spec.sigma).tolist() == [one_hot]
    prediction = spec.read(torch.tensor([[[0.1, 0.2, 0.3, 0.4]]]).log()).at(torch.tensor([0]))
    goal = prediction.backup(torch.tensor([value]), torch.tensor([0.0]))
    assert prediction.distance(goal).loss.item() == pytest.approx(-math.log((its_bin + 1) / 10), rel=1e-5)


def test_a_histogram_learns_a_value_and_its_mean_is_read_back():
    spec = HLGauss(-2.0, 2.0, bins=8)
    log_p = histogram(torch.tensor([0.7]), spec.edges(torch.device("cpu")), spec.sigma).clamp_min(1e-7).log()
    returns = spec.read(log_p[:, None].expand(1, 2, 8).contiguous())
    assert returns.mean[0].tolist() == pytest.approx([0.7, 0.7], abs=2e-3)
    exact, off = (
        returns.at(torch.tensor([0])).distance(
            returns.at(torch.tensor([1])).backup(torch.tensor([shift]), torch.tensor([1.0]))
        )
        for shift in (0.0, 0.5)
    )
    entropy = -(log_p.exp() * log_p).sum()
    assert exact.loss.item() == pytest.approx(entropy.item(), abs=1e-3)
    assert off.loss.item() > exact.loss.item() + 0.1
    assert off.surprise.item() == pytest.approx(0.5)


def test_a_histogram_carries_a_bonus():
    returns = HLGauss(-2.0, 2.0, bins=8).read(torch.zeros(1, 2, 8))  # all means are 0
    goal = returns.under(torch.tensor([[0.25, 0.75]]), torch.tensor([[2.0, -1.0]]))
    assert goal.mean.tolist() == pytest.approx([0.25 * 2.0 - 0.75])


def test_policy_and_value_by_hand():
    raw = torch.tensor([[[math.log(0.25), 2.0], [math.log(0.75), 4.0]]], requires_grad=True)
    spec = PolicyAndValue(value_weight=0.5, entropy_weight=0.1)
    returns = spec.read(raw)
    assert returns.mean.exp()[0].tolist() == pytest.approx([0.25, 0.75])
    assert returns.worth(returns.mean).tolist() == [3.0]
    goal = returns.under(torch.tensor([[0.0, 1.0]]), torch.zeros(1, 2)).backup(torch.tensor([5.0]), torch.tensor([0.0]))
    distance = returns.at(torch.tensor([0])).distance(goal)
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    # the advantage is 5 - 3 = 2
    expected = 0.5 * 0.5 * 4.0 - 2.0 * math.log(0.25) - 0.1 * entropy
    assert distance.loss.item() == pytest.approx(expected, rel=1e-6)
    assert distance.surprise.tolist() == [2.0]
    distance.loss.sum().backward()
    assert raw.grad is not None
    # critic: -0.5 * 2, shared by two outputs; actor: -2 * (1 - 0.25) for the action, apart from the entropy's pull
    assert raw.grad[0, :, 1].tolist() == pytest.approx([-0.5, -0.5])
    pull = [0.1 * p * (math.log(p) + entropy) for p in (0.25, 0.75)]
    assert raw.grad[0, :, 0].tolist() == pytest.approx([-2 * 0.75 + pull[0], 2 * 0.75 + pull[1]], rel=1e-5)


def test_with_one_action_and_no_entropy_a_critic_is_regression():
    raw = torch.tensor([[[0.3, 2.0]]])
    judged = PolicyAndValue(value_weight=1.0, entropy_weight=0.0).read(raw)
    valued = Expectation(huber=None).read(raw[:, :, 1:])
    losses = []
    for returns in (judged, valued):
        goal = returns.under(torch.ones(1, 1), torch.zeros(1, 1)).backup(torch.tensor([1.0]), torch.tensor([0.5]))
        losses.append(returns.at(torch.tensor([0])).distance(goal).loss.item())
    assert losses[0] == losses[1]
