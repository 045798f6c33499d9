"""Networks from observations to action values: a torso of layers, a head, and how predictions are read.

Specs are frozen values with `build`; every weight is drawn from the generator given, never from a global one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, cast

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init

from playfield.returns import Expectation, ExpectedReturns
from playfield.settings import setting


@dataclass(frozen=True, slots=True)
class UniformInit:
    """Weights and biases from U(-1/√fan_in, 1/√fan_in).

    Source: the Torch 7 default under which Mnih et al. (2015) trained.
    """

    def fill(self, weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
        bound = 1.0 / math.sqrt(weight[0].numel())
        nn.init.uniform_(weight, -bound, bound, generator=generator)
        nn.init.uniform_(bias, -bound, bound, generator=generator)


@dataclass(frozen=True, slots=True)
class OrthogonalInit:
    """Orthogonal weights, zero biases."""

    gain: float = setting(math.sqrt(2.0), "scale of the weights")

    def fill(self, weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
        nn.init.orthogonal_(weight, self.gain, generator=generator)
        nn.init.zeros_(bias)


@dataclass(frozen=True, slots=True)
class NormalInit:
    """Weights from N(0, scale/fan_in), zero biases.

    Source: He et al. (2015) for scale 2, LeCun et al. (1998) for scale 1.
    """

    scale: float = setting(2.0, "variance of the weights times the inputs of a unit")

    def fill(self, weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
        nn.init.normal_(weight, 0.0, math.sqrt(self.scale / weight[0].numel()), generator=generator)
        nn.init.zeros_(bias)


Init = UniformInit | OrthogonalInit | NormalInit


@dataclass(frozen=True, slots=True)
class NoNorm:
    """No normalisation between a layer and its activation."""

    def build(self, shape: tuple[int, ...]) -> nn.Module:
        return nn.Identity()


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """Zero mean and unit variance for each sample, with a learnt scale and shift.

    Source: Ba et al. (2016); PQN (Gallici et al., 2024) rests on it instead of on a target network.
    """

    over: Literal["map", "channels"] = setting(
        "map",
        "what is averaged over: the whole feature map (PyTorch ports of PQN) or each pixel's channels (its JAX code)",
    )

    eps: float = setting(1e-5, "added to the variance")

    def build(self, shape: tuple[int, ...]) -> nn.Module:
        """`shape` is `(H, W, C)` for maps and `(N,)` for vectors."""
        return _ChannelsLastNorm(shape if self.over == "map" else shape[-1:], self.eps)


Norm = NoNorm | LayerNorm


class _ChannelsLastNorm(nn.Module):
    """Layer norm of `N C H W` maps that lie in memory as `N H W C`, so that no copy is needed."""

    def __init__(self, shape: tuple[int, ...], eps: float) -> None:
        super().__init__()
        self.shape, self.eps = list(shape), eps
        self.weight = nn.Parameter(torch.ones(shape))
        self.bias = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Float[Tensor, "B ..."]) -> Float[Tensor, "B ..."]:
        if x.ndim == 2:
            return functional.layer_norm(x, self.shape, self.weight, self.bias, self.eps)
        last = functional.layer_norm(x.permute(0, 2, 3, 1), self.shape, self.weight, self.bias, self.eps)
        return last.permute(0, 3, 1, 2)


class _Pixels(nn.Module):
    """uint8 pixels to floats in [0, 1]: the only place where they are scaled."""

    def forward(self, x: Shaped[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return x.to(torch.float32).mul_(1.0 / 255.0)


@dataclass(frozen=True, slots=True)
class Conv:
    """Convolutions without padding over stacked frames, each followed by a norm and a ReLU.

    Source: the defaults are the torso of Mnih et al. (2015).
    """

    layers: tuple[tuple[int, int, int], ...] = setting(
        ((32, 8, 4), (64, 4, 2), (64, 3, 1)), "(channels, kernel size, stride) of each layer"
    )
    norm: Norm = setting(NoNorm(), "between each convolution and its ReLU")
    init: Init = setting(UniformInit(), "how weights and biases start")

    def __post_init__(self) -> None:
        if not self.layers or any(min(layer) < 1 for layer in self.layers):
            raise ValueError(
                "torso.layers must name at least one layer, each of channels, kernel and stride of 1 or more"
            )

    def build(self, shape: tuple[int, ...], generator: torch.Generator) -> tuple[nn.Module, int]:
        """The torso for observations of `shape` (C, H, W), and how many features it gives.

        Raises: ValueError where the frames are vectors, or too small for the layers.
        """
        if len(shape) != 3:
            raise ValueError("the Conv torso needs pixels, but this game shows vectors; use torso=Mlp")
        channels, height, width = shape
        modules: list[nn.Module] = [_Pixels()]
        for out, kernel, stride in self.layers:
            height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
            if height < 1 or width < 1:
                raise ValueError(
                    f"frames of {shape[1]}x{shape[2]} pixels are too small for these {len(self.layers)} layers"
                )
            layer = cast(nn.Conv2d, skip_init(nn.Conv2d, channels, out, kernel, stride))
            self.init.fill(layer.weight.data, _bias(layer), generator)
            modules += [layer, self.norm.build((height, width, out)), nn.ReLU(inplace=True)]
            channels = out
        torso = nn.Sequential(*modules, nn.Flatten())
        for weights in torso.parameters():
            if weights.ndim == 4:
                weights.data = weights.data.contiguous(memory_format=torch.channels_last)
        return torso, channels * height * width


@dataclass(frozen=True, slots=True)
class Mlp:
    """Fully connected layers over a vector observation, each followed by a norm and a ReLU."""

    hidden: tuple[int, ...] = setting((120,), "units of each layer before the head")
    norm: Norm = setting(NoNorm(), "between each layer and its ReLU")
    init: Init = setting(UniformInit(), "how weights and biases start")

    def __post_init__(self) -> None:
        if any(units < 1 for units in self.hidden):
            raise ValueError("torso.hidden must name layers of 1 unit or more")

    def build(self, shape: tuple[int, ...], generator: torch.Generator) -> tuple[nn.Module, int]:
        modules: list[nn.Module] = [_Pixels(), nn.Flatten()] if len(shape) == 3 else []
        sizes = [math.prod(shape), *self.hidden]
        for entries, units in pairwise(sizes):
            modules += [_linear(entries, units, self.init, generator), self.norm.build((units,)), nn.ReLU(inplace=True)]
        return nn.Sequential(*modules), sizes[-1]


Torso = Conv | Mlp


@dataclass(frozen=True, slots=True)
class Plain:
    """One hidden layer, then one output for every action."""

    hidden: int = setting(512, "units of the hidden layer")
    norm: Norm = setting(NoNorm(), "between the hidden layer and its ReLU")
    init: Init = setting(UniformInit(), "how weights and biases start")
    output_init: Init = setting(UniformInit(), "how the last layer's weights and biases start")
    bias: Literal["each", "shared"] = setting("each", "one bias for each action, or a single one shared by all")

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise ValueError("head.hidden must be 1 or more")

    def build(self, features: int, actions: int, outputs: int, generator: torch.Generator) -> nn.Module:
        last = _linear(self.hidden, actions * outputs, self.output_init, generator)
        return nn.Sequential(
            _linear(features, self.hidden, self.init, generator),
            self.norm.build((self.hidden,)),
            nn.ReLU(inplace=True),
            last if self.bias == "each" else _SharedBias(last, outputs),
        )


class _SharedBias(nn.Module):
    """A linear layer whose bias is the same for every action (Double DQN, tuned)."""

    def __init__(self, linear: nn.Linear, outputs: int) -> None:
        super().__init__()
        self.weight = linear.weight
        self.bias = nn.Parameter(linear.bias.detach()[:outputs].clone())

    def forward(self, x: Float[Tensor, "B N"]) -> Float[Tensor, "B AO"]:
        raw = functional.linear(x, self.weight)
        return (raw.unflatten(1, (-1, len(self.bias))) + self.bias).flatten(1)


class QNetwork(nn.Module):
    """From stacked frames to the returns of all actions."""

    def __init__(self, torso: nn.Module, head: nn.Module, actions: int, returns: Expectation) -> None:
        super().__init__()
        self.torso, self.head = torso, head
        self.actions, self.returns = actions, returns

    def forward(self, obs: Shaped[Tensor, "B ..."]) -> ExpectedReturns:
        raw = self.head(self.torso(obs))
        return self.returns.read(raw.unflatten(1, (self.actions, self.returns.outputs)))


def obs_shape(frame_shape: tuple[int, ...], stack: int) -> tuple[int, ...]:
    """Shape of one observation: K frames of `(H, W, C)` make `(K*C, H, W)`, K vectors of `(N,)` make `(K*N,)`."""
    if len(frame_shape) == 3:
        height, width, channels = frame_shape
        return (stack * channels, height, width)
    return (stack * frame_shape[0],)


def _linear(entries: int, units: int, init: Init, generator: torch.Generator) -> nn.Linear:
    layer = cast(nn.Linear, skip_init(nn.Linear, entries, units))
    init.fill(layer.weight.data, _bias(layer), generator)
    return layer


def _bias(layer: nn.Conv2d | nn.Linear) -> Tensor:
    assert layer.bias is not None
    return layer.bias.data
