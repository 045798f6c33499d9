"""A connection to a display that a signal tears out of a call: whoever closes the game still lets go of its keys."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from desktop.needs import has_display
from playfield.games.desktop.own_display import OwnDisplay
from playfield.games.desktop.x11 import X11

pytestmark = has_display


@contextmanager
def ended_in(seconds: float, error: type[BaseException]) -> Generator[None]:
    """What a signal's handler raises, wherever the program is then."""

    def end(*_: object) -> NoReturn:
        raise error

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_a_call_that_a_signal_has_torn_keeps_nobody_from_letting_go(error: type[BaseException], tmp_path: Path):
    display = OwnDisplay(tmp_path, 320, 240)
    server = display._process.pid
    x11 = X11(display.name)
    try:
        left = x11.keycode("Left")
        x11.key(left, down=True)
        x11.settle()
        assert x11.windows() == []
        os.kill(server, signal.SIGSTOP)  # it does not answer, so that the signal comes in a call
        with pytest.raises(error), ended_in(0.2, error):
            x11.settle()
        os.kill(server, signal.SIGCONT)
        with ended_in(30.0, TimeoutError):
            assert x11.is_down(left)
            x11.key(left, down=False)
            x11.settle()
            assert not x11.is_down(left)
            x11.close()
    finally:
        display.close()
