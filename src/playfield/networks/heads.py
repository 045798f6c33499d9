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

Axes = tuple[int, ...]
"""How many choices each axis of actions has; the actions are their product, the last axis changing fastest."""


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

    def build(self, features: int, axes: Axes, outputs: int, draws: Draws) -> nn.Module:
        """The head; `outputs` numbers for every action come out, all of one action side by side."""
        last = self.layer.build(self.hidden, math.prod(axes) * outputs, self.output_init, draws)
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
        _check_streams(self)

    def build(self, features: int, axes: Axes, outputs: int, draws: Draws) -> nn.Module:
        """The head; `outputs` numbers for every action come out, all of one action side by side."""
        return _two_streams(self, features, (math.prod(axes),), outputs, draws)


@dataclass(frozen=True, slots=True)
class Factored:
    """The value of the observation and, for each axis of actions, the advantage of each of its choices, all added.

        q(s, a) = v(s) + Σ_i [A_i(s, a_i) − mean_a' A_i(s, a')]

    What is learnt of a choice counts with every choice on the other axes: 6 outputs for 3 x 3 actions instead of 9.
    What a choice is worth only together with another one cannot be said. Several outputs are treated as by `Dueling`.

    Source: Tang et al. (2022), "Leveraging factored action spaces", for the sum; a common value and advantages for
    each axis, less their mean, as in Tavakoli, Pardo & Kormushev (2018), who learn a target for each axis instead.
    Neutral: where a game's actions are one axis, as most are, it is `Dueling`.
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
        _check_streams(self)

    def build(self, features: int, axes: Axes, outputs: int, draws: Draws) -> nn.Module:
        """The head; `outputs` numbers for every action come out, all of one action side by side."""
        return _two_streams(self, features, axes, outputs, draws)


Head = Plain | Dueling | Factored


def _check_streams(head: Dueling | Factored) -> None:
    if head.hidden < 1:
        raise ValueError("head.hidden must be 1 or more")
    if not 0.0 < head.gradient_scale < math.inf:
        raise ValueError("head.gradient_scale must be above 0; 1 leaves the gradient alone")


def _two_streams(head: Dueling | Factored, features: int, axes: Axes, outputs: int, draws: Draws) -> nn.Module:
    value = head.layer.build(head.hidden, outputs, head.output_init, draws)
    advantage = head.layer.build(head.hidden, sum(axes) * outputs, head.output_init, draws)

    def hidden() -> nn.Sequential:
        layer = head.layer.build(features, head.hidden, head.init, draws)
        return nn.Sequential(layer, head.norm.build((head.hidden,)), nn.ReLU())

    if head.streams == "shared":
        return _TwoStreams(hidden(), value, advantage, axes, head.gradient_scale)
    value = nn.Sequential(*hidden(), value)
    advantage = nn.Sequential(*hidden(), advantage)
    return _TwoStreams(nn.Identity(), value, advantage, axes, head.gradient_scale)


class _TwoStreams(nn.Module):
    """See `Dueling`, whose actions are a single axis here, and `Factored`."""

    def __init__(
        self, shared: nn.Module, value: nn.Module, advantage: nn.Module, axes: Axes, gradient_scale: float
    ) -> None:
        super().__init__()
        self.shared, self.value, self.advantage = shared, value, advantage
        self.axes, self.gradient_scale = axes, gradient_scale

    def forward(self, x: Float[Tensor, "B N"]) -> Float[Tensor, "B AO"]:
        x = self.shared(_scaled_gradient(x, self.gradient_scale))
        value = self.value(x)
        choices = self.advantage(x).unflatten(1, (-1, value.shape[1])).split(self.axes, dim=1)
        first, *others = [advantage - advantage.mean(1, keepdim=True) for advantage in choices]
        # (B, 1, O) + (B, choices, O), then by one axis after the other: the last one's choices change fastest.
        q = value[:, None] + first
        for advantage in others:
            q = (q[:, :, None] + advantage[:, None]).flatten(1, 2)
        return q.flatten(1)


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
