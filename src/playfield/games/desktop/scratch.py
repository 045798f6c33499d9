"""The folder in which a game is at play: it goes with us, or where we were killed when the next game begins."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from playfield.games.desktop.locks import Held, Lock

PREFIX = "playfield-"
OWNER = "owner"
"""The file in a folder that its process has locked."""


class Scratch:
    """A new folder among those for temporary files; what dead processes left of theirs is removed first."""

    def __init__(self) -> None:
        remove_orphans()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            self._lock = Lock(self.path / f"{OWNER}.new")
            # Under its name only once it is locked: whoever could lock it would take us for dead.
            (self.path / f"{OWNER}.new").rename(self.path / OWNER)
        except BaseException:
            shutil.rmtree(self.path, ignore_errors=True)
            raise

    def close(self) -> None:
        """Remove the folder; done twice it does nothing."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def remove_orphans() -> None:
    """Remove every such folder of ours whose process is dead; whatever is a link, or another user's, is left alone."""
    if sys.platform == "win32":  # where it cannot be told who is dead
        return
    with os.scandir(tempfile.gettempdir()) as entries:
        ours = [Path(entry) for entry in entries if entry.name.startswith(PREFIX) and _is_our_folder(entry)]
    for folder in ours:
        with contextlib.suppress(Held, OSError):  # alive; made before there were owners; or removed by another just now
            lock = Lock(folder / OWNER, create=False)
            shutil.rmtree(folder, ignore_errors=True)
            lock.close()


def _is_our_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
    except OSError:
        return False  # it is gone
