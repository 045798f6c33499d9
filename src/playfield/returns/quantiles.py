"""The return's distribution as quantiles: at fixed fractions (QR-DQN), or at freshly drawn ones (IQN)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from playfield.batch import Distance
from playfield.settings import setting


@dataclass(frozen=True, slots=True)
class QuantileReturn:
    """Quantiles of the return of one action per sample, and the fractions they stand for."""

    values: Float[Tensor, "B N"]
    tau: Float[Tensor, "#B N"]
    huber: float

    @property
    def mean(self) -> Float[Tensor, "B"]:
        return self.values.mean(1)

    def backup(self, reward: Float[Tensor, "B"], discount: Float[Tensor, "B"]) -> QuantileReturn:
        return QuantileReturn(reward[:, None] + discount[:, None] * self.values, self.tau, self.huber)

    def distance(self, target: QuantileReturn) -> Distance:
        """Quantile Huber loss: summed over predictions, averaged over targets.

            Σ_i mean_j |τ_i − 1{u_ij < 0}| L_κ(u_ij) / κ,   u_ij = y_j − θ_i

        Source: Dabney et al. (2018) eq. 10.
        """
        error = target.values[:, None, :] - self.values[:, :, None]
        size = error.abs()
        if self.huber > 0:
            inner = 0.5 * error.square() / self.huber
            size = torch.where(size <= self.huber, inner, size - 0.5 * self.huber)
        weight = (self.tau[:, :, None] - (error.detach() < 0).to(error.dtype)).abs()
        return Distance((weight * size).mean(2).sum(1), error.detach().abs().mean(2).sum(1))


@dataclass(frozen=True, slots=True)
class QuantileReturns:
    """Quantiles of every action's return."""

    values: Float[Tensor, "B A N"]
    tau: Float[Tensor, "#B N"]
    huber: float

    @property
    def mean(self) -> Float[Tensor, "B A"]:
        return self.values.mean(2)

    def worth(self, mean: Float[Tensor, "B A"]) -> Float[Tensor, "B"]:
        return mean.amax(1)

    def at(self, action: Int64[Tensor, "B"]) -> QuantileReturn:
        chosen = self.values[torch.arange(len(action), device=action.device), action]
        return QuantileReturn(chosen, self.tau, self.huber)

    def under(self, policy: Float[Tensor, "B A"], bonus: Float[Tensor, "B A"]) -> QuantileReturn:
        """Each quantile averaged over the policy, as Munchausen IQN does."""
        mixed = (policy[:, :, None] * (self.values + bonus[:, :, None])).sum(1)
        return QuantileReturn(mixed, self.tau, self.huber)


@dataclass(frozen=True, slots=True)
class ImplicitReturns:
    """Every action's return, of which any number of quantiles can be drawn."""

    sample: Callable[[int], QuantileReturns]
    """Quantiles at that many fractions, freshly drawn from U(0, 1) for every sample of the batch."""
    spec: ImplicitQuantiles

    @property
    def mean(self) -> Float[Tensor, "B A"]:
        return self.sample(self.spec.acting_samples).mean

    def worth(self, mean: Float[Tensor, "B A"]) -> Float[Tensor, "B"]:
        return mean.amax(1)

    def at(self, action: Int64[Tensor, "B"]) -> QuantileReturn:
        return self.sample(self.spec.samples).at(action)

    def under(self, policy: Float[Tensor, "B A"], bonus: Float[Tensor, "B A"]) -> QuantileReturn:
        return self.sample(self.spec.target_samples).under(policy, bonus)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Predict the return at `count` fixed fractions, (i + 1/2) / count.

    Source: Dabney et al. (2018), QR-DQN.
    Neutral: count=1 predicts the median by half the Huber loss.
    """

    count: int = setting(200, "quantiles of each action's return")
    huber: float = setting(1.0, "error beyond which the loss grows linearly; 0 for plain quantile regression")

    def __post_init__(self) -> None:
        if self.count < 1 or self.huber < 0:
            raise ValueError("returns.count must be 1 or more and returns.huber 0 or more")

    @property
    def outputs(self) -> int:
        return self.count

    def read(self, raw: Float[Tensor, "B A N"]) -> QuantileReturns:
        """Network outputs as returns."""
        tau = (torch.arange(self.count, device=raw.device) + 0.5) / self.count
        return QuantileReturns(raw, tau[None], self.huber)


@dataclass(frozen=True, slots=True)
class ImplicitQuantiles:
    """Predict the return at any fraction, which is an input of the network.

    Source: Dabney et al. (2018b), IQN.
    Neutral: first_cosine=0 with cosines=1 hides the fraction: one value, by samples/2 times the Huber loss on average.
    """

    samples: int = setting(64, "fractions drawn for each prediction")
    target_samples: int = setting(64, "fractions drawn for each target")
    acting_samples: int = setting(32, "fractions drawn to choose an action")
    cosines: int = setting(64, "cosines of a fraction that the network sees")
    first_cosine: int = setting(1, "0 where cos(0) = 1 is among them (the paper, BTR), 1 where not (DQN Zoo, Dopamine)")
    huber: float = setting(1.0, "error beyond which the loss grows linearly; 0 for plain quantile regression")

    def __post_init__(self) -> None:
        if min(self.samples, self.target_samples, self.acting_samples, self.cosines) < 1:
            raise ValueError("returns.samples, target_samples, acting_samples and cosines must be 1 or more")
        if self.first_cosine not in (0, 1) or self.huber < 0:
            raise ValueError("returns.first_cosine must be 0 or 1 and returns.huber 0 or more")

    @property
    def outputs(self) -> int:
        return 1

    def read(self, raw: Float[Tensor, "B A N"], tau: Float[Tensor, "B N"]) -> QuantileReturns:
        """Network outputs at the fractions `tau` as returns."""
        return QuantileReturns(raw, tau, self.huber)
