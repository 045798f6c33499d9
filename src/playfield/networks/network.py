"""Torso, head and returns as one network."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from playfield.device import Precision, arithmetic
from playfield.networks.draws import Chance, Draws
from playfield.networks.inits import UniformInit
from playfield.networks.layers import NoisyLinear, linear
from playfield.returns import ImplicitQuantiles, ImplicitReturns, QuantileReturns, Readable, Returns


class QNetwork(nn.Module):
    """From stacked frames to the returns of all actions."""

    def __init__(
        self, torso: nn.Module, head: nn.Module, actions: int, returns: Readable, precision: Precision = "float32"
    ) -> None:
        super().__init__()
        self.torso, self.head = torso, head
        self.actions, self.returns = actions, returns
        self.precision: Precision = precision

    def forward(self, obs: Shaped[Tensor, "B ..."]) -> Returns:
        with arithmetic(self.precision, obs.device):
            raw = self.head(self.torso(obs)).float()
        return self.returns.read(raw.unflatten(1, (self.actions, self.returns.outputs)))


class ImplicitQNetwork(nn.Module):
    """From stacked frames, and fractions drawn at every look, to quantiles of the returns of all actions.

        z_τ(s, ·) = head(ψ(s) ⊙ φ(τ)),   φ(τ) = ReLU(W [cos(π i τ)]_i + b)

    Source: Dabney et al. (2018b) eq. 4.
    """

    def __init__(
        self,
        torso: nn.Module,
        head: nn.Module,
        embedding: FractionEmbedding,
        returns: ImplicitQuantiles,
        precision: Precision = "float32",
    ) -> None:
        super().__init__()
        self.torso, self.head, self.embedding = torso, head, embedding
        self.returns = returns
        self.precision: Precision = precision

    def forward(self, obs: Shaped[Tensor, "B ..."]) -> ImplicitReturns:
        with arithmetic(self.precision, obs.device):
            features = self.torso(obs)
        return ImplicitReturns(lambda count: self._sample(features, count), self.returns)

    def _sample(self, features: Float[Tensor, "B F"], count: int) -> QuantileReturns:
        with arithmetic(self.precision, features.device):
            phi, tau = self.embedding(len(features), count)
            raw = self.head((features[:, None, :] * phi).flatten(0, 1)).float()
        return self.returns.read(raw.unflatten(0, (-1, count)).transpose(1, 2), tau)


class FractionEmbedding(nn.Module):
    """Fresh fractions for every sample of a batch, and their features."""

    def __init__(self, spec: ImplicitQuantiles, features: int, draws: Draws) -> None:
        super().__init__()
        self.linear = linear(spec.cosines, features, UniformInit(), draws)
        self.spec, self.chance = spec, draws.chance

    def forward(self, size: int, count: int) -> tuple[Float[Tensor, "B N F"], Float[Tensor, "B N"]]:
        first, tau = self.spec.first_cosine, self.chance.uniform(size, count)
        waves = math.pi * torch.arange(first, first + self.spec.cosines, device=tau.device)
        return torch.relu(self.linear(torch.cos(tau[:, :, None] * waves))), tau


def chance_of(network: nn.Module) -> Chance | None:
    """What a network draws its noise or its fractions from; None where it draws nothing."""
    return next((m.chance for m in network.modules() if isinstance(m, NoisyLinear | FractionEmbedding)), None)


def obs_shape(frame_shape: tuple[int, ...], stack: int) -> tuple[int, ...]:
    """Shape of one observation: K frames of `(H, W, C)` make `(K*C, H, W)`, K vectors of `(N,)` make `(K*N,)`."""
    if len(frame_shape) == 3:
        height, width, channels = frame_shape
        return (stack * channels, height, width)
    return (stack * frame_shape[0],)
