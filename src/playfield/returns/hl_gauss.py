"""The value as a classification: a histogram learnt by cross entropy (HL-Gauss)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from playfield.batch import Distance
from playfield.returns.support import check_support, outside_share
from playfield.settings import setting


@dataclass(frozen=True, slots=True)
class HistogramReturn:
    """The value of one action per sample; predictions also carry their histogram."""

    value: Float[Tensor, "B"]
    log_p: Float[Tensor, "B N"] | None
    spec: HLGauss

    @property
    def mean(self) -> Float[Tensor, "B"]:
        return self.value

    def backup(self, reward: Float[Tensor, "B"], discount: Float[Tensor, "B"]) -> HistogramReturn:
        return HistogramReturn(reward + discount * self.value, None, self.spec)

    def distance(self, target: HistogramReturn) -> Distance:
        """Cross entropy to the histogram of a Gaussian around the target value."""
        assert self.log_p is not None
        edges = self.spec.edges(self.log_p.device)
        loss = -(histogram(target.value, edges, self.spec.sigma) * self.log_p).sum(1)
        whole = torch.ones_like(target.value)[:, None]
        surprise = (self.value.detach() - target.value).abs()
        return Distance(loss, surprise, outside_share(target.value[:, None], edges, whole))


@dataclass(frozen=True, slots=True)
class HistogramReturns:
    """Log probabilities of the bins of every action's value."""

    log_p: Float[Tensor, "B A N"]
    spec: HLGauss

    @property
    def mean(self) -> Float[Tensor, "B A"]:
        edges = self.spec.edges(self.log_p.device)
        return (self.log_p.exp() * (edges[1:] + edges[:-1]) * 0.5).sum(2)

    def worth(self, mean: Float[Tensor, "B A"]) -> Float[Tensor, "B"]:
        return mean.amax(1)

    def at(self, action: Int64[Tensor, "B"]) -> HistogramReturn:
        rows = torch.arange(len(action), device=action.device)
        return HistogramReturn(self.mean[rows, action], self.log_p[rows, action], self.spec)

    def under(self, policy: Float[Tensor, "B A"], bonus: Float[Tensor, "B A"]) -> HistogramReturn:
        return HistogramReturn((policy * (self.mean + bonus)).sum(1), None, self.spec)


@dataclass(frozen=True, slots=True)
class HLGauss:
    """Predict the value's bin: targets are Gaussians around the value, the loss is cross entropy.

    Source: Imani & White (2018); Farebrother et al. (2024), "Stop regressing", whose Atari numbers are the defaults.
    Neutral: spread → 0 is plain classification: the bin that holds the value has all of the target.
    """

    low: float = setting(-10.0, "lower edge of the first bin")
    high: float = setting(10.0, "upper edge of the last bin")
    bins: int = setting(51, "bins between them, all of the same width")
    spread: float = setting(0.75, "standard deviation of the target, in widths of a bin")

    def __post_init__(self) -> None:
        check_support(self.low, self.high, self.bins, "returns.bins")
        if self.spread <= 0:
            raise ValueError("returns.spread must be above 0")

    @property
    def outputs(self) -> int:
        return self.bins

    @property
    def sigma(self) -> float:
        """Standard deviation of a target, in units of return."""
        return self.spread * (self.high - self.low) / self.bins

    def edges(self, device: torch.device) -> Float[Tensor, "M"]:
        """Edges of the bins."""
        return torch.linspace(self.low, self.high, self.bins + 1, device=device)

    def read(self, raw: Float[Tensor, "B A N"]) -> HistogramReturns:
        """Network outputs as returns."""
        return HistogramReturns(raw.log_softmax(2), self)


def histogram(value: Float[Tensor, "B"], edges: Float[Tensor, "M"], sigma: float) -> Float[Tensor, "B N"]:
    """The share of a Gaussian around each value that falls into each bin; values outside are moved to the ends.

        p_i = [Φ((e_{i+1} − v)/σ) − Φ((e_i − v)/σ)] / [Φ((e_N − v)/σ) − Φ((e_0 − v)/σ)]

    Source: Farebrother et al. (2024) eq. 3.3.
    Neutral: sigma → 0 gives 1 to the bin that holds the value.
    """
    inside = value.clamp(edges[0], edges[-1])
    below = torch.special.ndtr((edges - inside[:, None]) / sigma)
    return below.diff(dim=1) / (below[:, -1:] - below[:, :1])
