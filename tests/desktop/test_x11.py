"""A connection to a display that a signal tears out of a call: whoever closes the game still lets go of its keys."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from desktop.needs import has_compiler, has_display
from desktop.test_lost_games import STAY, patient
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import game_from
from playfield.games.desktop.own_display import OwnDisplay
from playfield.games.desktop.own_stage import OwnStage
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


@pytest.fixture(name="display")
def a_display(tmp_path: Path) -> Iterator[OwnDisplay]:
    with closing(OwnDisplay(tmp_path, 320, 240)) as display:
        yield display


def stop(display: OwnDisplay) -> None:
    """Let it hang."""
    os.kill(display._process.pid, signal.SIGSTOP)


def ends(does: Callable[[], object]) -> bool:
    """Whether it does so, whatever it raises."""
    thread = threading.Thread(target=does, daemon=True)
    thread.start()
    thread.join(60.0)
    return not thread.is_alive()


class Torn(list[object]):
    """Requests to be sent, of which one is not put among them any more."""

    def append(self, request: object) -> NoReturn:
        raise KeyboardInterrupt


def test_a_request_that_is_counted_and_not_sent_keeps_nobody_from_going_on(display: OwnDisplay):
    x11 = X11(display.name)
    left = x11.keycode("Left")
    x11.settle()
    sent = x11._connection.display
    sent.request_queue = Torn()
    with pytest.raises(KeyboardInterrupt):
        x11.key(left, down=True)
    sent.request_queue = []
    with ended_in(30.0, KeyboardInterrupt):
        x11.key(left, down=True)
        assert x11.is_down(left)  # else it waits for an answer of another number
        x11.close()


def test_a_display_that_hangs_is_not_waited_for_for_ever(display: OwnDisplay, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("playfield.games.desktop.x11.ANSWER_SECONDS", 0.2)
    x11 = X11(display.name)
    stop(display)
    with pytest.raises(KeyboardInterrupt), ended_in(0.2, KeyboardInterrupt):
        x11.settle()
    with (
        ended_in(30.0, KeyboardInterrupt),
        pytest.raises(OSError, match=f"the display {display.name} does not answer within 0.2 s"),
    ):
        x11.settle()
    monkeypatch.setattr("playfield.games.desktop.x11.ANSWER_SECONDS", 1e6)
    assert ends(x11.close)  # for which no other connection is made


@has_compiler
@pytest.mark.parametrize("torn", [True, False])
def test_a_game_is_closed_whose_display_hangs(torn: bool):
    game = DesktopGame(game_from(patient(300_000), "refgame.toml"))
    game.reset(0)
    game.step(1)
    assert isinstance(game.stage, OwnStage)
    stop(game.stage.display)
    if torn:
        with pytest.raises(KeyboardInterrupt), ended_in(0.2, KeyboardInterrupt):
            game.step(STAY)
    program = game.program
    assert ends(game.close)
    assert not program.is_running
    assert not game.stage.display.is_alive
    assert not game._folder.exists()


@has_compiler
def test_who_interrupts_the_closing_of_a_game_leaves_nothing_of_it():
    game = DesktopGame(game_from(patient(300_000), "refgame.toml"))
    game.reset(0)
    assert isinstance(game.stage, OwnStage)
    stop(game.stage.display)  # it does not end by itself either
    with pytest.raises(KeyboardInterrupt), ended_in(0.3, KeyboardInterrupt):
        game.close()
    assert not game.stage.display.is_alive
    assert not game._folder.exists()
