"""The agent's side of the virtual clock: it builds the library, shares a page with a game and moves its horizon."""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from playfield.extras import apt_install
from playfield.games.desktop.clocks import HANG_SECONDS, Hung, NotTaken
from playfield.games.desktop.programs import Program

SOURCE = Path(__file__).with_suffix(".c")
NANOSECONDS = 1_000_000_000

_NOW, _HORIZON, _RESTED, _EPOCH, _FREE_READS = range(5)
_MOVED, _RESTING, _OWNER, _RESCUED = range(10, 14)
_BYTES = 4096

WHILE_BEGINNING = 10_000_000
"""Clock reads that are free while a game begins: half a second of real time, if it does nothing else."""
WHILE_PLAYED = 1000
"""Clock reads that are free between two sleeps of a game that is played: none draws a frame with so many."""


class NoCompiler(Exception):
    """The virtual clock cannot be built here; the message says what to install."""


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "playfield"


@cache
def library() -> Path:
    """The compiled clock, built at its first use and again where its source has changed.

    Raises: NoCompiler.
    """
    source = SOURCE.read_bytes()
    path = _cache_folder() / f"virtual-clock-{hashlib.blake2b(source, digest_size=8).hexdigest()}.so"
    if path.is_file():
        return path
    if sys.platform != "linux":
        raise NoCompiler('the virtual clock is for Linux; choose clock = "real"')
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler(f"the virtual clock needs a C compiler: {apt_install('gcc', 'libc6-dev')}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / "clock.so"
        command = [compiler, "-O2", "-shared", "-fPIC", "-pthread", "-o", str(made), str(SOURCE), "-ldl"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            why = f"{compiler} does not start ({error.strerror})"
            raise NoCompiler(f"the virtual clock needs a C compiler, and {why}: {apt_install('gcc')}") from error
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise NoCompiler(f"{compiler} cannot build the virtual clock ({last}): {apt_install('libc6-dev')}")
        os.replace(made, path)
    return path


class VirtualClock:
    """The time of one game, which rises only as far as it is told.

    A page belongs to one process: a new game gets a new clock, since one that is left over would move the old time.
    """

    replays = True

    def __init__(self, folder: Path, epoch_seconds: int, hang_seconds: float = HANG_SECONDS) -> None:
        """Raises: NoCompiler."""
        self._hang_seconds = hang_seconds
        self._calls = ctypes.CDLL(str(library()))
        self._calls.playfield_move.argtypes = (ctypes.c_void_p, ctypes.c_int64)
        self._calls.playfield_wait.argtypes = (ctypes.c_void_p, ctypes.c_int64)
        self._path = folder / "clock"
        self._path.write_bytes(bytes(_BYTES))
        with self._path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _BYTES)
        self._page = np.frombuffer(self._memory, np.int64, 5)
        self._flags = np.frombuffer(self._memory, np.int32, 14)
        self._page[_EPOCH] = epoch_seconds * NANOSECONDS
        self._page[_RESTED] = -1
        self.allow_reads(WHILE_BEGINNING)
        self._address = self._page.ctypes.data
        self._program: Program | None = None

    def environment(self) -> dict[str, str]:
        """What the game's process must be started with."""
        return {"LD_PRELOAD": str(library()), "PLAYFIELD_CLOCK": str(self._path)}

    def begin(self, program: Program) -> None:
        """Wait until the process first rests.

        Nothing should be done to the display before: that would come in the middle of its beginning.

        Raises: Hung.
        """
        self._program = program
        self._settle()

    def play(self) -> None:
        """From now on reading the clock takes time soon."""
        self.allow_reads(WHILE_PLAYED)

    def advance(self, seconds: float) -> None:
        """Let the game go on for so long, and wait until it rests there or is gone.

        Raises: Hung.
        """
        self.move(seconds)
        self._settle()

    def pause(self) -> None:
        """It stands still whenever nobody advances it."""

    def measured(self) -> Mapping[str, float]:
        """How often another thread than the game's first had to move its time: each may have cost exactness."""
        return {"rescued": self.rescued()}

    def close(self) -> None:
        """The page stays until the next process gets its own."""

    def _settle(self) -> None:
        assert self._program is not None
        until = time.monotonic() + self._hang_seconds
        while not self.wait(0.5):
            if not self._program.is_running:
                return
            if time.monotonic() > until:
                told = f"has not come to rest within {self._hang_seconds:g} s"
                if self.was_taken:
                    raise Hung(told)
                raise NotTaken(f"{told}; it takes no clock of ours (a static program?)")

    @property
    def seconds(self) -> float:
        """The game's time since its start."""
        return float(self._page[_NOW]) / NANOSECONDS

    def allow_reads(self, count: int) -> None:
        """Let the game read its clock so often between two sleeps before every further read takes time.

        Many while it begins: where it stands would otherwise depend on how often its libraries look at the clock.
        """
        self._page[_FREE_READS] = count

    def move(self, seconds: float) -> None:
        """Let the game go on for so long; it runs in the background until `wait`."""
        self._calls.playfield_move(self._address, int(self._page[_HORIZON]) + round(seconds * NANOSECONDS))

    def wait(self, real_seconds: float) -> bool:
        """Wait until the game rests at its horizon; False where it has not come there in so much real time."""
        return bool(self._calls.playfield_wait(self._address, round(real_seconds * NANOSECONDS)))

    def rescued(self) -> int:
        """How often a thread that main() waited for had to move time: each may have cost exactness."""
        return int(self._flags[_RESCUED])

    @property
    def was_taken(self) -> bool:
        """Whether a process has this clock: a static or protected program does not take it."""
        return bool(self._flags[_OWNER])
