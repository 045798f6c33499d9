"""What happened in a run, one line per event."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from playfield.events import Event, Learned, Stepped, Tape
from playfield.sinks.jsonl import AppendFile, json_line, plain, read_lines
from playfield.types import Clock


class EventLog:
    """Writes what happened, one JSON line per event, the same bytes for the same run: no wall time is in it.

    `Stepped` and `Learned` are left out (metrics sum them up). A tape is named by its seed and its length.
    """

    def __init__(self, file: AppendFile) -> None:
        self._file = file

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if not isinstance(event, Stepped | Learned):
            self._file.write(json_line(event_row(event)))

    def close(self) -> None:
        """Nothing is pending; the file belongs to who opened it."""


def event_row(event: Event) -> dict[str, object]:
    """An event as plain values: its name as `event`, then its fields; a tape as seed and number of steps."""
    row: dict[str, object] = {"event": type(event).__name__}
    for name in type(event).__dataclass_fields__:
        value = getattr(event, name)
        match value:
            case Clock():
                row[name] = asdict(value)
            case Tape():
                row[name] = {"seed": value.seed, "steps": len(value.actions)}
            case _:
                row[name] = value
    return cast(dict[str, object], plain(row))


def read_events(path: Path) -> list[dict[str, Any]]:
    """The rows of an event log as plain dictionaries, oldest first."""
    return list(read_lines(path))
