"""Metrics for TensorBoard, where that package is installed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Protocol, cast

from playfield.events import EpisodeEnded, Evaluated, Event, Learned
from playfield.sinks.recent import Begin, RecentScores

INSTALL = f"{sys.executable} -m pip install tensorboard"


class _Writer(Protocol):
    def add_scalar(self, tag: str, data: float, step: int) -> None: ...
    def close(self) -> None: ...


def _open(directory: Path) -> _Writer:
    try:
        summary = importlib.import_module("tensorboard.summary")
    except ImportError:
        raise ModuleNotFoundError(f"TensorBoard is not installed; install it with: {INSTALL}") from None
    return cast(_Writer, summary.Writer(str(directory)))


def require_tensorboard() -> None:
    """Raises: ModuleNotFoundError with the command that installs the package."""
    if importlib.util.find_spec("tensorboard") is None:
        raise ModuleNotFoundError(f"TensorBoard is not installed; install it with: {INSTALL}")


class TensorBoard:
    """Writes scores, losses and evaluations as TensorBoard scalars; the horizontal axis is emulator frames."""

    def __init__(self, directory: Path, *, every_updates: int = 100, begin: Begin | None = None) -> None:
        """Raises: ModuleNotFoundError with the command that installs the package."""
        begin = begin or Begin()
        self._writer = _open(directory)
        self._every_updates = every_updates
        self._scores = RecentScores(begin.scores, episodes=begin.clock.episodes)

    def __call__(self, event: Event) -> None:
        """Take one event."""
        self._scores.take(event)
        match event:
            case EpisodeEnded() if not self._scores.evaluating:
                self._add("episode/score", event.score, event)
                self._add("episode/frames", event.frames, event)
                if self._scores.mean is not None:
                    self._add("episode/score_mean_last_30", self._scores.mean, event)
            case Learned() if event.updates % self._every_updates == 0:
                self._add("learning/loss", event.loss, event)
                self._add("learning/grad_norm", event.grad_norm, event)
                self._add("learning/mean_q", event.mean_q, event)
                self._add("learning/epsilon", event.epsilon, event)
            case Evaluated() if event.scores:
                self._add("evaluation/score_mean", sum(event.scores) / len(event.scores), event)
            case _:
                pass

    def _add(self, label: str, value: float, event: Event) -> None:
        self._writer.add_scalar(label, value, event.clock.frames)

    def close(self) -> None:
        """Write what is pending."""
        self._writer.close()
