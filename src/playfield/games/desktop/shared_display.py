"""A person's display has one keyboard: one process of ours at a time plays there."""

from __future__ import annotations

import os
import re
import stat
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from playfield.locks import Held, Lock


class DisplayTaken(ValueError):
    """Another process plays on the person's display; the message says which, and what to do."""


class _Shared:
    """The lock of one display, which is this process's until the last of its games there is closed."""

    def __init__(self, lock: Lock) -> None:
        self.lock, self.games = lock, 0


_SHARED: dict[Path, _Shared] = {}
_ONE_AT_A_TIME = threading.Lock()  # copies of a game are made in threads


class DisplayLock:
    """The person's display, kept from other processes.

    Other games of this very process may be there: an evaluation plays while the training waits.
    """

    def __init__(self, game: str) -> None:
        """Raises: DisplayTaken."""
        self._open = False
        name = _display(os.environ)
        self._path = _folder() / f"playfield-display-{re.sub(r'[^A-Za-z0-9]', '_', name)}.lock"
        with _ONE_AT_A_TIME:
            if self._path not in _SHARED:
                _SHARED[self._path] = _Shared(_locked(self._path, name, game))
            _SHARED[self._path].games += 1
            self._open = True

    def close(self) -> None:
        """Let others play there, where no other game of this process is left; done twice it does nothing."""
        with _ONE_AT_A_TIME:
            if self._open:
                self._open, shared = False, _SHARED[self._path]
                shared.games -= 1
                if not shared.games:
                    _SHARED.pop(self._path).lock.close()


def _locked(path: Path, display: str, game: str) -> Lock:
    try:
        return Lock(path)
    except Held as error:
        who, stop = f"process {error.holder}", f" (kill {error.holder})"
        if error.holder is None:
            who, stop = "another process", ""
        raise DisplayTaken(
            f"{who} plays on your display {display}, and {game} would take its keys: wait for it "
            f'or stop it first{stop}, or set screen.place to "own"'
        ) from None


def _display(variables: Mapping[str, str]) -> str:
    """What is shared; of an X display without its screen, which has no keyboard of its own."""
    if sys.platform == "win32":
        return "desktop"
    return variables.get("WAYLAND_DISPLAY") or re.sub(r"\.\d+$", "", variables.get("DISPLAY", ""))


def _folder() -> Path:
    """The user's folder for what lives as long as they are logged in, or a private one among temporary files.

    Raises: OSError where somebody else has made that.
    """
    if (given := os.environ.get("XDG_RUNTIME_DIR")) and Path(given).is_dir():
        return Path(given)
    if sys.platform == "win32":
        return Path(tempfile.gettempdir())
    folder = Path(tempfile.gettempdir()) / f"playfield.{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise OSError(f"{folder} is not yours; set XDG_RUNTIME_DIR to a folder that is")
    return folder
