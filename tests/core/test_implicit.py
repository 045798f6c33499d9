"""The network of implicit quantiles: fractions, their features, and a head that is asked again for each set."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from playfield.networks import Chance, Draws, FractionEmbedding, ImplicitQNetwork, Plain, QNetwork
from playfield.returns import Expectation, ImplicitQuantiles
from playfield.returns.quantiles import QuantileReturn

FEATURES, ACTIONS = 5, 3


def draws(seed: int = 0) -> Draws:
    return Draws(torch.Generator().manual_seed(seed), Chance(torch.Generator().manual_seed(seed + 1)))


def network(spec: ImplicitQuantiles, seed: int = 0) -> ImplicitQNetwork:
    d = draws(seed)
    head = Plain(hidden=4).build(FEATURES, (ACTIONS,), spec.outputs, d)
    return ImplicitQNetwork(nn.Identity(), head, FractionEmbedding(spec, FEATURES, d), spec)


def seen() -> Tensor:
    return torch.rand(2, FEATURES, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("first", [0, 1])
def test_features_of_a_fraction_are_rectified_sums_of_cosines(first: int):
    spec = ImplicitQuantiles(cosines=3, first_cosine=first)
    embedding = FractionEmbedding(spec, FEATURES, draws())
    phi, tau = embedding(2, 4)
    weight, bias = embedding.linear.weight, embedding.linear.bias
    for b in range(2):
        for n in range(4):
            t = float(tau[b, n])
            assert 0.0 <= t < 1.0
            cosines = torch.tensor([math.cos(math.pi * i * t) for i in range(first, first + 3)])
            assert torch.allclose(phi[b, n], torch.relu(weight @ cosines + bias), atol=1e-6)


def test_every_quantile_is_the_head_at_features_times_those_of_its_fraction():
    spec = ImplicitQuantiles(samples=6, cosines=4)
    net, obs = network(spec), seen()
    again = network(spec)  # the same weights, and a source of fractions that stands at the same place
    found = net(obs).at(torch.tensor([2, 0]))
    phi, tau = again.embedding(2, 6)
    assert torch.equal(found.tau, tau)
    for b, action in enumerate((2, 0)):
        naive = [again.head((obs[b] * phi[b, n])[None])[0, action].item() for n in range(6)]
        assert found.values[b].tolist() == pytest.approx(naive, abs=1e-6)


def test_one_cosine_of_zero_hides_the_fraction():
    """A single value, learnt by half the Huber loss of each fraction on average."""
    spec = ImplicitQuantiles(samples=4000, cosines=1, first_cosine=0)
    found = network(spec)(seen()).at(torch.tensor([2, 0]))
    assert found.tau.std() > 0.2
    assert torch.equal(found.values, found.values[:, :1].expand(-1, 4000))
    aim = found.values[:, :1].detach() + torch.tensor([[3.0], [-0.5]])
    goal = QuantileReturn(aim, torch.full((1, 1), 0.5), spec.huber)
    huber = torch.tensor([3.0 - 0.5, 0.5 * 0.25])
    torch.testing.assert_close(found.distance(goal).loss / 4000, 0.5 * huber, rtol=0.05, atol=0.0)


def test_features_of_one_for_every_fraction_leave_the_plain_network():
    net, obs = network(ImplicitQuantiles(samples=6, cosines=4)), seen()
    with torch.no_grad():
        net.embedding.linear.weight.zero_()
        net.embedding.linear.bias.fill_(1.0)
    plain = QNetwork(net.torso, net.head, ACTIONS, Expectation())(obs).mean
    for action in range(ACTIONS):
        values = net(obs).at(torch.tensor([action, action])).values
        torch.testing.assert_close(values, plain[:, action, None].expand(-1, 6))


def test_every_look_draws_fractions_of_its_own_number():
    spec = ImplicitQuantiles(samples=2, target_samples=3, acting_samples=4, cosines=4)
    net = network(spec)
    returns = net(torch.ones(1, FEATURES))
    policy, bonus = torch.tensor([[0.0, 1.0, 0.0]]), torch.zeros(1, ACTIONS)
    assert returns.at(torch.tensor([1])).values.shape == (1, 2)
    assert returns.under(policy, bonus).values.shape == (1, 3)
    first, second = returns.mean, returns.mean
    assert first.shape == (1, ACTIONS)
    assert not torch.equal(first, second)


def test_gradients_reach_the_embedding():
    net = network(ImplicitQuantiles(samples=8, cosines=4))
    net(torch.ones(2, FEATURES)).at(torch.tensor([0, 1])).mean.sum().backward()
    gradient = net.embedding.linear.weight.grad
    assert gradient is not None
    assert float(gradient.abs().sum()) > 0


class Depths(nn.Module):
    """Counts how often observations pass."""

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0

    def forward(self, obs: Tensor) -> Tensor:
        self.passes += 1
        return obs


def test_the_torso_is_passed_once_however_often_the_head_is_asked():
    spec, d, torso = ImplicitQuantiles(cosines=4), draws(), Depths()
    net = ImplicitQNetwork(
        torso, Plain(hidden=4).build(FEATURES, (ACTIONS,), 1, d), FractionEmbedding(spec, FEATURES, d), spec
    )
    returns = net(torch.ones(1, FEATURES))
    assert returns.mean.shape == returns.mean.shape == (1, ACTIONS)
    assert torso.passes == 1
