"""What becomes of a raw reward before it is learnt: the same for every memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from playfield.types import Array

SCALE_HELP = "rewards are multiplied by this before they are clipped and learnt"
CLIP_HELP = "rewards are learnt as at most this, either sign; none to learn raw rewards"


def check_rewards(scale: float, clip: float | None) -> None:
    """Refuse settings of a memory under which nothing could be learnt.

    Raises: ValueError naming the setting.
    """
    if not 0.0 < scale < math.inf:
        raise ValueError("memory.reward_scale must be above 0; 1 leaves rewards as they are")
    if clip is not None and clip <= 0:
        raise ValueError("memory.reward_clip must be above 0, or none to learn raw rewards")


def learnt_reward(reward: Float[Tensor, "*S"], scale: float, clip: float | None) -> Float[Tensor, "*S"]:
    """Rewards as they are learnt: min(max(scale · r, −clip), clip).

    Source: Mnih et al. (2015) for clip=1.
    Neutral: scale=1 and clip=None leave rewards as they are.
    """
    scaled = reward * scale
    return scaled if clip is None else scaled.clamp(-clip, clip)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardRange:
    """What a single reward may be where predictions of the return reach from `low` to `high` and no further."""

    low: float
    high: float
    scale: float
    """Of the memory: rewards are multiplied by it before they are learnt."""

    def check(self, reward: Float[Array, "G"]) -> None:
        """Raises: ValueError where a reward lies outside, with what to change."""
        learnt = reward * self.scale
        outside = (learnt < self.low) | (learnt > self.high)
        if outside.any():
            raw, worst = float(reward[outside][0]), float(learnt[outside][0])
            raise ValueError(
                f"the game gave a reward of {raw:g}, learnt as {worst:g}, which returns from {self.low:g} to "
                f"{self.high:g} cannot hold: set memory.reward_clip=1, lower memory.reward_scale, or widen returns.low "
                "and returns.high"
            )
