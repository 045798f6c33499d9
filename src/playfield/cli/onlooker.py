"""A person who plays in the window of the game itself is looked at: which keys are down there."""

from __future__ import annotations

import os
from collections.abc import Sequence

from playfield.games.desktop.own_display import NoDisplayServer
from playfield.games.desktop.x11 import X11
from playfield.games.keys import Keys
from playfield.types import Array


class Onlooker:
    """Stands where a window of ours would: shows nothing, since the person sees the game, and hears the keyboard."""

    def __init__(self, keys: Sequence[Keys | None]) -> None:
        """Raises: NoDisplayServer where there is no display of the person; ValueError for a key that it has not."""
        display = os.environ.get("DISPLAY")
        if not display:
            raise NoDisplayServer("there is no display of yours here (DISPLAY is not set); play on your desktop")
        self._x11 = X11(display)
        names = sorted({key for each in keys if each is not None for key in each})
        self._codes = {name: self._x11.keycode(name) for name in names}
        self.open = True
        self.frames_per_second = 0.0
        """Of no use: the game keeps its own time."""

    def show(self, frame: Array, caption: str = "") -> bool:
        """Nothing; whether play goes on."""
        return self.open

    def held(self) -> frozenset[str]:
        """Names of the game's keys that are down now."""
        return frozenset(name for name, code in self._codes.items() if self._x11.is_down(code))

    def close(self) -> None:
        """Look away."""
        self.open = False
        self._x11.close()
