"""On a display that a person shares, nothing is played while the person is elsewhere or wants it to stop."""

from __future__ import annotations

import os
import signal
import sys
import time

from playfield.games.desktop.actions import HeldInputs
from playfield.games.desktop.clocks import GameClock
from playfield.games.desktop.game_file import GameFile, typed_name
from playfield.games.desktop.pace import Pace
from playfield.games.desktop.stage import SharedStage
from playfield.games.desktop.windows import Window

LOOK_SECONDS = 0.05
"""Between two looks whether the window is focused again."""


def say(sentence: str) -> None:
    """Tell the person at the terminal."""
    print(sentence, flush=True)


def interrupt() -> None:
    """Do what Ctrl-C in the terminal does: a training is saved and can be resumed, anything else ends."""
    if sys.platform == "win32":  # where a signal to a process ends it, whatever it has to save
        signal.raise_signal(signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGINT)


class Attention:
    """Whether the person lets us play: the game's window is focused, and the panic key is not down."""

    def __init__(self, file: GameFile, stage: SharedStage, pace: Pace) -> None:
        """Raises: ValueError where the display has no such panic key."""
        self._name, self._stage, self._pace = file.name, stage, pace
        try:
            self._panic = stage.keycode(file.screen.panic)
        except ValueError as error:
            raise ValueError(f"screen.panic: {error}, then: playfield games launch {typed_name(file)}") from error
        self._stopped = False

    def wait(self, window: Window, held: HeldInputs, clock: GameClock) -> bool:
        """Return once the window is focused; False where nothing is to be pressed: who stops, or a window that is gone.

        While it waits everything is let go of and the game stands still, as far as its clock can.
        """
        begun: float | None = None
        while not (focused := self._stage.is_focused(window)) and not self._is_over(window, held):
            if begun is None:
                begun = time.monotonic()
                held.release()
                clock.pause()
                say(f"paused: the window of {self._name} is not focused")
            time.sleep(LOOK_SECONDS)
        if begun is not None:
            clock.pause()  # the time until now makes no step late
            self._pace.paused(time.monotonic() - begun)
        if focused and not self._asked_to_stop(held):
            return True
        held.release()
        return False

    def _is_over(self, window: Window, held: HeldInputs) -> bool:
        return self._asked_to_stop(held) or not self._stage.is_there(window)

    def _asked_to_stop(self, held: HeldInputs) -> bool:
        if not self._stopped and self._stage.is_down(self._panic):
            held.release()  # before anything is said
            self._stopped = True
            say(f"stopped: the panic key of {self._name} was pressed")
            interrupt()
        self._stopped = self._stopped or self._pace.is_hurried
        return self._stopped
