"""What becomes of a raw reward before it is learnt: the same for every memory."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

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
