"""Files that are locked for as long as a process has them: the system frees them however it dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path


class Held(Exception):
    """Somebody has the lock."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"process {holder} has the lock")
        self.holder = holder
        """The number of its process, as far as the file tells."""


class Lock:
    """A locked file; Windows has no such locks, and there it keeps nobody out."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Links are not followed.

        Raises: Held; FileNotFoundError where the file is not there and not to be made; OSError.
        """
        no_links = getattr(os, "O_NOFOLLOW", 0)
        self._file: int | None = os.open(path, os.O_RDWR | no_links | (os.O_CREAT if create else 0), 0o600)
        try:
            if sys.platform != "win32":
                _take(self._file)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of it; done twice it does nothing."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


if sys.platform != "win32":
    import fcntl

    def _take(file: int) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Held(os.pread(file, 20, 0).decode("ascii", "replace") or "unknown") from None
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
