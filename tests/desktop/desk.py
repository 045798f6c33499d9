"""The display of a person: another Xvfb, which the games under test must not take for their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from playfield.games.desktop.game_file import GameFile, game_from, shipped_games
from playfield.games.desktop.own_display import OwnDisplay
from playfield.games.desktop.windows import Window, WindowMatch
from playfield.games.desktop.x11 import X11

TITLE = "^Playfield reference game$"


class Desk:
    """A display with hands of the person."""

    def __init__(self, folder: Path) -> None:
        self.display = OwnDisplay(folder, 640, 480)
        self.x11 = X11(self.display.name)
        self.environment = {**os.environ, "DISPLAY": self.display.name, "SDL_VIDEODRIVER": "x11"}
        self.environment["SDL_AUDIODRIVER"] = "dummy"

    def look_elsewhere(self) -> None:
        """Let no window of a game have the keyboard."""
        self.x11.forget()
        self.x11.move(639, 479)
        self.x11.settle()

    def press(self, key: str, *, down: bool) -> None:
        self.x11.key(self.x11.keycode(key), down=down)
        self.x11.settle()

    def held(self) -> list[str]:
        """Which of the keys that matter here are down."""
        return [key for key in ("Left", "Right", "F12") if self.x11.is_down(self.x11.keycode(key))]

    @contextmanager
    def refgame(self) -> Iterator[subprocess.Popen[bytes]]:
        """The reference game, started by the person."""
        command = [sys.executable, "-m", "playfield.games.desktop.refgame"]
        with subprocess.Popen(command, env=self.environment) as process:
            try:
                wait_for(lambda: any(w.title == "Playfield reference game" for w in self.shown()))
                yield process
            finally:
                process.kill()

    def shown(self) -> list[Window]:
        return [window for window in self.x11.windows() if window.mapped]

    def close(self) -> None:
        self.x11.close()
        self.display.close()


@contextmanager
def a_desk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with closing(Desk(folder)) as desk:
        monkeypatch.setenv("DISPLAY", desk.display.name)
        yield desk


class AtPlay(NamedTuple):
    """Somebody in front of the window of `playfield play`."""

    x11: X11
    window: Window
    process: subprocess.Popen[str]
    display: OwnDisplay


@contextmanager
def played(folder: Path, *arguments: str, code: str = "") -> Iterator[AtPlay]:
    """`playfield play` on a display of its own, once its window is there."""
    display = OwnDisplay(folder, 700, 700)
    x11 = X11(display.name)
    environment = {**os.environ, "DISPLAY": display.name, "SDL_VIDEODRIVER": "x11", "SDL_AUDIODRIVER": "dummy"}
    program = ["-c", code] if code else ["-m", "playfield"]
    command = [sys.executable, *program, "play", *arguments, "--out", str(folder / "demos")]
    with subprocess.Popen(
        command, env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            until = time.monotonic() + 60.0
            while (window := x11.find(WindowMatch(title="points$"))) is None and time.monotonic() < until:
                assert process.poll() is None, process.stdout and process.stdout.read()
                time.sleep(0.02)
            assert window is not None
            x11.focus(window)
            yield AtPlay(x11, window, process, display)
        finally:
            process.kill()
            x11.close()
            display.close()


def titled(x11: X11, words: str) -> str:
    """The title of a window, once one has such words in it."""
    until = time.monotonic() + 30.0
    while time.monotonic() < until:
        for window in x11.windows():
            if words in window.title:
                return window.title
        time.sleep(0.01)
    raise AssertionError(f"no window has {words!r} in its title")


def can_be_interrupted() -> None:
    """As in a terminal: what is started in the background may ignore Ctrl-C, and what it starts does so too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(true: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


def text_here(*changes: tuple[str, str], launch: str | None = None) -> str:
    """The reference game's file in real time on the person's display."""
    text = shipped_games()["refgame"].read_text()
    command = 'command = ["{python}", "-m", "playfield.games.desktop.refgame"]'
    changes = (
        ("step_ms = 100", 'step_ms = 50\nclock = "real"'),
        ("[screen]", '[screen]\nplace = "here"'),
        *([] if launch is None else [(command, launch)]),
        *changes,
    )
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return text


def refgame_here(*changes: tuple[str, str], launch: str | None = None) -> GameFile:
    return game_from(text_here(*changes, launch=launch), "mine.toml")
