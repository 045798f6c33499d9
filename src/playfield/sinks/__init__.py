"""Consumers of a session's events: screens, files, plots, films. The loop knows none of them."""

from __future__ import annotations

from typing import Protocol

from playfield.events import Event


class Sink(Protocol):
    """Takes every event of a session, in order, until it is closed."""

    def __call__(self, event: Event) -> None:
        """Take one event."""
        ...

    def close(self) -> None:
        """Write what is pending and let go of files and screens."""
        ...
