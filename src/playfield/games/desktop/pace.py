"""How games that do not wait for the agent keep up: how late their steps came, and how long they stood still."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np

MOST_STEPS = 100_000
"""Newest steps that are remembered until somebody asks."""


class Pace:
    """What is late of all copies of a game, since it was last asked."""

    def __init__(self) -> None:
        self._late_ms = deque[float](maxlen=MOST_STEPS)
        self._paused_seconds = 0.0
        self.is_hurried = False
        """Whether whoever waits for a person should wait no longer: somebody wants to stop."""

    def late(self, seconds: float) -> None:
        """A step ended so long after its deadline."""
        self._late_ms.append(max(0.0, seconds) * 1000.0)

    def paused(self, seconds: float) -> None:
        """The games stood still for so long, which makes no step late."""
        self._paused_seconds += seconds

    def hurry(self) -> None:
        """Wait for no person any more."""
        self.is_hurried = True

    def take(self) -> Mapping[str, float]:
        """Lateness in milliseconds and pauses in seconds since it was last asked for; none if nothing was played."""
        late = np.array(self._late_ms)
        paused, self._paused_seconds = self._paused_seconds, 0.0
        self._late_ms.clear()
        if not len(late):
            return {}
        return {
            "late_median_ms": float(np.median(late)),
            "late_p99_ms": float(np.percentile(late, 99)),
            "late_worst_ms": float(late.max()),
            "paused_seconds": paused,
        }
