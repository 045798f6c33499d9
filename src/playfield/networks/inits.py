"""How weights and biases start."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

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
    """Orthogonal weights, zero biases.

    Source: Saxe, McClelland & Ganguli (2014); gain √2 as in CleanRL's PQN.
    """

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
