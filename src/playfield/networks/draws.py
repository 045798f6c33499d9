"""Where networks take their chance from: one generator for initial weights, one for noise while training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


class Chance:
    """The one source of noise of a network and all its copies.

    A copy of a network that draws noise must not carry off a generator of its own, which nobody would save:
    whatever copies this gets this.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def normal(self, size: int) -> Float[Tensor, "N"]:
        """Fresh numbers from N(0, 1), on the generator's device."""
        return torch.empty(size, device=self.generator.device).normal_(generator=self.generator)

    def uniform(self, *shape: int) -> Float[Tensor, "..."]:
        """Fresh numbers from U(0, 1), on the generator's device."""
        return torch.empty(*shape, device=self.generator.device).uniform_(generator=self.generator)

    def __copy__(self) -> Chance:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Chance:
        return self


@dataclass(frozen=True, slots=True)
class Draws:
    """What building a network draws from, and what it goes on drawing from."""

    weights: torch.Generator
    chance: Chance
