"""Layers with weights: fully connected ones, plain or noisy, and convolutions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.utils import skip_init

from playfield.networks.draws import Chance, Draws
from playfield.networks.inits import Init
from playfield.networks.products import affine
from playfield.settings import setting


@dataclass(frozen=True, slots=True)
class Dense:
    """Weights and biases without noise."""

    def build(self, entries: int, units: int, init: Init, draws: Draws) -> nn.Module:
        return linear(entries, units, init, draws)


@dataclass(frozen=True, slots=True)
class Noisy:
    """Weights and biases with learnt amounts of noise, drawn anew at every pass while training: it explores.

        y = (μ_w + σ_w ⊙ ε_w) x + μ_b + σ_b ⊙ ε_b,   ε_w = f(e_out) f(e_in)ᵀ,   ε_b = f(e_out),   f(x) = sgn(x) √|x|

    Source: Fortunato et al. (2018), factorised.
    Neutral: sigma=0 begins as `Dense`, bit for bit; `eval()` is `Dense` for good.
    """

    sigma: float = setting(0.5, "all amounts of noise begin as this divided by the root of the layer's inputs")

    def __post_init__(self) -> None:
        if not 0.0 <= self.sigma < math.inf:
            raise ValueError("the sigma of a Noisy layer must be 0 or more")

    def build(self, entries: int, units: int, init: Init, draws: Draws) -> nn.Module:
        return NoisyLinear(linear(entries, units, init, draws), self.sigma / math.sqrt(entries), draws.chance)


Layer = Dense | Noisy

MOST_WEIGHTS = 1 << 30
"""Of one layer: four gigabytes, as much as all of a checkpoint's tensors together may take."""

_FEW_ROWS = 128
"""Up to which a noisy layer is two products: docs/decisions/0036."""


class NoisyLinear(nn.Module):
    """See `Noisy`. One sample of noise for all rows of a batch, as in Fortunato et al. (2018)."""

    def __init__(self, mean: nn.Linear, sigma: float, chance: Chance) -> None:
        super().__init__()
        self.weight, self.bias = mean.weight, mean.bias
        self.weight_sigma = nn.Parameter(torch.full_like(mean.weight, sigma))
        self.bias_sigma = nn.Parameter(torch.full_like(mean.bias, sigma))
        self.chance = chance

    def forward(self, x: Float[Tensor, "B N"]) -> Float[Tensor, "B M"]:
        if not self.training:
            return affine(x, self.weight, self.bias)
        units, entries = self.weight.shape
        of_entries = noise_factor(self.chance.normal(entries))
        of_units = noise_factor(self.chance.normal(units))
        if len(x) > _FEW_ROWS:
            # The noise has rank one, so its matrix is never made: rows are scaled by one factor, columns by the other.
            weight = torch.addcmul(self.weight, self.weight_sigma * of_entries, of_units[:, None])
            return affine(x, weight, torch.addcmul(self.bias, self.bias_sigma, of_units))
        # Nor is one of noisy weights for few rows: a second product is quicker than the memory that it would pass.
        mean = affine(x, self.weight, self.bias)
        return torch.addcmul(mean, affine(x * of_entries, self.weight_sigma, self.bias_sigma), of_units)


def noise_factor(normal: Float[Tensor, "N"]) -> Float[Tensor, "N"]:
    """sgn(x) √|x|, of which the product of two has about the spread of a normal number."""
    return normal.sign() * normal.abs().sqrt()


class Linear(nn.Linear):
    """A fully connected layer whose product is `affine`."""

    def forward(self, input: Float[Tensor, "*B N"]) -> Float[Tensor, "*B M"]:
        return affine(input, self.weight, self.bias)


def linear(entries: int, units: int, init: Init, draws: Draws) -> nn.Linear:
    """A fully connected layer, its weights and biases drawn."""
    _check_size(f"{units:,} units over {entries:,} inputs", entries * units)
    layer = cast(nn.Linear, skip_init(Linear, entries, units))
    init.fill(layer.weight.data, _bias(layer), draws.weights)
    return layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution:
    """The shape of a convolution."""

    entries: int
    channels: int
    size: int = 3
    stride: int = 1
    padding: int = 0
    groups: int = 1

    def build(self, init: Init, draws: Draws) -> nn.Conv2d:
        """The convolution, its weights and biases drawn."""
        weights = self.channels * (self.entries // self.groups) * self.size**2
        _check_size(f"{self.channels:,} channels over {self.entries:,} of {self.size} x {self.size} pixels", weights)
        made = skip_init(
            nn.Conv2d, self.entries, self.channels, self.size, self.stride, self.padding, groups=self.groups
        )
        layer = cast(nn.Conv2d, made)
        init.fill(layer.weight.data, _bias(layer), draws.weights)
        return layer

    def after(self, length: int) -> int:
        """How many pixels a side of `length` pixels has afterwards; below 1 where it is too short."""
        return (length + 2 * self.padding - self.size) // self.stride + 1


class Pixels(nn.Module):
    """uint8 pixels to floats in [0, 1]: the only place where they are scaled."""

    def forward(self, x: Shaped[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return x.to(torch.float32).mul_(1.0 / 255.0)


def _check_size(layer: str, weights: int) -> None:
    if weights > MOST_WEIGHTS:
        raise ValueError(
            f"a layer of {layer} would have {weights:,} weights, and {MOST_WEIGHTS:,} are the most: choose fewer units "
            "or channels (torso, head.hidden), or fewer frames in an observation (memory.stack)"
        )


def channels_last(module: nn.Module) -> None:
    """Lay all convolutions' weights out in memory as `N H W C`, which is quicker."""
    for weights in module.parameters():
        if weights.ndim == 4:
            weights.data = weights.data.contiguous(memory_format=torch.channels_last)


def _bias(layer: nn.Conv2d | nn.Linear) -> Tensor:
    assert layer.bias is not None
    return layer.bias.data
