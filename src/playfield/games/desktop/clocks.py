"""How a game's time passes: as the agent says, as the wall clock says, or in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from playfield.games.desktop.programs import Program

HANG_SECONDS = 30.0
"""Real time after which a game that does not come to rest is given up."""


class Hung(Exception):
    """The game does not answer any more."""


class NotTaken(Hung):
    """The game does not answer because it has not taken the clock that it was given."""


class GameClock(Protocol):
    """The time of one process of a game; a new process gets a new clock."""

    replays: bool
    """Whether (seed, actions) plays an episode again exactly."""

    def environment(self) -> dict[str, str]:
        """What the game's process must be started with."""
        ...

    def begin(self, program: Program) -> None:
        """The process is there; it begins, until it first rests where this clock can let it.

        Raises: Hung.
        """
        ...

    def play(self) -> None:
        """An episode begins now: the window is there, and what comes is played."""
        ...

    def advance(self, seconds: float) -> None:
        """Let so much of the game's time pass; returns early where its process is gone.

        Raises: Hung.
        """
        ...

    def pause(self) -> None:
        """Let the game stand still, as far as this clock can, until time is advanced again."""
        ...

    def measured(self) -> Mapping[str, float]:
        """What this clock can say of how well it kept time, by name."""
        ...

    def close(self) -> None:
        """The process is ended now; done twice it does nothing."""
        ...
