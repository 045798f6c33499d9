"""How an agent learns from demonstrations: what is added to its loss, and how they are drawn. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from playfield.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Imitation:
    """Demonstrations are kept for good and learnt from first, with three terms beside the temporal-difference loss.

        J = J_TD + λ₁ J_n + λ₂ J_E + λ₃ ‖w‖²,   J_E = max_a [q(s, a) + margin · 1{a ≠ a_E}] − q(s, a_E)

    J_n is the same loss over more steps, J_E is of demonstrations only; all three but ‖w‖² carry the samples' weights.

    Source: Hester et al. (2018), "Deep Q-learning from demonstrations"; the fixed ratio as in R2D3 (Gulcehre et al.,
    2020), there drawn for each sample.
    Neutral: no demonstrations, with weights and pretrain_updates of 0, is the recipe without imitation.
    """

    pretrain_updates: int = setting(750_000, "updates on demonstrations alone, before the first action")
    margin: float = setting(0.8, "how far the demonstrated action shall lead before all others")
    margin_weight: float = setting(1.0, "λ₂, weight of the large-margin loss on demonstrations; 0 for none")
    n_step: int = setting(10, "decisions whose rewards are summed in the loss over more steps")
    n_step_weight: float = setting(1.0, "λ₁, weight of the loss over more steps; 0 for none")
    l2_weight: float = setting(1e-5, "λ₃, weight of the sum of all squared weights and biases; 0 for none")
    bonus: float = setting(0.999, "added to the surprise of demonstrations, besides the sampler's own offset")
    ratio: float | None = setting(
        None, "share of what is learnt from that is drawn from demonstrations; none to let their priorities decide"
    )

    def __post_init__(self) -> None:
        if self.pretrain_updates < 0 or self.n_step < 1:
            raise ValueError("imitation.pretrain_updates must be 0 or more, and imitation.n_step 1 or more")
        for name in ("margin", "margin_weight", "n_step_weight", "l2_weight", "bonus"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"imitation.{name} must be 0 or more")
        if self.ratio is not None and not 0.0 <= self.ratio <= 1.0:
            raise ValueError("imitation.ratio must lie between 0 and 1, or be none")

    @property
    def needs_demonstrations(self) -> bool:
        """Whether nothing could be learnt as the settings say without demonstrations."""
        return self.pretrain_updates > 0 or self.ratio is not None

    def drawn(self, batches: int, size: int) -> int:
        """How many of a batch of that size are demonstrations: the ratio, exact over the first `batches` together.

        ratio 0.3, size 2      batch  1  2  3  4  5
                               drawn  0  1  0  1  1
        """
        share = (self.ratio or 0.0) * size
        return math.floor(batches * share) - math.floor((batches - 1) * share)


def large_margin(q: Float[Tensor, "B A"], action: Int64[Tensor, "B"], margin: float) -> Float[Tensor, "B"]:
    """How far the demonstrated action is from leading before every other one by the margin.

        max_a [q(s, a) + margin · 1{a ≠ a_E}] − q(s, a_E)

    Source: Piot, Geist & Pietquin (2014); Hester et al. (2018) eq. 4.
    Neutral: 0, and no gradient, where the demonstrated action leads by the margin or more.
    """
    own = q.gather(1, action[:, None])[:, 0]
    rival = q.scatter(1, action[:, None], -math.inf).amax(1)
    return functional.relu(rival + margin - own)


def squares(network: nn.Module) -> Float[Tensor, ""]:
    """The sum of all squared weights and biases, ‖w‖²."""
    return torch.stack([parameter.square().sum() for parameter in network.parameters()]).sum()
