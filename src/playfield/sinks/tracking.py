"""A tracker is told what happens: metrics as they come, phases, how it ended, and what came of it."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from playfield.events import EpisodeEnded, Evaluated, Event, Learned, PhaseChanged, Saved, Stepped, Stopped
from playfield.sinks.recent import Begin, RecentScores
from playfield.sinks.tracker import Point, Tracker, Value

TELL_SECONDS: Final = 5.0
"""Wall time over which points are gathered: some services answer each call before they let us go on."""
FILE: Final = "tracking.json"


class Ledger:
    """`tracking.json` of a run directory: each service's name for the run, and up to which frame it knows each metric.

    It is not cut back at a resume: what a service was told stays told, and is not told twice.
    """

    def __init__(self, path: Path) -> None:
        """Raises: ValueError where the file is not what was written."""
        self._path = path
        self._services: dict[str, dict[str, Any]] = {}
        if path.is_file():
            try:
                read = json.loads(path.read_bytes())
                self._services = {str(name): _entry(entry) for name, entry in read.items()}
            except (ValueError, AttributeError, KeyError, TypeError) as error:
                raise ValueError(f"{path} is damaged ({error!r}); move it away to begin new tracked runs") from error

    def known_as(self, service: str) -> str | None:
        """The service's name for the run; None where it was never told of it."""
        entry = self._services.get(service)
        return None if entry is None else entry["known_as"]

    def told(self, service: str) -> dict[str, int]:
        """The newest frame of each metric that the service knows."""
        return dict(self._services[service]["told"]) if service in self._services else {}

    def note(self, service: str, known_as: str, told: Mapping[str, int]) -> None:
        """Write down what the service knows; where the disk is full, the next note does."""
        before = self._services
        self._services = {**before, service: {"known_as": known_as, "told": dict(told)}}
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            temporary.write_text(json.dumps(self._services, indent=1))
            temporary.replace(self._path)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self._services = before
            temporary.unlink(missing_ok=True)


def _entry(plain: Any) -> dict[str, Any]:
    told = {str(key): int(frames) for key, frames in plain["told"].items()}
    return {"known_as": str(plain["known_as"]), "told": told}


class Tracking:
    """Turns events into what a tracker keeps; emulator frames are the horizontal axis of everything.

    An episode brings `episode/score`, `episode/frames` and `episode/score_mean_last_30`; every 100th update
    `learning/loss`, `learning/grad_norm`, `learning/mean_q`, `learning/epsilon` and the speed since the one before,
    `speed/frames_per_second`; an evaluation `evaluation/score_mean`. A service that fails is told nothing more in this
    session, which is said once: no training ends because of it.
    """

    def __init__(
        self,
        service: str,
        tracker: Tracker,
        ledger: Ledger,
        *,
        every_updates: int = 100,
        begin: Begin | None = None,
        say: Callable[[str], object] = print,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        begin = begin or Begin()
        self._service, self._tracker, self._ledger = service, tracker, ledger
        self._every_updates, self._say, self._now = every_updates, say, now
        self._scores = RecentScores(begin.scores, episodes=begin.clock.episodes, lost=begin.lost)
        self._before = ledger.told(service)
        self._told = dict(self._before)
        self._points: list[Point] = []
        self._told_at = now()
        self._speed_mark = (now(), begin.clock.frames)
        self._failed = False
        # At once: a run that is killed in its first seconds shall not begin anew in the service.
        ledger.note(service, tracker.known_as, self._told)

    def hyperparameters(self, values: Mapping[str, Value]) -> None:
        """Tell what the run was started with."""
        self._try(lambda: self._tracker.hyperparameters(values))

    def __call__(self, event: Event) -> None:
        """Take one event."""
        self._scores.take(event)
        match event:
            case PhaseChanged():
                self._try(lambda: self._tracker.text("phase", event.phase))
                self._speed_mark = (self._now(), event.clock.frames)
            case EpisodeEnded() if not self._scores.evaluating:
                if not event.lost:  # then it is not that of a whole game
                    self._add("episode/score", event.score, event)
                self._add("episode/frames", event.frames, event)
                if self._scores.mean is not None:
                    self._add("episode/score_mean_last_30", self._scores.mean, event)
            case Learned() if event.updates % self._every_updates == 0:
                self._learned(event)
            case Evaluated() if event.scores:
                self._add("evaluation/score_mean", sum(event.scores) / len(event.scores), event)
                self._tell()
            case Saved():
                self._tell()
            case Stopped():
                self._try(lambda: self._tracker.text("stopped", event.reason))
            # Only here, so that all that belongs to one clock is told together, and known or unknown together.
            case Stepped() if self._now() - self._told_at >= TELL_SECONDS:
                self._tell()
            case _:
                pass

    def _learned(self, event: Learned) -> None:
        for name in ("loss", "grad_norm", "mean_q", "epsilon"):
            self._add(f"learning/{name}", getattr(event, name), event)
        now, frames = self._now(), event.clock.frames
        since, from_frames = self._speed_mark
        if now > since and frames > from_frames:
            self._add("speed/frames_per_second", (frames - from_frames) / (now - since), event)
            self._speed_mark = (now, frames)

    def _add(self, key: str, value: float, event: Event) -> None:
        frames = event.clock.frames
        if frames > self._before.get(key, -1):
            self._points.append(Point(key, value, frames))

    def _tell(self) -> None:
        """Hand the gathered points over."""
        self._told_at = self._now()
        # What was handed over the time before was on its way meanwhile, and is known by now: so if this process is
        # killed, a few points come twice rather than never.
        self._note()
        points, self._points = self._points, []
        if points:
            self._try(lambda: self._tracker.metrics(points))
            self._told |= {} if self._failed else {point.key: point.frames for point in points}

    def _note(self) -> None:
        if self._told != self._ledger.told(self._service):
            self._ledger.note(self._service, self._tracker.known_as, self._told)

    def artifact(self, path: Path) -> None:
        """Hand a file over."""
        self._try(lambda: self._tracker.artifact(path))

    def close(self) -> None:
        """Hand over what is gathered, and let go of the service."""
        self._tell()
        self._try(self._tracker.close)
        if not self._failed:
            self._note()

    def _try(self, tell: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            tell()
        except Exception as error:  # whatever a service raises, and each has its own: training does not depend on it
            self._failed = True
            reason = " ".join(str(error).split()) or type(error).__name__
            self._say(
                f"note: {self._service} is told nothing more in this session ({reason}); metrics.jsonl and "
                "events.jsonl have everything, and after a resume it is told again"
            )
