"""From rows as they happened to stacks of frames and returns over several steps. Pure functions on columns.

Row t holds the frame after decision t-1, with the reward, discount and action that led there. Axis 0 is time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor

from playfield.device import HOST


def n_step(
    reward: Float[Tensor, "n B"], discount: Float[Tensor, "n B"], last: Bool[Tensor, "n B"]
) -> tuple[Float[Tensor, "B"], Float[Tensor, "B"], Int64[Tensor, "B"]]:
    """Return, discount and length of up to n steps, cut short after a row that ends its episode.

        R = Σ_k (Π_{j<k} γ_j) r_k,   D = Π_k γ_k

    `discount` includes gamma. After an end the rest is ignored, so that a truncated episode is
    bootstrapped from its last frame and a terminated one (discount 0) from nothing.

    Source: Sutton & Barto (2018) eq. 7.1.
    Neutral: n=1 gives (reward, discount, 1).
    """
    total, product = torch.zeros_like(reward[0]), torch.ones_like(reward[0])
    alive, length = torch.ones_like(last[0]), torch.zeros_like(last[0], dtype=torch.int64)
    for k in range(len(reward)):
        total = torch.where(alive, total + product * reward[k], total)
        product = torch.where(alive, product * discount[k], product)
        length = length + alive
        alive = alive & ~last[k]
    return total, product, length


def stack(frames: Sequence[Shaped[Tensor, "B ... C"]], first: Bool[Tensor, "K B"]) -> Shaped[Tensor, "B ... KC"]:
    """The last K frames of each sample's episode side by side in the last axis, oldest first, blank before it began.

    frames        f0 | f1 f2 f3      where | marks that f1 has `first`
    stack         0    f1 f2 f3

    Source: Mnih et al. (2015); zero padding as in DQN Zoo.
    Neutral: K=1 gives the newest frame.
    """
    # A frame counts when no newer frame in the window starts an episode.
    newer_first = first.flip(0).cumsum(0).flip(0) - first.long()
    shown: list[Tensor] = []
    for frame, newer in zip(frames, newer_first, strict=True):
        shown.append(_blank(frame, newer > 0))
    return torch.cat(shown, -1)


def _blank(frame: Shaped[Tensor, "B ..."], gone: Bool[Tensor, "B"]) -> Shaped[Tensor, "B ..."]:
    """The frames, of which some are gone."""
    if frame.device != HOST:  # how many are gone is not looked at there: the host would wait for it
        return frame.masked_fill(gone.view(-1, *[1] * (frame.ndim - 1)), 0)
    index = gone.nonzero()[:, 0]
    return frame.index_fill(0, index, 0) if len(index) else frame


def lambda_returns(
    reward: Float[Tensor, "T B"], discount: Float[Tensor, "T B"], value: Float[Tensor, "T B"], lambda_: float
) -> Float[Tensor, "T B"]:
    """Targets that mix every horizon, from one step (lambda_=0) to the whole rollout (lambda_=1).

        G_t = r_{t+1} + γ_{t+1} [(1 − λ) v_{t+1} + λ G_{t+1}],   G at the rollout's end is bootstrapped from v

    Source: Sutton & Barto (2018) eq. 12.18; used by PQN (Gallici et al., 2024).
    Neutral: lambda_=0 gives the one-step target.
    """
    targets = torch.empty_like(reward)
    following = value[-1]
    for t in range(len(reward) - 1, -1, -1):
        following = reward[t] + discount[t] * ((1.0 - lambda_) * value[t] + lambda_ * following)
        targets[t] = following
    return targets
