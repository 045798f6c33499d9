"""What displays and metrics say about the games just played, and from where they go on after a resume."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from playfield.events import EpisodeEnded, Evaluated, Event, PhaseChanged
from playfield.types import Clock

LAST: Final = 30
"""Episodes in the running mean that progress, metrics and plots show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """From where a sink goes on: nothing for a new run, the saved place for a resumed one."""

    clock: Clock = field(default_factory=Clock)
    updates: int = 0
    """Optimiser steps so far."""
    scores: tuple[float, ...] = ()
    """Scores of the last finished training episodes, so that the running mean goes on; 30 are enough."""
    lost: int = 0
    """Training episodes so far that were cut off, since their game was lost."""
    elapsed_seconds: float = 0.0
    """Wall time spent before."""


class RecentScores:
    """Scores of the last finished training episodes; episodes of an evaluation are counted apart.

    Episodes that end between `PhaseChanged("evaluating")` and `Evaluated`, or the next change of phase, belong to the
    evaluation; so do the clocks of all events in between.

    Scores are of whole games: an episode that was cut off since its game was lost has none.
    """

    def __init__(self, scores: Iterable[float] = (), *, episodes: int = 0, lost: int = 0) -> None:
        self._scores: deque[float] = deque(scores, maxlen=LAST)
        self.lost = lost
        """Those of the episodes that have no score, since their game was lost."""
        self.episodes = max(episodes, len(self._scores))
        """Training episodes so far that have ended, however that came."""
        self.evaluating = False
        self.evaluation_scores: list[float] = []
        """Scores of the evaluation that runs, or of the last one."""

    def take(self, event: Event) -> None:
        """Follow one event."""
        match event:
            case PhaseChanged(phase="evaluating"):
                self.evaluating = True
                self.evaluation_scores = []
            case PhaseChanged() | Evaluated():
                self.evaluating = False
            case EpisodeEnded() if self.evaluating:
                self.evaluation_scores.append(event.score)
            case EpisodeEnded():
                self.episodes += 1
                if event.lost:
                    self.lost += 1
                else:
                    self._scores.append(event.score)
            case _:
                pass

    @property
    def count(self) -> int:
        """Episodes in the mean: at most 30."""
        return len(self._scores)

    @property
    def mean(self) -> float | None:
        """Mean score of the last `count` finished episodes; None before the first."""
        return sum(self._scores) / len(self._scores) if self._scores else None
