"""The metrics of a run: one row per so many frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from playfield.events import Event, Learned, PhaseChanged, Stepped
from playfield.sinks.jsonl import AppendFile, json_line, read_lines
from playfield.sinks.overestimation import Hindsight, LearntReward, Overestimation
from playfield.sinks.recent import Begin, RecentScores
from playfield.types import Clock


class Metrics:
    """Writes one JSON row when the run passes each multiple of `every_frames`.

    A row says how things stood right after the step that passed it: `loss`, `grad_norm` and `mean_q` are means over the
    optimiser steps since the row before, without pretraining, `epsilon` and `updates` are the latest,
    `score_mean_last_30` is over the last `score_count` finished training episodes, of which lost games are none. Wall
    time is a value in the row and never the reason for one.

    The diagnostics, too, are means over what was seen since the row before, and null where nothing was:
    `replay_ratio` is transitions learnt from per decision played, `q_overestimation` is expected less discounted return
    and `discounted_return` that return, both over the decisions of finished episodes; the others are those of
    `playfield.events.Diagnostics`.
    """

    def __init__(
        self,
        file: AppendFile,
        *,
        every_frames: int,
        begin: Begin | None = None,
        learnt: LearntReward | None = None,
        pace: Callable[[], Mapping[str, float]] = dict,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`learnt` says what values are about; without it nothing is known of overestimation.

        `pace` says at every row what else there is to say since the row before: how late steps of real time came.

        Raises: ValueError for an interval below one frame.
        """
        if every_frames < 1:
            raise ValueError(f"Metrics need an interval of at least 1 frame, not {every_frames}.")
        begin = begin or Begin()
        self._file = file
        self._every_frames = every_frames
        self._pace = pace
        self._now = now
        self._zero = now() - begin.elapsed_seconds
        self._row_frames = begin.clock.frames
        self._row_seconds = begin.elapsed_seconds
        self._next = self._multiple_after(begin.clock.frames)
        self._scores = RecentScores(begin.scores, episodes=begin.clock.episodes, lost=begin.lost)
        self._updates = begin.updates
        self._epsilon: float | None = None
        self._learned: list[Learned] = []
        self._decisions = 0
        self._overestimation = None if learnt is None else Overestimation(learnt)

    def _multiple_after(self, frames: int) -> int:
        return (frames // self._every_frames + 1) * self._every_frames

    def __call__(self, event: Event) -> None:
        """Take one event."""
        self._scores.take(event)
        if self._scores.evaluating:
            return
        if self._overestimation is not None:
            self._overestimation.take(event)
        match event:
            case PhaseChanged(phase="training"):
                self._decisions = 0  # what was only observed counts for no replay ratio
            case Stepped(clock=clock, step=step):
                self._decisions += int((~step.first).sum())
                if clock.frames >= self._next:
                    self._write(clock)
                    self._next = self._multiple_after(clock.frames)
            case Learned(clock=Clock(steps=0)):  # pretraining: no decision was played yet that it belongs to
                self._updates = event.updates
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
            **self._diagnostics(),
            "frames_per_second": (clock.frames - self._row_frames) / spent if spent > 0 else None,
            "elapsed_seconds": elapsed,
            **self._pace(),
        }
        self._file.write(json_line(row))
        self._row_frames, self._row_seconds, self._learned = clock.frames, elapsed, []
        self._decisions = 0

    def _diagnostics(self) -> dict[str, float | None]:
        seen = [learned.diagnostics for learned in self._learned if learned.diagnostics is not None]
        samples = sum(one.samples for one in seen)
        hindsight = Hindsight(None, None) if self._overestimation is None else self._overestimation.read()
        return {
            "grad_norm_clipped": _mean([one.clipped_grad_norm for one in seen]),
            "clipped_targets": _mean([one.clipped_targets for one in seen]),
            "dormant_units": _mean([one.dormant_units for one in seen]),
            "policy_churn": _mean([one.policy_churn for one in seen]),
            "effective_sample_size": _mean([one.effective_sample_size for one in seen]),
            "priority_age": _mean([one.priority_age for one in seen]),
            "replay_ratio": samples / self._decisions if samples and self._decisions else None,
            "q_overestimation": hindsight.overestimation,
            "discounted_return": hindsight.discounted_return,
        }

    def _mean(self, name: str) -> float | None:
        return _mean([cast(float, getattr(learned, name)) for learned in self._learned])

    def close(self) -> None:
        """Nothing is pending: rows are written as they fall due, and the file belongs to who opened it."""


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def read_metrics(path: Path) -> list[dict[str, float | None]]:
    """The rows of a metrics file, oldest first."""
    return list(read_lines(path))
