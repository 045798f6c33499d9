"""How one comes to a game: it is started by us, or was there before us."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from playfield.extras import apt_install
from playfield.games.desktop.game_file import PYTHON, GameFile, typed_name
from playfield.games.desktop.windows import Window, WindowMatch

GAME_FOLDERS = "/usr/games:/usr/local/games"
"""Where Debian has its games, which is on the search path of people but not of root."""


class Program(Protocol):
    """A game at work: a process of ours, or one that somebody else started."""

    @property
    def match(self) -> WindowMatch:
        """Which window is its."""
        ...

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        ...

    @property
    def pid(self) -> int | None:
        """Its number, which is that of its group too where it was started by us; none where it is not known yet."""
        ...

    def shown(self, window: Window) -> None:
        """Its window was found."""
        ...

    def last_words(self) -> str:
        """The last line it wrote, for a sentence about what went wrong."""
        ...

    def end(self) -> None:
        """End it where it is ours; done twice it does nothing."""
        ...


class Launcher(Protocol):
    """What starts a game."""

    lasting: bool
    """Whether the game goes on from one episode to the next, and only what begins it is pressed anew."""

    def start(self, environment: Mapping[str, str]) -> Program:
        """A game that is being started with these variables besides its own, or was there before."""
        ...


class OwnProgram:
    """A process that we have started, in a group and with a home of its own; it ends with us."""

    def __init__(
        self, process: subprocess.Popen[bytes], said: Path, match: WindowMatch, guard: subprocess.Popen[bytes] | None
    ) -> None:
        """`guard` ends the group where we are gone and could not do it."""
        self.process = process
        self.match = match
        self._said, self._guard = said, guard

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self.process.poll() is None

    @property
    def pid(self) -> int | None:
        """Its number and that of its group."""
        return self.process.pid

    def shown(self, window: Window) -> None:
        """The process is known already."""

    def last_words(self) -> str:
        """The last line it wrote."""
        said = self._said.read_bytes()[-2000:].decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(said) if line.strip()), "none")

    def end(self) -> None:
        """Kill the whole group."""
        # First, since it must not kill whoever gets the number next; by one of two threads that end the game.
        guard, self._guard = self._guard, None
        try:
            if guard is not None:
                guard.kill()
                guard.communicate()
        finally:  # also where that is interrupted: nobody else would end the group now
            if sys.platform == "win32":  # which has no groups
                self.process.kill()
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class CommandLauncher:
    """A program with arguments, each time in a home that holds what the file says and nothing else."""

    def __init__(self, file: GameFile, folder: Path) -> None:
        """Raises: ValueError where the program is not there."""
        self.lasting = file.launch.lasting
        self._file, self._folder = file, folder
        # Now, before copies of the game begin in threads: a process that another thread starts while this one
        # writes holds the file open for a moment, and what is open for writing cannot be run.
        self._program = _runnable(program(file), folder)

    def start(self, environment: Mapping[str, str]) -> OwnProgram:
        """A new process."""
        home, launch = self._folder / "home", self._file.launch
        shutil.rmtree(home, ignore_errors=True)  # high scores of the last episode would change the screen
        home.mkdir()
        for file in launch.home:
            (home / file.path).parent.mkdir(parents=True, exist_ok=True)
            (home / file.path).write_bytes(file.text.encode(file.encoding))
        variables = {
            **os.environ, "HOME": str(home), "PYTHONHASHSEED": "0", **launch.environment, **environment,
        }  # fmt: skip
        with (self._folder / "said").open("wb") as said:
            process = subprocess.Popen(
                [str(self._program), *self._arguments()], env=variables, cwd=home, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
            )  # fmt: skip
        by_pid = self._file.screen.place == "here" and self._file.window.is_empty
        match = WindowMatch(pid=process.pid) if by_pid else self._file.window
        # The virtual clock ends with us; Windows has no shell that could wait for our end.
        alone = self._file.timing.clock == "virtual" or sys.platform == "win32"
        guard = None if alone else _guard(process.pid)
        return OwnProgram(process, self._folder / "said", match, guard)

    def _arguments(self) -> list[str]:
        return [sys.executable if part == PYTHON else part for part in self._file.launch.command[1:]]


def _guard(group: int) -> subprocess.Popen[bytes]:
    """A process that kills a group as soon as we are gone, however that came: the other end of its input is ours."""
    return subprocess.Popen(
        ["/bin/sh", "-c", f"read line; kill -9 -{group}"], stdin=subprocess.PIPE, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={},
    )  # fmt: skip


class FoundProgram:
    """A game that we did not start ourselves, and do not end; its process is known once its window is."""

    def __init__(self, match: WindowMatch) -> None:
        self.match = match
        self._pid: int | None = None

    @property
    def is_running(self) -> bool:
        """Whether its process is there, as far as its window told which it is."""
        if self._pid is None or sys.platform == "win32":  # where to ask in this way is to end it
            return True
        try:
            os.kill(self._pid, 0)
        except OSError as error:
            return isinstance(error, PermissionError)  # there, but somebody else's
        return True

    @property
    def pid(self) -> int | None:
        """As its window says."""
        return self._pid

    def shown(self, window: Window) -> None:
        """Its window was found."""
        self._pid = window.pid

    def last_words(self) -> str:
        """Nobody hears them."""
        return "none"

    def end(self) -> None:
        """Nothing: it is the person's."""


class AttachLauncher:
    """A game that runs already."""

    lasting = True

    def __init__(self, match: WindowMatch) -> None:
        self._match = match

    def start(self, environment: Mapping[str, str]) -> FoundProgram:
        """Nothing is started."""
        return FoundProgram(self._match)


class SteamLauncher:
    """A game that Steam starts: it is Steam's process, and stays when we go."""

    lasting = True

    def __init__(self, file: GameFile) -> None:
        """Raises: ValueError where Steam is not there."""
        self._command = (str(steam(file)), "-applaunch", str(file.launch.steam))
        self._match = file.window

    def start(self, environment: Mapping[str, str]) -> FoundProgram:
        """Ask Steam for it."""
        # By a shell that does not wait: what Steam becomes is nobody's child, least of all ours.
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", *self._command], env={**os.environ, **environment}, check=True,
            start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return FoundProgram(self._match)


def program(file: GameFile) -> Path:
    """The program that starts a game.

    Raises: ValueError with the package that brings it.
    """
    name = file.launch.command[0]
    found = sys.executable if name == PYTHON else shutil.which(name) or shutil.which(name, path=GAME_FOLDERS)
    if found is None:
        mend = f"; mend launch.command, then: playfield games launch {typed_name(file)}"
        how = f": {apt_install(file.launch.package)}" if file.launch.package else mend
        raise ValueError(f"the game {typed_name(file)} needs the program {name}, which is not here{how}")
    return Path(found).absolute()  # it is run in another folder than this


def steam(file: GameFile) -> Path:
    """The program that starts a game of Steam.

    Raises: ValueError with the package that brings it.
    """
    found = shutil.which("steam") or shutil.which("steam", path=GAME_FOLDERS)
    if found is None:
        raise ValueError(f"the game {typed_name(file)} is started by Steam, which is not here: {apt_install('steam')}")
    return Path(found)


def _runnable(found: Path, folder: Path) -> Path:
    """The program; a copy in `folder` of one that runs as another group, since those take no clock of ours."""
    if not found.stat().st_mode & (stat.S_ISGID | stat.S_ISUID):
        return found
    copy = folder / found.name
    shutil.copy(found, copy)
    copy.chmod(0o755)
    return copy
