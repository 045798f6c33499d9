"""A person who plays in the window of the game itself is looked at: keys that are down, and what the mouse does."""

from __future__ import annotations

import os
from collections.abc import Sequence

from playfield.games.desktop.game_file import GameFile, typed_name
from playfield.games.desktop.own_display import NoDisplayServer
from playfield.games.desktop.windows import Window, WindowMatch
from playfield.games.desktop.x11 import X11
from playfield.games.keys import Keys, is_of_mouse, used_by
from playfield.types import Array, Mouse


class Onlooker:
    """Stands where a window of ours would: shows nothing, since the person sees the game, and hears keys and mouse.

    Both are looked at once for each action: what is pressed and let go of in between is not seen.
    """

    def __init__(self, file: GameFile, keys: Sequence[Keys | None]) -> None:
        """Raises: NoDisplayServer where there is no display of the person; ValueError for a key that it has not, and
        where the mouse is asked for in a window that the file does not describe.
        """
        display = os.environ.get("DISPLAY")
        if not display:
            raise NoDisplayServer("there is no display of yours here (DISPLAY is not set); play on your desktop")
        names = used_by(keys)
        self._match = _match_of(file) if any(is_of_mouse(name) for name in names) else None
        self._window: Window | None = None
        self._x11 = X11(display)
        self._codes = {name: self._x11.keycode(name) for name in sorted(names) if not is_of_mouse(name)}
        self.open = True
        self.frames_per_second = 0.0
        """Of no use: the game keeps its own time."""

    def show(self, frame: Array, caption: str = "") -> bool:
        """Nothing; whether play goes on."""
        return self.open

    def held(self) -> frozenset[str]:
        """Names of the game's keys that are down now."""
        return frozenset(name for name, code in self._codes.items() if self._x11.is_down(code))

    def mouse(self) -> Mouse:
        """What the mouse does in the game's window now; nothing where it is elsewhere, or no action needs it.

        Raises: NoWindow where the window that was looked at is gone and more than one is like it.
        """
        now = None if self._window is None else self._x11.place(self._window)
        if now is None and self._match is not None:
            # Only now: while the game's window is there, another that is like it is no reason to end the play.
            self._window = self._x11.find(self._match)
            now = None if self._window is None else self._x11.place(self._window)
        if now is None:
            return Mouse()
        left, top, width, height = now
        pointer = self._x11.pointer()
        x, y = pointer.x - left, pointer.y - top
        return Mouse(pointer.buttons, (x, y)) if 0 <= x < width and 0 <= y < height else Mouse()

    def close(self) -> None:
        """Look away."""
        self.open = False
        self._x11.close()


def _match_of(file: GameFile) -> WindowMatch:
    match = file.launch.attach or file.window
    if match.is_empty:
        raise ValueError(
            f"{file.name} is played with the mouse, whose place is looked at in its window: give its title or group "
            f"under [window], then: playfield play {typed_name(file)}"
        )
    return match
