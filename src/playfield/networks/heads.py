"""From features to outputs for every action."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from playfield.networks.activations import Activation, Relu
from playfield.networks.draws import Draws
from playfield.networks.inits import Init, UniformInit
from playfield.networks.layers import Dense, Layer
from playfield.networks.norms import NoNorm, Norm
from playfield.settings import setting


@dataclass(frozen=True, slots=True)
class Plain:
    """One hidden layer, then outputs for every action.

    Source: Mnih et al. (2015); bias="shared" from the tuned Double DQN of van Hasselt, Guez & Silver (2016).
    Neutral: bias="each" is an ordinary last layer; of a single action the two are the same.
    """

    hidden: int = setting(512, "units of the hidden layer")
    layer: Layer = setting(Dense(), "the kind of both layers: with noise in the weights or without")
    norm: Norm = setting(NoNorm(), "between the hidden layer and its activation")
    activation: Activation = setting(Relu(), "after the hidden layer")
    init: Init = setting(UniformInit(), "how weights and biases start")
    output_init: Init = setting(UniformInit(), "how the last layer's weights and biases start")
    bias: Literal["each", "shared"] = setting("each", "one bias for each action, or a single one shared by all")

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise ValueError("head.hidden must be 1 or more")
        if self.bias == "shared" and self.layer != Dense():
            raise ValueError("a bias shared by all actions needs layers without noise: use head.layer=Dense")

    def build(self, features: int, actions: int, outputs: int, draws: Draws) -> nn.Module:
        """The head; `actions` times `outputs` numbers come out, all of one action side by side."""
        last = self.layer.build(self.hidden, actions * outputs, self.output_init, draws)
        if self.bias == "shared":
            assert isinstance(last, nn.Linear)
            last = _SharedBias(last, outputs)
        return nn.Sequential(
            self.layer.build(features, self.hidden, self.init, draws),
            self.norm.build((self.hidden,)),
            self.activation.build(),
            last,
        )


@dataclass(frozen=True, slots=True)
class Dueling:
    """The value of the observation and the advantage of each action, added.

        q(s, a) = v(s) + A(s, a) − mean_a' A(s, a')

    Where the return has several outputs (atoms, quantiles), so has the value, and each is added to its own kind.

    Source: Wang et al. (2016) eq. 9; two hidden layers as in DQN Zoo's Rainbow, one as in Dopamine's.
    Neutral: advantages of zero give the value; gradient_scale=1 leaves the gradient alone.
    """

    hidden: int = setting(512, "units of each hidden layer")
    layer: Layer = setting(Dense(), "the kind of all layers: with noise in the weights or without")
    norm: Norm = setting(NoNorm(), "between a hidden layer and its ReLU")
    init: Init = setting(UniformInit(), "how weights and biases start")
    output_init: Init = setting(UniformInit(), "how the last layers' weights and biases start")
    streams: Literal["separate", "shared"] = setting(
        "separate", "a hidden layer each for the value and the advantages, or a single one shared by both"
    )
    gradient_scale: float = setting(
        1.0 / math.sqrt(2.0), "what the gradient is multiplied by on its way from the head into the torso"
    )

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise ValueError("head.hidden must be 1 or more")
        if not 0.0 < self.gradient_scale < math.inf:
            raise ValueError("head.gradient_scale must be above 0; 1 leaves the gradient alone")

    def build(self, features: int, actions: int, outputs: int, draws: Draws) -> nn.Module:
        """The head; `actions` times `outputs` numbers come out, all of one action side by side."""
        value = self.layer.build(self.hidden, outputs, self.output_init, draws)
        advantage = self.layer.build(self.hidden, actions * outputs, self.output_init, draws)
        if self.streams == "shared":
            return _Dueling(self._hidden(features, draws), value, advantage, self.gradient_scale)
        value = nn.Sequential(*self._hidden(features, draws), value)
        advantage = nn.Sequential(*self._hidden(features, draws), advantage)
        return _Dueling(nn.Identity(), value, advantage, self.gradient_scale)

    def _hidden(self, features: int, draws: Draws) -> nn.Sequential:
        layer = self.layer.build(features, self.hidden, self.init, draws)
        return nn.Sequential(layer, self.norm.build((self.hidden,)), nn.ReLU(inplace=True))


Head = Plain | Dueling


class _Dueling(nn.Module):
    """See `Dueling`."""

    def __init__(self, shared: nn.Module, value: nn.Module, advantage: nn.Module, gradient_scale: float) -> None:
        super().__init__()
        self.shared, self.value, self.advantage = shared, value, advantage
        self.gradient_scale = gradient_scale

    def forward(self, x: Float[Tensor, "B N"]) -> Float[Tensor, "B AO"]:
        x = self.shared(_scaled_gradient(x, self.gradient_scale))
        value = self.value(x)
        advantage = self.advantage(x).unflatten(1, (-1, value.shape[1]))
        return (value[:, None] + (advantage - advantage.mean(1, keepdim=True))).flatten(1)


class _ScaledGradient(torch.autograd.Function):
    """The identity, but for its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:  # type: ignore[override]
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return gradient * ctx.scale, None


def _scaled_gradient(x: Float[Tensor, "B N"], scale: float) -> Float[Tensor, "B N"]:
    return x if scale == 1.0 else _ScaledGradient.apply(x, scale)


class _SharedBias(nn.Module):
    """A linear layer whose bias is the same for every action: see `Plain`."""

    def __init__(self, linear: nn.Linear, outputs: int) -> None:
        super().__init__()
        self.weight = linear.weight
        self.bias = nn.Parameter(linear.bias.detach()[:outputs].clone())

    def forward(self, x: Float[Tensor, "B N"]) -> Float[Tensor, "B AO"]:
        raw = functional.linear(x, self.weight)
        return (raw.unflatten(1, (-1, len(self.bias))) + self.bias).flatten(1)
