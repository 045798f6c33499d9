"""The return's distribution over a fixed support (C51)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from playfield.batch import Distance
from playfield.returns.support import check_support, outside_share
from playfield.settings import setting


@dataclass(frozen=True, slots=True)
class CategoricalReturn:
    """Probabilities of the return of one action per sample, on atoms that a backup moves."""

    log_p: Float[Tensor, "B N"]
    atoms: Float[Tensor, "B N"]
    support: Float[Tensor, "N"]
    """Where atoms lie before any backup."""

    @property
    def mean(self) -> Float[Tensor, "B"]:
        return (self.log_p.exp() * self.atoms).sum(1)

    def backup(self, reward: Float[Tensor, "B"], discount: Float[Tensor, "B"]) -> CategoricalReturn:
        atoms = reward[:, None] + discount[:, None] * self.atoms
        return CategoricalReturn(self.log_p.expand_as(atoms), atoms, self.support)

    def distance(self, target: CategoricalReturn) -> Distance:
        """Cross entropy to the target, projected onto the support."""
        p = target.log_p.exp()
        loss = -(project(p, target.atoms, self.support) * self.log_p).sum(1)
        return Distance(loss, loss.detach(), outside_share(target.atoms, self.support, p))


@dataclass(frozen=True, slots=True)
class CategoricalReturns:
    """Log probabilities of every action's return."""

    log_p: Float[Tensor, "B A N"]
    support: Float[Tensor, "N"]

    @property
    def mean(self) -> Float[Tensor, "B A"]:
        return (self.log_p.exp() * self.support).sum(2)

    def worth(self, mean: Float[Tensor, "B A"]) -> Float[Tensor, "B"]:
        return mean.amax(1)

    def at(self, action: Int64[Tensor, "B"]) -> CategoricalReturn:
        chosen = self.log_p[torch.arange(len(action), device=action.device), action]
        return CategoricalReturn(chosen, self.support.expand_as(chosen), self.support)

    def under(self, policy: Float[Tensor, "B A"], bonus: Float[Tensor, "B A"]) -> CategoricalReturn:
        """The mixture of the actions' distributions; `bonus` moves all of it by the same distance.

        A mixture of distributions moved apart would not fit on one set of atoms: recipes refuse Munchausen here.
        """
        mixed = torch.logsumexp(self.log_p + policy.log()[:, :, None], 1)
        atoms = self.support + (policy * bonus).sum(1, keepdim=True)
        return CategoricalReturn(mixed, atoms, self.support)


@dataclass(frozen=True, slots=True)
class Categorical:
    """Predict the probabilities of `atoms` returns, evenly spaced from `low` to `high`.

    Source: Bellemare, Dabney & Munos (2017), algorithm 1.
    Neutral: atoms=2 predicts the mean alone, by logistic regression between low and high.
    """

    low: float = setting(-10.0, "smallest return that can be told apart")
    high: float = setting(10.0, "largest return that can be told apart")
    atoms: int = setting(51, "points between them, both ends counted")

    def __post_init__(self) -> None:
        check_support(self.low, self.high, self.atoms, "returns.atoms")

    @property
    def outputs(self) -> int:
        return self.atoms

    def read(self, raw: Float[Tensor, "B A N"]) -> CategoricalReturns:
        """Network outputs as returns."""
        support = torch.linspace(self.low, self.high, self.atoms, device=raw.device)
        return CategoricalReturns(raw.log_softmax(2), support)


def project(p: Float[Tensor, "B N"], atoms: Float[Tensor, "B N"], support: Float[Tensor, "M"]) -> Float[Tensor, "B M"]:
    """Probabilities at `atoms`, shared out between their neighbours in `support`; what lies outside goes to the ends.

        m_i = Σ_j clip(1 − |clip(z_j) − z_i| / Δz, 0, 1) p_j

    Source: Bellemare, Dabney & Munos (2017) eq. 7.
    Neutral: atoms equal to the support.
    """
    inside = atoms.clamp(support[0], support[-1])
    near = 1.0 - (inside[:, None, :] - support[:, None]).abs() / (support[1] - support[0])
    return (near.clamp(0.0, 1.0) * p[:, None, :]).sum(2)
