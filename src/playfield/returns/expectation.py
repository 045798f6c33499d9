"""The mean return of every action: plain action values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from playfield.batch import Distance
from playfield.settings import setting


@dataclass(frozen=True, slots=True)
class ExpectedReturn:
    """The expected return of one action per sample."""

    value: Float[Tensor, "B"]
    huber: float | None

    @property
    def mean(self) -> Float[Tensor, "B"]:
        return self.value

    def backup(self, reward: Float[Tensor, "B"], discount: Float[Tensor, "B"]) -> ExpectedReturn:
        return ExpectedReturn(reward + discount * self.value, self.huber)

    def distance(self, target: ExpectedReturn) -> Distance:
        error = self.value - target.value
        if self.huber is None:
            loss = 0.5 * error.square()
        else:
            loss = functional.huber_loss(self.value, target.value, reduction="none", delta=self.huber)
        return Distance(loss, error.detach().abs())


@dataclass(frozen=True, slots=True)
class ExpectedReturns:
    """The expected return of every action: plain action values."""

    q: Float[Tensor, "B A"]
    huber: float | None

    @property
    def mean(self) -> Float[Tensor, "B A"]:
        return self.q

    def worth(self, mean: Float[Tensor, "B A"]) -> Float[Tensor, "B"]:
        return mean.amax(1)

    def at(self, action: Int64[Tensor, "B"]) -> ExpectedReturn:
        return ExpectedReturn(self.q.gather(1, action[:, None])[:, 0], self.huber)

    def under(self, policy: Float[Tensor, "B A"], bonus: Float[Tensor, "B A"]) -> ExpectedReturn:
        return ExpectedReturn((policy * (self.q + bonus)).sum(1), self.huber)


@dataclass(frozen=True, slots=True)
class Expectation:
    """Predict the mean return of every action.

    Source: Mnih et al. (2015); the original clips the error to [-1, 1], which is the Huber loss with huber=1.
    Neutral: huber=None is half the squared error.
    """

    outputs: ClassVar[int] = 1
    huber: float | None = setting(1.0, "error beyond which the loss grows linearly; none for half the squared error")

    def __post_init__(self) -> None:
        if self.huber is not None and self.huber <= 0:
            raise ValueError("huber must be above 0, or none for the squared error")

    def read(self, raw: Float[Tensor, "B A 1"]) -> ExpectedReturns:
        """Network outputs as returns."""
        return ExpectedReturns(raw[:, :, 0], self.huber)
