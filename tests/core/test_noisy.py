"""Noisy layers: the noise's shape and source, where it is silent, and what is learnt about it."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.toys import ADAPTED, small_games, small_session
from playfield.build import build_network, build_policy
from playfield.learner import load_weights
from playfield.networks import Chance, Dense, Draws, Dueling, Noisy, NoisyLinear, Plain, UniformInit
from playfield.networks.layers import noise_factor
from playfield.rng import Rng
from playfield.session import Session


def draws(seed: int = 0) -> Draws:
    return Draws(torch.Generator().manual_seed(seed), Chance(torch.Generator().manual_seed(seed + 1)))


def noisy(entries: int, units: int, sigma: float = 0.5, seed: int = 0) -> NoisyLinear:
    layer = Noisy(sigma).build(entries, units, UniformInit(), draws(seed))
    assert isinstance(layer, NoisyLinear)
    return layer


def bare(entries: int, units: int) -> NoisyLinear:
    """Nothing but noise: means of 0, amounts of 1."""
    layer = noisy(entries, units)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
        layer.weight_sigma.fill_(1.0)
        layer.bias_sigma.fill_(1.0)
    return layer


def noise(layer: NoisyLinear) -> tuple[Tensor, Tensor]:
    """The noise of one pass through a bare layer: of the weights and of the biases."""
    entries = layer.weight.shape[1]
    out = layer(torch.cat([torch.zeros(1, entries), torch.eye(entries)])).detach()
    return (out[1:] - out[0]).T, out[0]


def test_the_noise_factor_worked_by_hand():
    assert noise_factor(torch.tensor([4.0, -9.0, 0.25, 0.0])).tolist() == [2.0, -3.0, 0.5, 0.0]


def test_the_noise_of_the_weights_has_rank_one_and_that_of_the_biases_is_its_factor():
    layer = bare(7, 5)
    generator = torch.Generator().manual_seed(1)
    of_entries, of_units = (noise_factor(torch.empty(n).normal_(generator=generator)) for n in (7, 5))
    weight, bias = noise(layer)
    torch.testing.assert_close(weight, torch.outer(of_units, of_entries))
    torch.testing.assert_close(bias, of_units)
    singular = torch.linalg.svdvals(weight)
    assert singular[0] > 0.5
    assert singular[1] < 1e-5


def test_one_pass_worked_by_hand():
    layer = noisy(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0]]))
        layer.weight_sigma.copy_(torch.tensor([[0.5, 0.25]]))
        layer.bias.fill_(3.0)
        layer.bias_sigma.fill_(2.0)
    normals = iter([torch.tensor([4.0, -1.0]), torch.tensor([9.0])])
    layer.chance.normal = lambda size: next(normals)  # type: ignore[method-assign]
    # f(e_in) = (2, -1), f(e_out) = 3: weights 1 + 0.5*6 and 2 - 0.25*3, bias 3 + 2*3
    assert layer(torch.tensor([[1.0, 1.0], [2.0, 0.0]])).tolist() == [[4.0 + 1.25 + 9.0], [8.0 + 9.0]]


def test_the_whole_batch_shares_one_sample_of_noise():
    out = bare(6, 4)(torch.ones(3, 6))
    for row in (out[1], out[2]):  # on some processors rows of one product differ in their last bit
        torch.testing.assert_close(row, out[0], rtol=1e-6, atol=1e-6)


def test_every_pass_draws_its_own_noise_and_the_generator_repeats_it():
    layer, x = noisy(6, 4), torch.ones(2, 6)
    before = layer.chance.generator.get_state()
    first, second = layer(x), layer(x)
    assert not torch.equal(first, second)
    layer.chance.generator.set_state(before)
    assert torch.equal(layer(x), first)
    assert torch.equal(layer(x), second)


def test_evaluation_uses_the_means_alone_and_draws_nothing():
    layer = noisy(6, 4).eval()
    before = layer.chance.generator.get_state()
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(9))
    assert torch.equal(layer(x), nn.functional.linear(x, layer.weight, layer.bias))
    assert torch.equal(layer.chance.generator.get_state(), before)


@pytest.mark.parametrize(("entries", "sigma"), [(16, 0.5), (100, 0.1)])
def test_amounts_of_noise_begin_at_sigma_over_the_root_of_the_inputs(entries: int, sigma: float):
    layer = noisy(entries, 300, sigma)
    amount = sigma / math.sqrt(entries)  # for the biases too
    assert layer.weight_sigma.unique().tolist() == layer.bias_sigma.unique().tolist() == [pytest.approx(amount)]
    bound = 1 / math.sqrt(entries)
    for mean in (layer.weight, layer.bias):
        assert 0.95 * bound < mean.abs().max().item() <= bound


def test_the_spread_of_the_outputs_is_what_sigma_says():
    layer = bare(3, 2)
    samples = torch.stack([layer(torch.zeros(1, 3))[0].detach() for _ in range(4000)])
    # E f(e)² = E|e| = √(2/π)
    assert samples.square().mean().item() == pytest.approx(math.sqrt(2 / math.pi), rel=0.05)
    assert samples.mean().item() == pytest.approx(0.0, abs=0.05)


def test_gradients_reach_means_and_amounts():
    layer = noisy(3, 2)
    before = layer.chance.generator.get_state()
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(5))
    layer(x).sum().backward()
    layer.chance.generator.set_state(before)
    of_entries, of_units = (noise_factor(layer.chance.normal(n)) for n in (3, 2))
    assert layer.weight.grad is not None
    torch.testing.assert_close(layer.weight.grad, x.sum(0).expand(2, 3))
    torch.testing.assert_close(layer.bias.grad, torch.full((2,), 4.0))
    torch.testing.assert_close(layer.weight_sigma.grad, x.sum(0) * torch.outer(of_units, of_entries))
    torch.testing.assert_close(layer.bias_sigma.grad, 4.0 * of_units)


def test_without_sigma_it_is_a_dense_layer_bit_for_bit():
    silent = Noisy(sigma=0.0).build(9, 5, UniformInit(), draws())
    dense = Dense().build(9, 5, UniformInit(), draws())
    x = torch.randn(4, 9, generator=torch.Generator().manual_seed(9))
    assert torch.equal(silent(x), dense(x))


@pytest.mark.parametrize("head", [Plain(hidden=6, layer=Noisy()), Dueling(hidden=6, layer=Noisy())])
def test_a_copy_of_a_network_draws_from_the_same_saved_source(head: Plain | Dueling):
    """A target network with a generator of its own would repeat the online noise, and nobody would save it."""
    source = draws()
    online = head.build(4, (3,), 2, source)
    target = copy.deepcopy(online)
    x, start = torch.ones(2, 4), source.chance.generator.get_state()
    first, second = online(x), target(x)
    assert not torch.equal(first, second)
    source.chance.generator.set_state(start)
    assert torch.equal(target(x), first)
    assert torch.equal(online(x), second)
    assert copy.copy(source.chance) is source.chance


def test_noise_is_drawn_within_inference_too():
    layer, x = noisy(6, 4), torch.ones(2, 6)
    with torch.inference_mode():
        first, second = layer(x), layer(x)
    assert not torch.equal(first, second)
    layer(x).sum().backward()
    assert layer.weight_sigma.grad is not None


def test_only_weights_and_amounts_are_saved():
    assert sorted(noisy(3, 2).state_dict()) == ["bias", "bias_sigma", "weight", "weight_sigma"]


def test_noise_below_nothing_is_refused():
    with pytest.raises(ValueError, match="sigma of a Noisy layer"):
        Noisy(sigma=-0.1)


def test_a_bias_shared_by_noisy_layers_is_refused():
    with pytest.raises(ValueError, match=r"use head\.layer=Dense"):
        Plain(layer=Noisy(), bias="shared")


# --- the recipe, scaled down


NOISY = ADAPTED["noisy"]


def played(name: str, frames: int = 60) -> Session:
    """A session with some rows in its memory."""
    session = small_session(name)
    for _ in session.play(frames):
        pass
    return session


def of_means(network: nn.Module, obs: Tensor) -> Tensor:
    """The action values of a network without noisy layers that has the mean weights."""
    recipe = NOISY.but(head=replace(NOISY.head, layer=Dense()))
    dense = build_network(recipe, small_games(recipe.games).spec, Rng(77))
    weights = network.state_dict().items()
    load_weights(dense, {name: value for name, value in weights if not name.endswith("_sigma")})
    return dense(obs).mean.detach()


def test_an_evaluated_policy_plays_the_mean_weights_and_draws_no_noise():
    agent = played("noisy").agent
    games, rng = small_games(NOISY.games), Rng(5)
    policy = build_policy(NOISY, games.spec, agent.weights(), rng)
    sources = [
        rng.torch("noise"),
        *(m.chance.generator for m in agent.learner.network.modules() if hasattr(m, "chance")),
    ]
    before = [source.get_state() for source in sources]
    step = games.begin(np.random.default_rng(0))
    for _ in range(8):
        decision = policy.act(step)
        q = of_means(agent.learner.network, policy.newest_obs())
        assert decision.value.tolist() == q.amax(1).tolist()
        assert decision.action.tolist() == q.argmax(1).tolist()
        games.send(decision.action)
        step = games.recv()
    assert all(torch.equal(source.get_state(), state) for source, state in zip(sources, before, strict=True))
    assert len(sources) == 3  # two layers' own in training, and the policy's
    assert agent.learner.network.training


def test_an_agent_in_training_looks_at_the_same_screen_through_new_noise():
    session = played("noisy")
    agent, step = session.agent, session.step
    assert step is not None
    assert agent.observing_frames(session.clock) == 0
    looks = [agent.act(step, session.clock) for _ in range(20)]
    assert len({look.value.tobytes() for look in looks}) == 20
    assert len({look.action.tobytes() for look in looks}) > 1  # noise is all that explores here
    assert agent.epsilon(session.clock) == 0.0


def test_the_target_network_has_noise_of_its_own():
    learner, obs = small_session("noisy").agent.learner, torch.full((1, 4, 6, 6), 200, dtype=torch.uint8)
    means = of_means(learner.network, obs)
    assert torch.equal(of_means(learner.target, obs), means)  # not one copy later than the online network
    with torch.no_grad():
        online, target = (
            torch.cat([network(obs).mean - means for _ in range(200)]) for network in (learner.network, learner.target)
        )
    amounts = torch.stack([online.std(0), target.std(0)])
    assert (amounts > 0.01).all()
    torch.testing.assert_close(amounts[0], amounts[1], rtol=0.3, atol=0.0)
    together = (online * target).mean(0) / amounts.prod(0)
    assert together.abs().max() < 0.3  # 1 where both networks share their noise


@pytest.mark.parametrize(("name", "passes"), [("noisy", 2), ("rainbow", 3)])
def test_every_pass_of_an_update_has_noise_of_its_own(name: str, passes: int, monkeypatch: pytest.MonkeyPatch):
    """The target at s', the online network at s, and with a double target also at s'."""
    session, drawn, normal = played(name), [], Chance.normal
    learner = session.agent.learner

    def spied(self: Chance, size: int) -> Tensor:
        drawn.append(normal(self, size))
        return drawn[-1]

    monkeypatch.setattr(Chance, "normal", spied)
    updates = learner.updates
    session.agent.learn(session.clock)
    layers = sum(isinstance(module, NoisyLinear) for module in learner.network.modules())
    assert learner.updates == updates + 1
    assert len(drawn) == passes * layers * 2  # a factor for the inputs and one for the outputs
    assert len({factor[0].item() for factor in drawn}) == len(drawn)


def test_many_rows_are_what_few_rows_are():
    """For many rows the layer makes its noisy weights, for few it does without: the same numbers but for rounding."""
    few, many = noisy(40, 30, seed=3), noisy(40, 30, seed=3)
    x = torch.randn(100, 40, generator=torch.Generator().manual_seed(4))
    twice = torch.cat([x, x])
    for layer, rows in ((few, x), (many, twice)):
        rows.requires_grad_()
        layer(rows).square().mean().backward()
    for (name, own), other in zip(few.named_parameters(), many.parameters(), strict=True):
        torch.testing.assert_close(own.grad, other.grad, rtol=1e-4, atol=1e-6, msg=name)
    torch.testing.assert_close(x.grad, 2.0 * twice.grad[:100], rtol=1e-4, atol=1e-7)
