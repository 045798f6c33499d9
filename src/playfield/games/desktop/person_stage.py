"""The person's own display as a stage: other windows are there too, and the person's hands."""

from __future__ import annotations

import contextlib
import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from playfield.extras import install_extra
from playfield.games.desktop.own_display import NoDisplayServer
from playfield.games.desktop.pixels import picture_in
from playfield.games.desktop.readers import Region
from playfield.games.desktop.windows import NoWindow, Window, WindowMatch
from playfield.games.desktop.x11 import X11
from playfield.types import Array


class XStage:
    """The X display that DISPLAY names, seen through its shared memory and touched through XTEST.

    What is held is let go of when a game is closed, also by Ctrl-C and SIGTERM. After SIGKILL nobody is left to do it:
    keys that were down stay down until the person presses and releases them.
    """

    def __init__(self) -> None:
        """Raises: NoDisplayServer where no display answers; ModuleNotFoundError with the command that brings mss."""
        name = os.environ.get("DISPLAY")
        if not name:
            raise NoDisplayServer(
                'there is no display of yours here (DISPLAY is not set); set screen.place to "own", '
                "or type this in a terminal on your desktop"
            )
        try:
            mss: Any = importlib.import_module("mss")
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                f"games on your display need mss; install it with: {install_extra('desktop')}"
            ) from None
        self._name = name
        try:
            self._x11 = X11(name)
        except OSError as error:
            raise NoDisplayServer(
                f'{error}; set screen.place to "own", or type this in a terminal on your desktop'
            ) from error
        self._camera: Any = mss.MSS(display=name)
        self._open = True

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

    def is_down(self, code: int) -> bool:
        """Whether a key is down, whoever presses it."""
        return self._x11.is_down(code)

    def is_there(self, window: Window) -> bool:
        """Whether a window is not closed; it may be hidden."""
        return self._x11.exists(window)

    def windows(self) -> list[Window]:
        """Every window that has a title or a class, or is shown."""
        return self._x11.windows()

    def find(self, match: WindowMatch) -> Window | None:
        """The one shown window that matches.

        Raises: NoWindow where more than one does.
        """
        return self._x11.find(match)

    def grab(self, window: Window, region: Region | None = None) -> UInt8[Array, "h w 3"]:
        """A copy of what stands where the window is now; the person may have moved it.

        Raises: NoWindow where it is closed, has another size or does not lie on the display whole.
        """
        part = region or Region(left=0, top=0, width=window.width, height=window.height)
        left, top = self.corner(window)
        place = {"left": left + part.left, "top": top + part.top, "width": part.width, "height": part.height}
        shot: Any = self._camera.grab(place)
        return picture_in(np.ndarray((part.height, part.width), np.uint32, shot.raw))

    def corner(self, window: Window) -> tuple[int, int]:
        """Where the window is now.

        Raises: as `grab`.
        """
        now = self._x11.place(window)
        if now is None:
            raise NoWindow(f"the window {window.title!r} was closed")
        left, top, width, height = now
        if (width, height) != (window.width, window.height):
            raise NoWindow(
                f"the window {window.title!r} was {window.width} x {window.height} and is {width} x {height} now; "
                "leave it as large as it was"
            )
        if min(left, top) < 0 or left + width > self.size[0] or top + height > self.size[1]:
            raise NoWindow(f"the window {window.title!r} does not lie on the display whole; move it there")
        return left, top

    def focus(self, window: Window) -> None:
        """Let a window have the keyboard, and the pointer over it."""
        self._x11.focus(window)

    def is_focused(self, window: Window) -> bool:
        """Whether keys go to that window."""
        return self._x11.is_focused(window)

    def forget(self) -> None:
        """Nothing: pointer and keyboard are the person's."""

    def environment(self) -> dict[str, str]:
        """The display's name, and where its key is, which a game with a home of its own would not find."""
        key = Path(os.environ.get("XAUTHORITY") or Path.home() / ".Xauthority")
        return {"DISPLAY": self._name, **({"XAUTHORITY": str(key)} if key.is_file() else {})}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._x11.size

    @property
    def is_alive(self) -> bool:
        """Whether the display still answers."""
        return self._open and self._x11.is_alive

    def close(self) -> None:
        """Leave the display."""
        if self._open:
            self._open = False
            with contextlib.suppress(Exception):  # a display that is gone cannot be left politely
                self._camera.close()
                self._x11.close()
