"""What follows a layer and its norm."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from playfield.settings import setting


@dataclass(frozen=True, slots=True)
class Relu:
    """max(0, x)."""

    def build(self) -> nn.Module:
        return nn.ReLU()


@dataclass(frozen=True, slots=True)
class LeakyRelu:
    """max(0, x), with a little of what lies below 0.

    Source: Maas et al. (2013).
    Neutral: slope=0 is `Relu`.
    """

    slope: float = setting(0.01, "what inputs below 0 are multiplied by")

    def __post_init__(self) -> None:
        if not 0.0 <= self.slope < 1.0:
            raise ValueError("the slope of a LeakyRelu must be 0 or more and below 1")

    def build(self) -> nn.Module:
        return nn.LeakyReLU(self.slope)


Activation = Relu | LeakyRelu
