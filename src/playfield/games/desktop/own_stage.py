"""A display of our own as a stage: nobody else looks at it or touches it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from jaxtyping import UInt8

from playfield.games.desktop.own_display import OwnDisplay
from playfield.games.desktop.readers import Region
from playfield.games.desktop.windows import NoWindow, Window, WindowMatch
from playfield.games.desktop.x11 import X11
from playfield.types import Array


class OwnStage:
    """An Xvfb that is read through its memory and touched through XTEST."""

    def __init__(self, folder: Path, width: int, height: int, *, hidden_rows: int = 0) -> None:
        """So many rows at the bottom of a window are no part of its picture.

        Raises: NoDisplayServer; ModuleNotFoundError with the command that installs python-xlib.
        """
        self._hidden_rows = hidden_rows
        self.display = OwnDisplay(folder, width, height)
        self._open = True
        try:
            self._x11 = X11(self.display.name)
        except BaseException:
            self.display.close()
            raise

    def keycode(self, key: str) -> int:
        """Raises: ValueError where no key has that name."""
        return self._x11.keycode(key)

    def key(self, code: int, *, down: bool) -> None:
        """Press or release a key."""
        self._x11.key(code, down=down)

    def button(self, number: int, *, down: bool) -> None:
        """Press or release a button of the mouse."""
        self._x11.button(number, down=down)

    def move(self, x: int, y: int) -> None:
        """Move the pointer to a place on the display."""
        self._x11.move(x, y)

    def settle(self) -> None:
        """Wait until the display has done all this and has told those whom it concerns."""
        self._x11.settle()

    def windows(self) -> list[Window]:
        """Every window that has a title or a class, or is shown."""
        return self._x11.windows()

    def find(self, match: WindowMatch) -> Window | None:
        """The one shown window that matches.

        Raises: NoWindow where more than one does.
        """
        found = self._x11.find(match)
        return None if found is None else replace(found, height=found.height - self._hidden_rows)

    def grab(self, window: Window, region: Region | None = None) -> UInt8[Array, "h w 3"]:
        """A copy of what stands where the window was found.

        Raises: NoWindow where it is shown no longer.
        """
        left, top, width, height = 0, 0, window.width, window.height
        if region is not None:
            left, top, width, height = region.left, region.top, region.width, region.height
        copied = self.display.grab_region(window.left + left, window.top + top, width, height)
        if not self._x11.is_shown(window):  # asked after the copy was made: before, it might be closed in between
            raise NoWindow(f"the window {window.title!r} is gone")
        return copied

    def corner(self, window: Window) -> tuple[int, int]:
        """Where it was found: nobody moves it here."""
        return window.left, window.top

    def focus(self, window: Window) -> None:
        """Let a window have the keyboard: without a window manager nobody else does."""
        self._x11.focus(window)

    def is_focused(self, window: Window) -> bool:
        """Whether keys go to that window."""
        return self._x11.is_focused(window)

    def forget(self) -> None:
        """Be as a new display is."""
        self._x11.forget()

    def environment(self) -> dict[str, str]:
        """The display's name."""
        return {"DISPLAY": self.display.name}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.display.size

    @property
    def is_alive(self) -> bool:
        """Whether the server still runs and answers."""
        return self.display.is_alive and self._x11.is_alive

    def close(self) -> None:
        """End the display; whatever is shown on it should be gone before."""
        if self._open:
            self._open = False
            try:
                self.display.close()  # first: one that hangs would not answer to a farewell
            finally:
                with contextlib.suppress(Exception):  # a server that is gone cannot be left politely
                    self._x11.close()
