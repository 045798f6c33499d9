"""Files that are locked for as long as a process has them: the system frees them however it dies."""

from __future__ import annotations

import importlib
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

MARK = re.compile(rb"playfield (\d{1,9})\s*")
"""What a locked file of ours holds: our name and the number of the process."""
WAIT_SECONDS = 0.5
"""For another process to write its number after it has taken the lock, or to end after it was killed."""
_FAR = 1 << 30
"""The byte that is locked where only parts of a file can be: nobody can read a part that is."""


class Held(Exception):
    """Somebody has the lock."""

    def __init__(self, holder: int | None) -> None:
        super().__init__(f"process {'unknown' if holder is None else holder} has the lock")
        self.holder = holder
        """The number of its process, where the file tells it."""


class Lock:
    """A locked file with our mark in it."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Links are not followed.

        Raises: Held; FileNotFoundError where the file is not there and not to be made; OSError.
        """
        no_links = getattr(os, "O_NOFOLLOW", 0)
        self._file: int | None = os.open(path, os.O_RDWR | no_links | (os.O_CREAT if create else 0), 0o600)
        try:
            try:
                lock_now(self._file)
            except BlockingIOError:
                raise Held(_holder(self._file)) from None
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, f"playfield {os.getpid()}\n".encode())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of it; done twice it does nothing."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def lock_now(file: int) -> None:
    """Lock an open file for this process, until it closes it or dies.

    Raises: BlockingIOError where another process, or another opening of the file in this one, has it locked.
    """
    if sys.platform != "win32":
        fcntl: Any = importlib.import_module("fcntl")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    msvcrt: Any = importlib.import_module("msvcrt")
    place = os.lseek(file, 0, os.SEEK_CUR)
    os.lseek(file, _FAR, os.SEEK_SET)
    try:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    except OSError as error:
        raise BlockingIOError(str(error)) from error
    finally:
        os.lseek(file, place, os.SEEK_SET)


def is_marked(path: Path) -> bool:
    """Whether a file, which is no link, bears our mark: then the process that made it has locked it, or is dead.

    Raises: OSError.
    """
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    try:
        return _number(file) is not None
    finally:
        os.close(file)


def _holder(file: int) -> int | None:
    """Who has the lock: for an instant the file may be empty yet, or name one before, who is dead."""
    until = time.monotonic() + WAIT_SECONDS
    while (number := _number(file)) is None or not _is_alive(number):
        if time.monotonic() > until:
            return None
        time.sleep(0.01)
    return number


def _number(file: int) -> int | None:
    os.lseek(file, 0, os.SEEK_SET)
    found = MARK.fullmatch(os.read(file, 40))
    return None if found is None else int(found[1])


def _is_alive(number: int) -> bool:
    if sys.platform == "win32":
        return True  # there a signal, even none, ends the process
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # another user's
    return True
