"""A person's display has one keyboard: one process of ours at a time plays there."""

from __future__ import annotations

import os
import re
import stat
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from playfield.games.desktop.locks import Held, Lock


class DisplayTaken(ValueError):
    """Another process plays on the person's display; the message says which, and what to do."""


class DisplayLock:
    """The person's display, kept from other processes; another game of this very process may be there."""

    def __init__(self, game: str) -> None:
        """Raises: DisplayTaken."""
        self._lock: Lock | None = None
        name = _display(os.environ)
        try:
            self._lock = Lock(_folder() / f"playfield-display-{re.sub(r'[^A-Za-z0-9]', '_', name)}.lock")
        except Held as error:
            # One after the other this process plays its games there: an evaluation while the training waits.
            if error.holder != str(os.getpid()):
                raise DisplayTaken(
                    f"process {error.holder} plays on your display {name}, and {game} would take its keys: wait for it "
                    f'or stop it first (kill {error.holder}), or set screen.place to "own"'
                ) from None

    def close(self) -> None:
        """Let others play there; done twice it does nothing."""
        if self._lock is not None:
            self._lock.close()


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
