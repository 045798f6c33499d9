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

from playfield.games.desktop.game_file import PYTHON, GameFile
from playfield.games.desktop.windows import WindowMatch

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

    def __init__(self, process: subprocess.Popen[bytes], said: Path, match: WindowMatch) -> None:
        self.process = process
        self.match = match
        self._said = said

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self.process.poll() is None

    @property
    def pid(self) -> int | None:
        """Its number and that of its group."""
        return self.process.pid

    def last_words(self) -> str:
        """The last line it wrote."""
        said = self._said.read_bytes()[-2000:].decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(said) if line.strip()), "none")

    def end(self) -> None:
        """Kill the whole group."""
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
        return OwnProgram(process, self._folder / "said", match)

    def _arguments(self) -> list[str]:
        return [sys.executable if part == PYTHON else part for part in self._file.launch.command[1:]]


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


def _runnable(found: Path, folder: Path) -> Path:
    """The program; a copy in `folder` of one that runs as another group, since those take no clock of ours."""
    if not found.stat().st_mode & (stat.S_ISGID | stat.S_ISUID):
        return found
    copy = folder / found.name
    shutil.copy(found, copy)
    copy.chmod(0o755)
    return copy
