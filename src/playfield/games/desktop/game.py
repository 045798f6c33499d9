"""A desktop game under the virtual clock, as a game that (seed, actions) plays again exactly."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from playfield.games.desktop.actions import Action, Choice, HeldInputs
from playfield.games.desktop.game_file import PYTHON, GameFile, typed_name
from playfield.games.desktop.own_display import OwnDisplay
from playfield.games.desktop.readers import Gone, Readings, Unreadable, WindowState, needs_windows, prepare
from playfield.games.desktop.virtual_clock import WHILE_PLAYED, VirtualClock
from playfield.games.desktop.x11 import X11, NoWindow, Window
from playfield.games.each import Outcome
from playfield.types import Array

EPOCH = 1_500_000_000
"""Wall clock of seed 0, in seconds since 1970: a game that looks at the date finds a sensible one."""
SEEDS = 500_000_000
"""Different wall clocks: the seed's rest by it is added, so that none lies in a future that 32 bits cannot hold."""
GAME_FOLDERS = "/usr/games:/usr/local/games"
"""Where Debian has its games, which is on the search path of people but not of root."""
HANG_SECONDS = 30.0
"""Real time after which a game that does not come to rest is given up."""
LOOK_MS = 50
"""Of the game, between two looks for its window."""


class Hung(Exception):
    """The game does not answer any more."""


class DesktopGame:
    """One copy of a game on a display of its own. Every episode is a new process, so that nothing is left of the last.

    Raises at its making: NoDisplayServer, NoCompiler, NotEnabled, ValueError where the program is not there.
    """

    def __init__(self, file: GameFile) -> None:
        self.file = file
        prepare(file.readers)
        found = program(file)
        self._folder = Path(tempfile.mkdtemp(prefix="playfield-"))
        self._display: OwnDisplay | None = None
        self._process: subprocess.Popen[bytes] | None = None
        try:
            # Now, before copies of the game begin in threads: a process that another thread starts while this one
            # writes holds the file open for a moment, and what is open for writing cannot be run.
            self._program = _runnable(found, self._folder)
            self._display = OwnDisplay(self._folder, file.screen.width, file.screen.height)
            self._x11 = X11(self._display.name)
        except BaseException:
            self.close()
            raise
        self._held = HeldInputs(self._x11, self)
        self._windows = needs_windows(list(file.readers.values()))

    def reset(self, seed: int) -> UInt8[Array, "h w C"]:
        """Start the game anew at the time of day that the seed stands for, and press what begins an episode.

        Raises: NoWindow, Hung, Unreadable.
        """
        self.begin(seed)
        self._read = self._look()
        return self._frame(self._picture)

    def begin(self, seed: int) -> None:
        """The same, without reading anything: for whoever looks at a game that cannot be read yet.

        Raises: NoWindow, Hung.
        """
        self._end_process()
        self._held.release()  # keys stay down on a display whoever is gone, and are not pressed again then
        self._x11.forget()
        self._start_process(seed)
        self._window = self._find_window()
        self._clock.allow_reads(WHILE_PLAYED)
        self._x11.focus(self._window)
        self._held = HeldInputs(self._x11, self)
        for press in self.file.begin:
            self._held.take(Action("", (Choice(label="", keys=press.keys, buttons=press.buttons, at=press.at),)))
            self.advance(press.ms)
        self._held.release()
        self._steps = self._still = 0
        self._picture = self.picture()
        self._readers = Readings(self.file.readers, self.file.regions)

    def step(self, action: int) -> Outcome:
        """Hold the action's keys for a step of the game's time.

        Raises: Hung, Unreadable.
        """
        pictured = self._picture
        if not self.play(action):
            return self._crashed()
        before, self._read = self._read, self._look()
        over = any(self._read[name] != 0.0 for name in self.file.over)
        return Outcome(
            self._frame(pictured),
            self._reward(before),
            terminated=over,
            truncated=not over and self._steps >= self.file.most_steps,
            life_lost=self.file.lives is not None and self._read[self.file.lives] < before[self.file.lives],
        )

    def play(self, action: int) -> bool:
        """The same, without reading anything; False where the game's process is gone.

        Raises: Hung.
        """
        self.hold(action)
        self.advance(self.file.timing.step_ms)
        self._steps += 1
        if not self.is_running:
            return False
        picture = self.picture()
        self._still = self._still + 1 if np.array_equal(picture, self._picture) else 0
        self._picture = picture
        return True

    def hold(self, action: int) -> None:
        """Press what the action presses; no time passes."""
        self._held.take(self.file.actions[action])

    def advance(self, ms: int) -> None:
        """Let so much of the game's time pass.

        Raises: Hung.
        """
        self._clock.move(ms / 1000.0)
        self._wait()

    @property
    def seen(self) -> UInt8[Array, "H W 3"]:
        """The newest picture that a step has left."""
        return self._picture

    @property
    def window(self) -> Window:
        """The game's window, as it was found."""
        return self._window

    @property
    def rescued(self) -> int:
        """How often another thread than the game's first had to move its time: each may have cost exactness."""
        return self._clock.rescued()

    def _crashed(self) -> Outcome:
        """The end of an episode whose game is gone: a true one where the file reads it, else it is cut off."""
        read = any(isinstance(self.file.readers[name], Gone) for name in self.file.over)
        return Outcome(self._frame(self._picture), 0.0, terminated=read, truncated=not read)

    def readings(self) -> dict[str, float]:
        """What every reader made of the newest picture."""
        return dict(self._read)

    def _look(self) -> dict[str, float]:
        try:
            return self._readers.of(self._picture, self.state())
        except Unreadable as error:
            raise Unreadable(f"{error}; playfield games check {typed_name(self.file)} shows what it sees") from error

    def picture(self) -> UInt8[Array, "H W 3"]:
        """The game's window as a person would see it."""
        window = self._window
        assert self._display is not None
        return self._display.grab_region(window.left, window.top, window.width, window.height)

    def middle(self, region: str) -> tuple[int, int]:
        """Where on the display the middle of a region is."""
        found = self.file.regions[region]
        return (
            self._window.left + found.left + found.width // 2,
            self._window.top + found.top + found.height // 2,
        )

    def close(self) -> None:
        """End the game, then its display: a game that loses its display may spin for ever."""
        self._end_process()
        with contextlib.suppress(AttributeError):
            self._x11.close()
        if self._display is not None:
            self._display.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start_process(self, seed: int) -> None:
        assert self._display is not None
        home = self._folder / "home"
        shutil.rmtree(home, ignore_errors=True)  # high scores of the last episode would change the screen
        home.mkdir()
        for file in self.file.launch.home:
            (home / file.path).parent.mkdir(parents=True, exist_ok=True)
            (home / file.path).write_bytes(file.text.encode(file.encoding))
        self._clock = VirtualClock(self._folder, EPOCH + seed % SEEDS)
        environment = {
            **os.environ, "DISPLAY": self._display.name, "HOME": str(home), 
            "PYTHONHASHSEED": "0", **self.file.launch.environment, **self._clock.environment(),
        }  # fmt: skip
        with (self._folder / "said").open("wb") as said:
            self._process = subprocess.Popen(
                [str(self._program), *self._arguments()], env=environment, cwd=home, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
            )  # fmt: skip
        # Nothing is done to the display before the game first rests: that would come in the middle of its beginning.
        self._wait()

    def _arguments(self) -> list[str]:
        return [sys.executable if part == PYTHON else part for part in self.file.launch.command[1:]]

    def _find_window(self) -> Window:
        waited = 0
        while (window := self._shown_window()) is None:
            if waited >= self.file.timing.appear_ms or not self.is_running:
                told = ", ".join(repr(w.title) for w in self._x11.windows() if w.mapped and w.title) or "none"
                raise NoWindow(
                    f"no window of {self.file.name} appeared ({self.file.window}; shown windows: {told}; "
                    f"the game's last words: {self._last_words()}); mend launch.command or [window], then: "
                    f"playfield games launch {typed_name(self.file)}"
                )
            self.advance(LOOK_MS)
            waited += LOOK_MS
        _check_place(self.file, window)
        return window

    def _shown_window(self) -> Window | None:
        try:
            return self._x11.find(self.file.window)
        except NoWindow as error:
            raise NoWindow(f"{error}, then: playfield games launch {typed_name(self.file)}") from error

    def _last_words(self) -> str:
        said = (self._folder / "said").read_bytes()[-2000:].decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(said) if line.strip()), "none")

    def _wait(self) -> None:
        """Until the game rests at its horizon, or is gone.

        Raises: Hung.
        """
        until = time.monotonic() + HANG_SECONDS
        while not self._clock.wait(0.5):
            if not self.is_running:
                return
            if time.monotonic() > until:
                taken = "" if self._clock.was_taken else "; it takes no clock of ours (a static program?)"
                raise Hung(
                    f"{self.file.name} has not come to rest within {HANG_SECONDS:g} s{taken}: "
                    f"playfield games doctor {typed_name(self.file)}"
                )

    @property
    def is_running(self) -> bool:
        """Whether the game's process is there."""
        return self._process is not None and self._process.poll() is None

    def _end_process(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def state(self) -> WindowState:
        """What is known of the game besides its picture."""
        shown = [w for w in self._x11.windows() if w.mapped] if self._windows else []
        return WindowState(
            sizes=tuple((w.width, w.height) for w in shown),
            titles=tuple(w.title for w in shown),
            running=self.is_running,
            still_steps=self._still,
        )

    def _reward(self, before: Mapping[str, float]) -> float:
        total = 0.0
        for part in self.file.rewards:
            grown = self._read[part.reader] - before[part.reader]
            total += part.scale * (grown if part.falls else max(0.0, grown))
        return total

    def _frame(self, before: UInt8[Array, "H W 3"]) -> UInt8[Array, "h w C"]:
        region = None if self.file.sight.region is None else self.file.regions[self.file.sight.region]
        now, then = (each if region is None else region.of(each) for each in (self._picture, before))
        return self.file.sight.frame(now, then)


def program(file: GameFile) -> Path:
    """The program that starts a game.

    Raises: ValueError with the package that brings it.
    """
    name = file.launch.command[0]
    found = sys.executable if name == PYTHON else shutil.which(name) or shutil.which(name, path=GAME_FOLDERS)
    if found is None:
        how = f": apt-get install {file.launch.package}" if file.launch.package else "; mend launch.command"
        raise ValueError(f"the game {file.name} needs the program {name}, which is not here{how}")
    return Path(found)


def _check_place(file: GameFile, window: Window) -> None:
    screen = file.screen
    right, bottom = window.left + window.width, window.top + window.height
    width, height = max(screen.width, window.width, right), max(screen.height, window.height, bottom)
    if min(window.left, window.top) < 0 or right > screen.width or bottom > screen.height:
        raise ValueError(
            f"the window of {file.name} ({window.width} x {window.height} at {window.left}, {window.top}) does not fit "
            f"on its display; set [screen] to {width} x {height} or more, then: "
            f"playfield games launch {typed_name(file)}"
        )
    for name, region in file.regions.items():
        if region.left + region.width > window.width or region.top + region.height > window.height:
            raise ValueError(
                f"the region {name!r} ({region.width} x {region.height} at {region.left}, {region.top}) lies outside "
                f"the window, which is {window.width} x {window.height}; mend [regions], then: "
                f"playfield games launch {typed_name(file)}"
            )


def _runnable(found: Path, folder: Path) -> Path:
    """The program; a copy in `folder` of one that runs as another group, since those take no clock of ours."""
    if not found.stat().st_mode & (stat.S_ISGID | stat.S_ISUID):
        return found
    copy = folder / found.name
    shutil.copy(found, copy)
    copy.chmod(0o755)
    return copy
