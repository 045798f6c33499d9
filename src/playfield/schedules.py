"""Quantities that change while a run goes on: pure functions from emulator frames to a number."""

from __future__ import annotations

import math
from dataclasses import dataclass

from playfield.settings import setting


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value for ever."""

    value: float = setting(0.0, "the value")

    def __call__(self, frames: float) -> float:
        return self.value


@dataclass(frozen=True, slots=True)
class Linear:
    """A straight line from `start` to `end`, then `end`."""

    start: float = setting(1.0, "value at frame 0")
    end: float = setting(0.1, "value from `over_frames` on")
    over_frames: int = setting(4_000_000, "emulator frames from start to end")

    def __post_init__(self) -> None:
        if self.over_frames <= 0:
            raise ValueError("a linear schedule needs over_frames of 1 or more; use Constant for no change")

    def __call__(self, frames: float) -> float:
        done = min(max(frames / self.over_frames, 0.0), 1.0)
        return self.start * (1.0 - done) + self.end * done  # exactly `end` at the end


@dataclass(frozen=True, slots=True)
class Exponential:
    """Decay towards `end`: the distance to it shrinks by e every `decay_frames`.

    v(f) = end + (start − end) exp(−f / decay_frames),   and 0 from `until_frames` on
    """

    start: float = setting(1.0, "value at frame 0")
    end: float = setting(0.01, "value approached, never passed")
    decay_frames: int = setting(1_000_000, "emulator frames in which the distance to `end` shrinks by a factor e")
    until_frames: int | None = setting(None, "emulator frames from which on the value is 0; none for never")

    def __post_init__(self) -> None:
        if self.decay_frames <= 0:
            raise ValueError("an exponential schedule needs decay_frames of 1 or more; use Constant for no change")

    def __call__(self, frames: float) -> float:
        if self.until_frames is not None and frames >= self.until_frames:
            return 0.0
        return self.end + (self.start - self.end) * math.exp(-max(frames, 0.0) / self.decay_frames)


@dataclass(frozen=True, slots=True)
class Piecewise:
    """Straight lines between (frame, value) points; flat before the first and after the last."""

    points: tuple[tuple[float, float], ...] = setting(((0.0, 1.0),), "(frame, value) pairs in rising order of frames")

    def __post_init__(self) -> None:
        frames = [f for f, _ in self.points]
        if not frames or frames != sorted(set(frames)):
            raise ValueError("a piecewise schedule needs at least one point and rising frames")

    def __call__(self, frames: float) -> float:
        previous = self.points[0]
        for point in self.points:
            if frames < point[0]:
                if point == previous:
                    return point[1]
                share = (frames - previous[0]) / (point[0] - previous[0])
                return previous[1] + (point[1] - previous[1]) * share
            previous = point
        return previous[1]


Schedule = Constant | Linear | Exponential | Piecewise


def extremes(schedule: Schedule) -> tuple[float, float]:
    """The lowest and the highest value that the schedule takes or approaches.

    Raises: ValueError where a value is no finite number.
    """
    match schedule:
        case Constant(value):
            values = [value]
        case Linear(start, end):
            values = [start, end]
        case Exponential(start, end, until_frames=until):
            values = [start, end] if until is None else [start, schedule(until - 1), 0.0]
        case Piecewise(points):
            values = [value for _, value in points]
    if not all(math.isfinite(value) for value in values):
        raise ValueError("the values of a schedule must be finite numbers")
    return min(values), max(values)
