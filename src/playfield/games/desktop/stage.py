"""Where a game's window is shown and touched: a display of ours, the person's, or what another system has."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import UInt8

from playfield.games.desktop.actions import Hands
from playfield.games.desktop.readers import Region
from playfield.games.desktop.windows import Window, WindowMatch
from playfield.types import Array


class Stage(Hands, Protocol):
    """A display with windows, and hands in front of it."""

    def windows(self) -> list[Window]:
        """Every window that has a title or a class, or is shown; parents before what they contain."""
        ...

    def find(self, match: WindowMatch) -> Window | None:
        """The one shown window that matches; None while there is none.

        Raises: NoWindow where more than one does.
        """
        ...

    def grab(self, window: Window, region: Region | None = None) -> UInt8[Array, "h w 3"]:
        """A copy of what a window shows, or of a region of it, as red, green and blue.

        Raises: NoWindow where it is shown no longer.
        """
        ...

    def corner(self, window: Window) -> tuple[int, int]:
        """Where the upper left corner of a window is now: the person may have moved it.

        Raises: NoWindow where it is shown no longer.
        """
        ...

    def focus(self, window: Window) -> None:
        """Let a window have the keyboard, and the pointer over it."""
        ...

    def is_focused(self, window: Window) -> bool:
        """Whether keys go to that window."""
        ...

    def forget(self) -> None:
        """Be as a new display is, where the display is ours: the pointer in the corner, the keyboard nobody's."""
        ...

    def environment(self) -> dict[str, str]:
        """What a process needs to show itself here."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    @property
    def is_alive(self) -> bool:
        """Whether the display is there and answers."""
        ...

    def close(self) -> None:
        """Leave the display, and end it where it is ours; done twice it does nothing."""
        ...


@runtime_checkable
class SharedStage(Stage, Protocol):
    """A display in front of which a person sits: the game waits for its focus, and a key of the person stops it."""

    def is_down(self, code: int) -> bool:
        """Whether a key is down, whoever presses it."""
        ...

    def is_there(self, window: Window) -> bool:
        """Whether a window is not closed; it may be hidden."""
        ...
