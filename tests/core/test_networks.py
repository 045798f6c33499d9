"""Networks: sizes, scaling, initial weights, norms, and sentences for frames that do not fit."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from playfield.build import build_network
from playfield.games.games import GameSpec
from playfield.networks import (
    Chance,
    Conv,
    Draws,
    LayerNorm,
    LeakyRelu,
    Mlp,
    Noisy,
    NoisyLinear,
    NormalInit,
    OrthogonalInit,
    Plain,
    QNetwork,
    Relu,
    obs_shape,
)
from playfield.recipes import RECIPES
from playfield.returns import Expectation
from playfield.rng import Rng


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draws(seed: int = 0) -> Draws:
    return Draws(generator(seed), Chance(generator(seed + 1)))


def game(frame_shape: tuple[int, ...] = (84, 84, 1), actions: int = 6, dtype: str = "uint8") -> GameSpec:
    return GameSpec(
        name="some game",
        games=1,
        actions=tuple(f"action {a}" for a in range(actions)),
        frame_shape=frame_shape,
        frame_dtype=dtype,
        frames_per_action=4,
        frames_per_second=60.0,
    )


@pytest.fixture(scope="module")
def nature() -> QNetwork:
    return build_network(RECIPES["dqn"], game(), Rng(0))


def test_parameters_of_the_nature_network(nature: QNetwork):
    convolutions = (32 * 4 * 8 * 8 + 32) + (64 * 32 * 4 * 4 + 64) + (64 * 64 * 3 * 3 + 64)
    dense = (7 * 7 * 64 * 512 + 512) + (512 * 6 + 6)
    assert sum(p.numel() for p in nature.parameters()) == convolutions + dense == 1_687_206


def test_nature_network_gives_one_number_for_each_action(nature: QNetwork):
    assert nature(torch.zeros(3, 4, 84, 84, dtype=torch.uint8)).mean.shape == (3, 6)


@pytest.mark.parametrize("torso", [Conv(), Mlp()])
def test_pixels_are_scaled_exactly_once(torso: Conv | Mlp):
    built, _ = torso.build((4, 84, 84), draws())
    first = next(m for m in built.modules() if isinstance(m, nn.Conv2d | nn.Linear))
    seen = []
    first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for pixel in (0, 51, 255):
        built(torch.full((2, 4, 84, 84), pixel, dtype=torch.uint8))
    assert [(x.min().item(), x.max().item()) for x in seen] == [
        (0.0, 0.0),
        (pytest.approx(0.2), pytest.approx(0.2)),
        (pytest.approx(1.0), pytest.approx(1.0)),
    ]


def test_vectors_are_not_scaled():
    built, features = Mlp(hidden=(7, 5)).build((3,), draws())
    linear = built[0]
    assert features == 5
    x = torch.tensor([[255.0, -3.0, 1.0]])
    torch.testing.assert_close(built(x), built[3:](torch.relu(x @ linear.weight.T + linear.bias)))


def test_nature_weights_and_biases_fill_the_torch7_range(nature: QNetwork):
    for layer in nature.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            assert bound * 0.98 < layer.weight.abs().max().item() <= bound
            assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
            assert 0 < layer.bias.abs().max().item() <= bound


@pytest.mark.parametrize(("scale", "fan_in"), [(2.0, 400), (1.0, 100)])
def test_normal_init(scale: float, fan_in: int):
    weight, bias = torch.empty(300, fan_in), torch.ones(300)
    NormalInit(scale=scale).fill(weight, bias, generator())
    assert weight.std().item() == pytest.approx(math.sqrt(scale / fan_in), rel=0.02)
    assert weight.mean().item() == pytest.approx(0.0, abs=0.01)
    assert not bias.any()


def test_orthogonal_init():
    weight, bias = torch.empty(8, 3, 2, 2), torch.ones(8)
    OrthogonalInit(gain=3.0).fill(weight, bias, generator())
    torch.testing.assert_close(weight.flatten(1) @ weight.flatten(1).T, 9.0 * torch.eye(8), atol=1e-4, rtol=0)
    assert not bias.any()


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_weights_come_from_the_given_generator_alone(name: str):
    recipe = RECIPES[name]
    if not isinstance(recipe.torso, Mlp):  # the same code with less work
        recipe = replace(recipe, head=replace(recipe.head, hidden=16))
    untouched = torch.get_rng_state()
    one, same, other = (build_network(recipe, game(), Rng(seed)).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), untouched)
    assert all(torch.equal(one[key], same[key]) for key in one)
    drawn = [key for key in one if one[key].ndim > 1 and one[key].min() < one[key].max()]  # not norms' ones, nor sigmas
    assert drawn
    assert all(not torch.equal(one[key], other[key]) for key in drawn)


@pytest.mark.parametrize("over", ["map", "channels"])
def test_layer_norm_equals_the_naive_version_on_maps(over):
    norm = LayerNorm(over=over).build((3, 5, 4))  # H W C
    with torch.no_grad():
        norm.weight.copy_(torch.randn(norm.weight.shape, generator=generator(1)))
        norm.bias.copy_(torch.randn(norm.bias.shape, generator=generator(2)))
    x = 3 + 2 * torch.randn(2, 4, 3, 5, generator=generator(3))  # N C H W
    axes = (1, 2, 3) if over == "map" else (1,)
    mean, variance = x.mean(axes, keepdim=True), x.var(axes, unbiased=False, keepdim=True)
    scale, shift = (
        (p.permute(2, 0, 1) if over == "map" else p[:, None, None]) for p in (norm.weight.detach(), norm.bias.detach())
    )
    naive = (x - mean) / (variance + 1e-5).sqrt() * scale + shift
    torch.testing.assert_close(norm(x).detach(), naive, atol=1e-5, rtol=1e-4)


def test_layer_norm_on_vectors():
    x = torch.tensor([[1.0, 3.0, 5.0, 7.0]])
    normal = LayerNorm().build((4,))(x)
    torch.testing.assert_close(normal.detach(), (x - 4) / math.sqrt(5 + 1e-5))


def test_layer_norm_by_hand_with_a_large_eps():
    norm = LayerNorm(eps=4.0).build((4,))
    # mean 4, variance 5, and √(5 + 4) = 3
    assert norm(torch.tensor([[1.0, 3.0, 5.0, 7.0]])).tolist() == [pytest.approx([-1.0, -1 / 3, 1 / 3, 1.0])]
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([3.0, 3.0, 3.0, 6.0]))
        norm.bias.fill_(10.0)
    assert norm(torch.tensor([[1.0, 3.0, 5.0, 7.0]])).tolist() == [pytest.approx([7.0, 9.0, 11.0, 16.0])]


@pytest.mark.parametrize("over", ["map", "channels"])
def test_layer_norm_leaves_what_is_normal_as_it_is(over):
    x = torch.tensor([1.0, -1.0])[None, :, None, None].expand(3, 2, 4, 5)  # mean 0, variance 1, however taken
    torch.testing.assert_close(LayerNorm(over=over, eps=0.0).build((4, 5, 2))(x).detach(), x)


def test_norms_stand_between_every_layer_and_its_relu():
    recipe = RECIPES["pqn"]
    network = build_network(replace(recipe, head=replace(recipe.head, hidden=8)), game(), Rng(0))
    kinds = [type(m).__name__ for m in network.modules() if not list(m.children())]
    layer = ["_ChannelsLastNorm", "ReLU"]
    assert kinds == ["Pixels", *(["Conv2d", *layer] * 3), "Flatten", "Linear", *layer, "Linear"]
    assert [tuple(m.weight.shape) for m in network.modules() if type(m).__name__ == "_ChannelsLastNorm"] == [
        (32,),
        (64,),
        (64,),
        (8,),
    ]


def test_a_shared_bias_moves_all_actions_together():
    head = Plain(hidden=5, bias="shared").build(3, (4,), 1, draws())
    each = Plain(hidden=5).build(3, (4,), 1, draws())
    assert sum(p.numel() for p in each.parameters()) - sum(p.numel() for p in head.parameters()) == 3
    x = torch.randn(2, 3, generator=generator(1))
    before = head(x).detach()
    with torch.no_grad():
        head[-1].bias += 2.5
    torch.testing.assert_close(head(x).detach(), before + 2.5)
    with torch.no_grad():
        head[-1].bias.zero_()
        each[-1].bias.zero_()
    torch.testing.assert_close(head(x), each(x))


def test_observations_put_frames_into_channels():
    assert obs_shape((84, 80, 1), 4) == (4, 84, 80)
    assert obs_shape((84, 80, 3), 4) == (12, 84, 80)
    assert obs_shape((6,), 4) == (24,)


def test_vectors_for_a_convolution_are_refused():
    with pytest.raises(ValueError, match="shows vectors; use torso=Mlp"):
        build_network(RECIPES["dqn"], game((4,), dtype="float32"), Rng(0))


def test_frames_too_small_are_refused():
    with pytest.raises(ValueError, match="12x12 pixels are too small"):
        build_network(RECIPES["dqn"], game((12, 12, 1)), Rng(0))


def test_the_smallest_frames_that_fit():
    built, features = Conv().build((1, 36, 36), draws())
    assert features == 64
    assert built(torch.zeros(1, 1, 36, 36, dtype=torch.uint8)).shape == (1, 64)
    with pytest.raises(ValueError, match="too small"):
        Conv().build((1, 35, 36), draws())


def test_returns_of_each_action_are_read_from_its_own_output():
    torso, features = Mlp(hidden=(4,)).build((2,), draws())
    network = QNetwork(torso, Plain(hidden=4).build(features, (3,), 1, draws()), 3, Expectation())
    with torch.no_grad():
        network.head[-1].weight.zero_()
        network.head[-1].bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    assert network(torch.zeros(1, 2)).mean.tolist() == [[1.0, 2.0, 3.0]]


def test_noise_has_a_generator_of_its_own_which_building_leaves_alone():
    rng, untouched = Rng(0), Rng(0)
    recipe = RECIPES["dqn_toy"]
    network = build_network(recipe.but(head=Plain(hidden=4, layer=Noisy())), game(), rng)
    sources = {m.chance.generator for m in network.modules() if isinstance(m, NoisyLinear)}
    assert sources == {rng.torch("noise")}
    assert torch.equal(rng.torch("noise").get_state(), untouched.torch("noise").get_state())
    assert not torch.equal(rng.torch("weights").get_state(), untouched.torch("weights").get_state())


def test_ders_torso_gives_576_features():
    built, features = RECIPES["der"].torso.build((4, 84, 84), draws())
    assert features == 576  # 84 -> 16 -> 3; 3 * 3 * 64
    assert built(torch.zeros(2, 4, 84, 84, dtype=torch.uint8)).shape == (2, 576)
    assert sum(p.numel() for p in built.parameters()) == (32 * 4 * 25 + 32) + (64 * 32 * 25 + 64)


def test_padding_of_a_single_layer():
    torso = Conv(layers=((32, 8, 4), (64, 4, 2), (64, 3, 1)), padding=(1, 0, 0))
    _, features = torso.build((4, 100, 100), draws())
    assert features == 5184  # 100 + 2 -> 24 -> 11 -> 9; 9 * 9 * 64
    built, features = Conv(layers=((5, 3, 1),), padding=(1,)).build((1, 4, 6), draws())
    assert features == 5 * 4 * 6 == built(torch.zeros(1, 1, 4, 6, dtype=torch.uint8)).shape[1]


@pytest.mark.parametrize("padding", [(1,), (1, 0, 0, 0), (1, 0, -1)])
def test_padding_that_fits_no_layers_is_refused(padding: tuple[int, ...]):
    with pytest.raises(ValueError, match="a number of 0 or more for each of"):
        Conv(padding=padding)


def test_leaky_relu_by_hand():
    x = torch.tensor([[-2.0, 0.0, 3.0]])
    assert LeakyRelu(slope=0.25).build()(x.clone()).tolist() == [[-0.5, 0.0, 3.0]]
    assert torch.equal(LeakyRelu(slope=0.0).build()(x.clone()), Relu().build()(x.clone()))
    with pytest.raises(ValueError, match="slope"):
        LeakyRelu(slope=1.0)


def test_the_activation_stands_after_every_layer_but_the_last():
    torso, features = Conv(layers=((3, 2, 1), (3, 2, 1)), activation=LeakyRelu(0.5)).build((1, 5, 5), draws())
    head = Plain(hidden=4, activation=LeakyRelu(0.5)).build(features, (2,), 1, draws())
    kinds = [type(m).__name__ for m in [*torso, *head] if not isinstance(m, nn.Identity)]
    assert kinds == ["Pixels", *(["Conv2d", "LeakyReLU"] * 2), "Flatten", "Linear", "LeakyReLU", "Linear"]


def test_weights_keep_their_layout_in_memory_when_loaded():
    built, _ = Conv().build((4, 84, 84), draws(0))
    other, _ = Conv().build((4, 84, 84), draws(5))
    other.load_state_dict({name: value.contiguous() for name, value in built.state_dict().items()})
    assert [p.stride() for p in other.parameters()] == [p.stride() for p in built.parameters()]
    assert built[1].weight.stride() == (4 * 8 * 8, 1, 8 * 4, 4)
    frames = torch.randint(0, 256, (2, 4, 84, 84), generator=generator(3)).to(torch.uint8)
    assert torch.equal(built(frames), other(frames))
