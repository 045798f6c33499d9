"""What an agent expected of its decisions beside what came of them."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from playfield.events import Event, Learned, Stepped
from playfield.types import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntReward:
    """What the memory makes of raw rewards: values are about these."""

    discount: float
    """Gamma."""
    scale: float = 1.0
    clip: float | None = None

    def of(self, raw: Float64[Array, "T"]) -> Float64[Array, "T"]:
        """Rewards as they are learnt."""
        scaled = raw * self.scale
        return scaled if self.clip is None else scaled.clip(-self.clip, self.clip)


class Hindsight(NamedTuple):
    """Means over the decisions of the episodes that were looked at; None where there were none."""

    overestimation: float | None
    discounted_return: float | None


class Overestimation:
    """How much more an agent expected than it got, over whole episodes.

        mean over t of  v(s_t) − G_t,   G_t = r_{t+1} + γ d_{t+1} G_{t+1},   G = v where a time limit cut the episode

    v is `Decision.value`: of the best action, although a random one may have been taken, so that exploration counts as
    overestimation. Only episodes that were seen whole and that began after learning did are counted. Nothing of this is
    saved: after a resume it begins with the first episode that begins then.

    Source: van Hasselt, Guez & Silver (2016), "Deep reinforcement learning with double Q-learning", fig. 3.
    """

    def __init__(self, learnt: LearntReward) -> None:
        self._learnt = learnt
        self._learning = False
        self._open: list[array[float] | None] = []  # value, reward, discount of each decision, game by game
        self._decisions, self._excess, self._returns = 0, 0.0, 0.0

    def take(self, event: Event) -> None:
        """Follow one event."""
        match event:
            case Learned():
                self._learning = True
            case Stepped(value=value, step=step) if value is not None:
                self._open = self._open or [None] * len(value)
                rows = zip(value.tolist(), step.reward.tolist(), step.discount.tolist(), step.first, strict=True)
                for game, (expected, reward, discount, first) in enumerate(rows):
                    episode = self._open[game]
                    if first:  # the decision that was ignored judged the last frame of the episode before
                        if episode:
                            self._close(np.array(episode, np.float64).reshape(-1, 3), expected)
                        self._open[game] = array("f") if self._learning else None
                    elif episode is not None:
                        episode.extend((expected, reward, discount))
            case _:
                pass

    def read(self) -> Hindsight:
        """Over the episodes that ended since the last reading."""
        count, excess, returns = self._decisions, self._excess, self._returns
        self._decisions, self._excess, self._returns = 0, 0.0, 0.0
        return Hindsight(excess / count, returns / count) if count else Hindsight(None, None)

    def _close(self, decisions: Float64[Array, "T 3"], after: float) -> None:
        value, reward, discount = decisions.T
        returns = discounted_returns(self._learnt.of(reward), self._learnt.discount * discount, after)
        self._decisions += len(value)
        self._excess += float((value - returns).sum())
        self._returns += float(returns.sum())


def discounted_returns(reward: Float64[Array, "T"], discount: Float64[Array, "T"], after: float) -> Float64[Array, "T"]:
    """G_t = r_{t+1} + γ_{t+1} G_{t+1}, from an end that is worth `after`."""
    returns = np.empty_like(reward)
    for t in reversed(range(len(reward))):
        after = returns[t] = reward[t] + discount[t] * after
    return returns
