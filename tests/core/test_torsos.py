"""Residual torsos and spectral norms: sizes, values by hand, and what is saved, copied and refused."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from playfield.networks import (
    AveragePool,
    Chance,
    Conv,
    Draws,
    EfficientNet,
    FusedMBConv,
    Impala,
    LayerNorm,
    MaxPool,
    MBConv,
    NoNorm,
    SpectralNorm,
    Torso,
)
from playfield.settings import from_plain, to_plain

SMALL_IMPALA = Impala(widths=(4, 6), blocks=1, pool=3)
SMALL_NET = EfficientNet(stem=4, stages=(FusedMBConv(6, 1, 2, 2), MBConv(8, 2, 2, 2)), pool=MaxPool(2))
SMALL = [SMALL_IMPALA, SMALL_NET]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draws(seed: int = 0) -> Draws:
    return Draws(generator(seed), Chance(generator(seed + 1)))


def frames(*shape: int, seed: int = 3) -> Tensor:
    return torch.randint(0, 256, shape, generator=generator(seed)).to(torch.uint8)


def spectral(channels: int = 4, entries: int = 3, size: int = 3, iterations: int = 1) -> nn.Module:
    weight = torch.randn(channels, entries, size, size, generator=generator(5))
    convolution = nn.Conv2d(entries, channels, size)
    convolution.weight.data, convolution.bias.data = weight, torch.zeros(channels)
    return SpectralNorm(iterations).wrap(convolution, draws())


def divided(layer: nn.Module) -> Tensor:
    """The weight that a spectral layer works with, as a matrix."""
    size = layer.convolution.weight.shape[2]
    entries = layer.convolution.weight.shape[1]
    one = torch.eye(entries * size * size).reshape(-1, entries, size, size)
    return layer(one)[:, :, 0, 0].T.detach()


# --- spectral norm


def test_the_largest_singular_value_becomes_one():
    layer = spectral()
    for _ in range(200):
        layer(torch.zeros(1, 3, 3, 3))
    matrix = layer.convolution.weight.detach().flatten(1)
    torch.testing.assert_close(divided(layer), matrix / torch.linalg.svdvals(matrix)[0])
    assert torch.linalg.svdvals(divided(layer))[0].item() == pytest.approx(1.0, abs=1e-5)


def test_a_weight_of_spectral_norm_one_stays_as_it_is():
    layer = spectral()
    weight = layer.convolution.weight
    weight.data = torch.linalg.qr(torch.randn(27, 4, generator=generator(2)))[0].T.reshape(4, 3, 3, 3)
    layer(torch.zeros(1, 3, 3, 3))  # all singular values are 1: one pass finds it
    torch.testing.assert_close(divided(layer), weight.detach().flatten(1))


def test_one_iteration_worked_by_hand():
    layer = spectral(channels=2, entries=2, size=1)
    layer.convolution.weight.data = torch.tensor([[3.0, 0.0], [0.0, 4.0]])[:, :, None, None]
    layer.u.copy_(torch.tensor([1.0, 0.0]).mul(0.8) + torch.tensor([0.0, 0.6]))
    out = layer(torch.eye(2)[:, :, None, None])[:, :, 0, 0].T
    # Wᵀu = (2.4, 2.4), v = (1, 1)/√2; Wv = (3, 4)/√2, u = (0.6, 0.8); σ = uᵀWv = 5/√2
    torch.testing.assert_close(layer.v, torch.full((2,), math.sqrt(0.5)))
    torch.testing.assert_close(layer.u, torch.tensor([0.6, 0.8]))
    torch.testing.assert_close(out.detach(), torch.tensor([[3.0, 0.0], [0.0, 4.0]]) * math.sqrt(2) / 5)


def test_more_iterations_at_once_are_more_passes():
    one, three = spectral(iterations=1), spectral(iterations=3)
    for _ in range(3):
        one(torch.zeros(1, 3, 3, 3))
    three(torch.zeros(1, 3, 3, 3))
    assert torch.equal(one.u, three.u)
    assert torch.equal(one.v, three.v)


def test_evaluation_leaves_the_estimate_alone():
    layer = spectral()
    layer.convolution.weight.data *= torch.tensor([1.0, 5.0, 1.0, 1.0])[:, None, None, None]
    before = layer.u.clone()
    layer.eval()(torch.zeros(1, 3, 3, 3))
    assert torch.equal(layer.u, before)
    layer.train()(torch.zeros(1, 3, 3, 3))
    assert not torch.equal(layer.u, before)


def test_the_gradient_is_that_of_the_published_formula():
    """∂/∂W of ⟨A, W/σ⟩ is (A − ⟨A, W/σ⟩ u vᵀ) / σ with u and v held fixed: Miyato et al. (2018) eq. 12."""
    layer = spectral(channels=4, entries=3, size=1)
    x = torch.randn(5, 3, 1, 1, generator=generator(8))
    out = layer(x)
    toward = torch.randn(out.shape, generator=generator(9))
    out.backward(toward)
    matrix = layer.convolution.weight.detach()[:, :, 0, 0]
    sigma = torch.dot(layer.u, matrix @ layer.v)
    a = toward[:, :, 0, 0].T @ x[:, :, 0, 0]
    expected = (a - (a * matrix / sigma).sum() * torch.outer(layer.u, layer.v)) / sigma
    torch.testing.assert_close(layer.convolution.weight.grad[:, :, 0, 0], expected, atol=1e-5, rtol=1e-4)


def test_two_passes_before_one_gradient():
    """As with a double target, where the online network is asked twice."""
    layer, x = spectral(), torch.randn(2, 3, 3, 3, generator=generator(1))
    alone = copy.deepcopy(layer)
    first = layer(x)
    layer(x)
    first.sum().backward()
    alone(x).sum().backward()
    assert torch.equal(layer.convolution.weight.grad, alone.convolution.weight.grad)


def test_passes_within_inference_move_the_estimate_and_leave_it_usable():
    layer, twin, x = spectral(), spectral(), torch.randn(2, 3, 3, 3, generator=generator(1))
    with torch.inference_mode():
        layer(x)
    twin(x)
    assert torch.equal(layer.u, twin.u)
    layer(x).sum().backward()
    assert layer.convolution.weight.grad is not None


def test_spectral_estimates_are_saved_and_copied():
    layer, x = spectral(), torch.randn(2, 3, 3, 3, generator=generator(1))
    copied = copy.deepcopy(layer)
    saved = {name: value.clone() for name, value in layer.state_dict().items()}
    assert sorted(saved) == ["convolution.bias", "convolution.weight", "u", "v"]
    layer(x)
    assert not torch.equal(layer.u, saved["u"])
    assert torch.equal(copied.u, saved["u"])
    layer.load_state_dict(saved)
    assert torch.equal(layer(x), copied(x))


# --- Impala


def test_features_and_weights_of_btrs_torso():
    torso, features = Impala().build((4, 84, 84), draws())
    assert features == 64 * 36 == 2304

    def weights(entries: int, out: int) -> int:
        return 9 * entries * out + out

    stages = sum(weights(a, b) + 4 * weights(b, b) for a, b in ((4, 32), (32, 64), (64, 64)))
    assert sum(p.numel() for p in torso.parameters()) == stages
    kinds = [type(m).__name__ for m in torso]
    stage = ["Conv2d", "MaxPool2d", "_Block", "_Block"]
    assert kinds == ["Pixels", *(stage * 3), "ReLU", "AdaptiveMaxPool2d", "Flatten"]
    assert sum(type(m).__name__ == "_SpectralConvolution" for m in torso.modules()) == 12  # and on no first convolution


@pytest.mark.parametrize(
    ("size", "pool", "features"), [(84, None, 64 * 11 * 11), (42, 6, 64 * 36), (85, None, 64 * 11 * 11)]
)
def test_features_of_other_frames(size: int, pool: int | None, features: int):
    torso, said = Impala(widths=(2, 2, 64), blocks=0, pool=pool).build((1, size, size), draws())
    assert said == features == torso(frames(1, 1, size, size)).shape[1]


def test_a_residual_block_of_zero_weights_is_the_identity():
    torso, _ = Impala(widths=(3,), blocks=2, residual_norm=NoNorm(), pool=None).build((1, 6, 8), draws())
    plain, _ = Impala(widths=(3,), blocks=0, residual_norm=NoNorm(), pool=None).build((1, 6, 8), draws())
    with torch.no_grad():
        for block in torso:
            if type(block).__name__ == "_Block":
                for p in block.second.parameters():
                    p.zero_()
    assert torch.equal(torso(frames(2, 1, 6, 8)), plain(frames(2, 1, 6, 8)))


def test_a_residual_block_by_the_naive_version():
    torso, _ = Impala(widths=(3,), blocks=1, residual_norm=NoNorm(), pool=None).build((1, 6, 8), draws())
    x = frames(2, 1, 6, 8)
    _, convolution, pool, block, *_ = torso
    block.second.bias.data.fill_(5.0)  # so that the last ReLU hides nothing
    hidden = pool(convolution(x / 255.0))
    naive = hidden + block.second(block.first(hidden.clamp(min=0)).clamp(min=0))
    torch.testing.assert_close(torso(x), naive.clamp(min=0).flatten(1))
    assert (hidden < 0).any()  # so that a shortcut around the first ReLU differs from one behind it


@pytest.mark.parametrize(
    ("torso", "size", "match"),
    [
        (Impala(), 40, "40x40 pixels leave a map of 5x5, too small for torso.pool=6"),
        (Impala(widths=(2,) * 5, pool=None), 12, "12x12 pixels are too small to be halved 5 times"),
        (SMALL_NET, 4, "4x4 pixels leave a map of 1x1, too small for torso.pool.size=2"),
    ],
)
def test_frames_too_small_are_refused(torso: Torso, size: int, match: str):
    with pytest.raises(ValueError, match=match):
        torso.build((1, size, size), draws())


@pytest.mark.parametrize("torso", SMALL)
def test_vectors_are_refused(torso: Torso):
    with pytest.raises(ValueError, match=f"the {type(torso).__name__} torso needs pixels.*use torso=Mlp"):
        torso.build((16,), draws())


# --- EfficientNet


@pytest.mark.parametrize(("size", "features"), [(84, 128 * 9), (42, 128 * 9)])
def test_features_of_the_efficient_net(size: int, features: int):
    torso, said = EfficientNet().build((4, size, size), draws())
    assert said == features == torso(frames(1, 4, size, size)).shape[1]


def test_weights_of_a_fused_stage():
    net = EfficientNet(stem=4, stages=(FusedMBConv(6, 2, 3, 2),), norm=NoNorm(), pool=AveragePool(1))
    torso, features = net.build((1, 16, 16), draws())
    assert features == 6
    stem = 1 * 9 * 4 + 4
    first = 4 * 9 * 12 + 12 + 12 * 6 + 6  # widened three times from the 4 channels of the stem
    second = 6 * 9 * 18 + 18 + 18 * 6 + 6
    assert sum(p.numel() for p in torso.parameters()) == stem + first + second
    assert [type(m).__name__ for m in torso][4:6] == ["Sequential", "_Shortcut"]  # only where nothing changes shape


def test_weights_of_a_mobile_stage():
    net = EfficientNet(stem=8, stages=(MBConv(8, 1, 2, 1, 0.25),), norm=NoNorm(), pool=AveragePool(1))
    torso, _ = net.build((1, 16, 16), draws())
    widen, each, narrow = 8 * 16 + 16, 16 * 9 + 16, 16 * 8 + 8
    weigh = 16 * 2 + 2 + 2 * 16 + 16
    assert sum(p.numel() for p in torso.parameters()) == 1 * 9 * 8 + 8 + widen + each + weigh + narrow
    assert [type(m).__name__ for m in torso][4] == "_Shortcut"


def test_stages_that_do_not_widen_leave_that_layer_out():
    for stage, weights in (
        (FusedMBConv(8, 1, 1, 1), 8 * 9 * 8 + 8),
        (MBConv(8, 1, 1, 1, 0.25), 8 * 9 + 8 + (8 * 2 + 2 + 2 * 8 + 8) + 8 * 8 + 8),
    ):
        torso, _ = EfficientNet(stem=8, stages=(stage,), norm=NoNorm(), pool=AveragePool(1)).build((1, 9, 9), draws())
        assert sum(p.numel() for p in torso[4].parameters()) == weights


def test_a_mobile_block_by_the_naive_version():
    net = EfficientNet(stem=4, stages=(MBConv(4, 1, 2, 1, 0.5),), norm=NoNorm(), pool=AveragePool(1))
    torso, _ = net.build((1, 8, 8), draws())
    x = frames(2, 1, 8, 8)
    _, stem, _, _, block, *_ = torso
    widen, _, _, each, _, _, weigh, narrow, _ = block.layers

    def silu(y: Tensor) -> Tensor:
        return y / (1 + (-y).exp())

    hidden = silu(stem(x / 255.0))
    inside = silu(each(silu(widen(hidden))))
    share = 1 / (1 + (-weigh.excite(silu(weigh.squeeze(inside.mean((2, 3)))))).exp())
    naive = hidden + narrow(inside * share[:, :, None, None])
    torch.testing.assert_close(torso(x), naive.mean((2, 3)))
    assert each.groups == 8


def test_a_sample_does_not_see_the_others_of_its_batch():
    torso, _ = SMALL_NET.build((1, 16, 16), draws())
    x = frames(5, 1, 16, 16)
    torch.testing.assert_close(torso(x)[:1], torso(x[:1]))


def test_norms_of_whole_maps_fit_every_layer():
    torso, features = EfficientNet(stem=4, stages=SMALL_NET.stages, norm=LayerNorm(over="map")).build(
        (1, 20, 20), draws()
    )
    assert torso(frames(2, 1, 20, 20)).shape == (2, features)


# --- all of them


@pytest.mark.parametrize("torso", SMALL)
def test_pixels_are_scaled_exactly_once(torso: Torso):
    built, _ = torso.build((4, 20, 20), draws())
    first = next(m for m in built.modules() if isinstance(m, nn.Conv2d))
    seen = []
    first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].max().item()))
    for pixel in (0, 51, 255):
        built(torch.full((2, 4, 20, 20), pixel, dtype=torch.uint8))
    assert seen == [0.0, pytest.approx(0.2), pytest.approx(1.0)]


@pytest.mark.parametrize("torso", SMALL)
def test_all_that_is_drawn_comes_from_the_given_generator(torso: Torso):
    untouched = torch.get_rng_state()
    one, same, other = (torso.build((4, 20, 20), draws(seed))[0].state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), untouched)
    assert all(torch.equal(one[key], same[key]) for key in one)
    drawn = [key for key in one if (one[key].ndim > 1 or key.endswith((".u", ".v"))) and one[key].std() > 0]
    assert len(drawn) >= 8
    assert all(not torch.equal(one[key], other[key]) for key in drawn)


@pytest.mark.parametrize("torso", SMALL)
def test_gradients_reach_every_weight(torso: Torso):
    built, _ = torso.build((4, 20, 20), draws())
    built(frames(3, 4, 20, 20)).square().sum().backward()
    assert [name for name, p in built.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("torso", SMALL)
def test_a_reloaded_torso_is_laid_out_in_memory_as_it_was_built(torso: Torso):
    built, _ = torso.build((4, 20, 20), draws(0))
    other, _ = torso.build((4, 20, 20), draws(9))
    x = frames(3, 4, 20, 20)
    built(x)
    other.load_state_dict({name: value.contiguous().clone() for name, value in built.state_dict().items()})
    copied = copy.deepcopy(built)
    results = []
    for net in (built, other, copied):
        out = net(x)
        out.square().sum().backward()
        results.append([out.detach(), *(p.grad for p in net.parameters())])
        assert [p.stride() for p in net.parameters()] == [p.stride() for p in built.parameters()]
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(*results, strict=True))
    large = [p for p in built.parameters() if p.ndim == 4 and p.shape[1] > 1 and p.shape[2] > 1]
    assert large
    assert all(p.stride(1) == 1 for p in large)


@pytest.mark.parametrize(
    "torso",
    [
        Impala(),
        Impala(widths=(64, 128, 128), residual_norm=NoNorm(), pool=None),
        EfficientNet(),
        EfficientNet(stages=(MBConv(8, 1, 1, 1, 0.5), FusedMBConv()), norm=NoNorm(), pool=AveragePool(2)),
        Conv(layers=((3, 2, 1),), padding=(1,)),
    ],
)
def test_settings_and_back(torso: Torso):
    assert from_plain(Torso, to_plain(torso)) == torso


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Impala(widths=()), "torso.widths"),
        (lambda: Impala(blocks=-1), "torso.blocks"),
        (lambda: Impala(pool=0), "torso.pool"),
        (lambda: SpectralNorm(iterations=0), "iterations of a SpectralNorm"),
        (lambda: FusedMBConv(stride=3), "stride 1 or 2"),
        (lambda: MBConv(channels=0), "stage's channels"),
        (lambda: MBConv(squeeze=0.0), "squeeze of an MBConv"),
        (lambda: EfficientNet(stem=0), "torso.stem"),
        (lambda: EfficientNet(pool=MaxPool(0)), "torso.pool.size"),
    ],
)
def test_impossible_settings_are_refused(make, match: str):
    with pytest.raises(ValueError, match=match):
        make()
