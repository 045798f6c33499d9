"""The metrics of a run: one row per so many frames."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from playfield.events import Event, Learned, Stepped
from playfield.sinks.jsonl import AppendFile, json_line, read_lines
from playfield.sinks.recent import Begin, RecentScores
from playfield.types import Clock


class Metrics:
    """Writes one JSON row when the run passes each multiple of `every_frames`.

    A row says how things stood right after the step that passed it: `loss`, `grad_norm` and `mean_q` are means over the
    optimiser steps since the row before, `epsilon` and `updates` are the latest, `score_mean_last_30` is over the last
    `score_count` finished training episodes. Wall time is a value in the row and never the reason for one.
    """

    def __init__(
        self,
        file: AppendFile,
        *,
        every_frames: int,
        begin: Begin | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises: ValueError for an interval below one frame."""
        if every_frames < 1:
            raise ValueError(f"Metrics need an interval of at least 1 frame, not {every_frames}.")
        begin = begin or Begin()
        self._file = file
        self._every_frames = every_frames
        self._now = now
        self._zero = now() - begin.elapsed_seconds
        self._row_frames = begin.clock.frames
        self._row_seconds = begin.elapsed_seconds
        self._next = self._multiple_after(begin.clock.frames)
        self._scores = RecentScores(begin.scores, episodes=begin.clock.episodes)
        self._updates = begin.updates
        self._epsilon: float | None = None
        self._learned: list[Learned] = []

    def _multiple_after(self, frames: int) -> int:
        return (frames // self._every_frames + 1) * self._every_frames

    def __call__(self, event: Event) -> None:
        """Take one event."""
        self._scores.take(event)
        if self._scores.evaluating:
            return
        match event:
            case Stepped(clock=clock) if clock.frames >= self._next:
                self._write(clock)
                self._next = self._multiple_after(clock.frames)
            case Learned():
                self._learned.append(event)
                self._updates = event.updates
                self._epsilon = event.epsilon
            case _:
                pass

    def _write(self, clock: Clock) -> None:
        elapsed = self._now() - self._zero
        spent = elapsed - self._row_seconds
        row = {
            "frames": clock.frames,
            "steps": clock.steps,
            "episodes": self._scores.episodes,
            "updates": self._updates,
            "score_mean_last_30": self._scores.mean,
            "score_count": self._scores.count,
            "loss": self._mean("loss"),
            "grad_norm": self._mean("grad_norm"),
            "mean_q": self._mean("mean_q"),
            "epsilon": self._epsilon,
            "frames_per_second": (clock.frames - self._row_frames) / spent if spent > 0 else None,
            "elapsed_seconds": elapsed,
        }
        self._file.write(json_line(row))
        self._row_frames, self._row_seconds, self._learned = clock.frames, elapsed, []

    def _mean(self, name: str) -> float | None:
        values = [cast(float, getattr(learned, name)) for learned in self._learned]
        return sum(values) / len(values) if values else None

    def close(self) -> None:
        """Nothing is pending: rows are written as they fall due, and the file belongs to who opened it."""


def read_metrics(path: Path) -> list[dict[str, float | None]]:
    """The rows of a metrics file, oldest first."""
    return list(read_lines(path))
