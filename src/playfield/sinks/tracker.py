"""The seam to services that keep what runs were and how they went, for people to compare: a `Tracker`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from playfield.extras import ExtraName, install_extra

Value = str | int | float | bool | None


class Point(NamedTuple):
    """One value of a metric; charts have emulator frames as their horizontal axis."""

    key: str
    value: float
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """What a tracker has to know of a run when it begins or goes on."""

    name: str
    """What people call the run."""
    id: str
    """32 hexadecimal digits, the run's own; services that let us choose know it by them."""
    folder: Path
    """The run directory: what a service keeps on this machine goes below it, unless its own settings say otherwise."""
    labels: tuple[str, ...] = ()
    """Words to find it by."""
    project: str | None = None
    """Where it belongs; None for what the service's own settings say, and `playfield` where they say nothing."""
    known_as: str | None = None
    """The service's name for it, where it was told of the run before; then it goes on with that one."""


class Tracker(Protocol):
    """One run in a tracking service.

    Keys and addresses are the service's own settings (environment variables, login files): none passes through here.
    """

    @property
    def known_as(self) -> str:
        """The service's name for the run, by which it can go on with it."""
        ...

    def hyperparameters(self, values: Mapping[str, Value]) -> None:
        """What the run was started with; told once, when it begins."""
        ...

    def metrics(self, points: Sequence[Point]) -> None:
        """Values of metrics, in order of frames."""
        ...

    def text(self, key: str, text: str) -> None:
        """Something to read; the newest of a key counts."""
        ...

    def artifact(self, path: Path) -> None:
        """Keep a picture, a film or another file, where the service takes such things."""
        ...

    def close(self) -> None:
        """Send what is pending and let go of the service."""
        ...


def install_text(name: str, extra: ExtraName) -> str:
    """A sentence for somebody who lacks the package of a service."""
    return f"{name} is not installed; install it with: {install_extra(extra)}"


def by_frames(points: Sequence[Point]) -> Iterator[tuple[int, dict[str, float]]]:
    """Consecutive points of one clock together, each key once: what is one row in a table of metrics."""
    row: dict[str, float] = {}
    frames = 0
    for point in points:
        if row and (point.frames != frames or point.key in row):
            yield frames, row
            row = {}
        frames = point.frames
        row[point.key] = point.value
    if row:
        yield frames, row


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Value]:
    """Nested plain values under dotted paths; a list becomes its JSON text."""
    found: dict[str, Value] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(cast("Mapping[str, Any]", value), f"{prefix}{name}.")
        else:
            found[prefix + name] = json.dumps(value) if isinstance(value, list | tuple) else value
    return found
