"""The folder in which a game is at play: it goes with us, or where we were killed when the next game begins."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from playfield.locks import Held, Lock, is_marked

PREFIX = "playfield-game-"
OWNER = ".playfield-owner"
"""The file in a folder that its process has locked."""
CAN_BE_ORPHANS = sys.platform != "win32"
"""On Windows a file that is locked keeps its folder from being removed, by its own process too."""


class Scratch:
    """A new folder among those for temporary files; what dead processes left of theirs is removed first."""

    def __init__(self) -> None:
        remove_orphans()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            self._lock = Lock(self.path / OWNER) if CAN_BE_ORPHANS else None
        except BaseException:
            shutil.rmtree(self.path, ignore_errors=True)
            raise

    def close(self) -> None:
        """Remove the folder; done twice it does nothing."""
        _remove(self.path)
        if self._lock is not None:
            self._lock.close()


def remove_orphans() -> None:
    """Remove every folder of a process of ours that is dead.

    Only what bears our name, and in it a file with our mark that nobody has locked, is one: whatever else is there, is
    a link, or is another user's, is left alone. So is what a process leaves, a folder with nothing in it, that is
    killed in the instant between making it and marking it, or between the last file's removal and the folder's.
    """
    if not CAN_BE_ORPHANS:
        return
    with os.scandir(tempfile.gettempdir()) as entries:
        ours = [Path(entry) for entry in entries if entry.name.startswith(PREFIX) and _is_our_folder(entry)]
    for folder in ours:
        with contextlib.suppress(Held, OSError):  # alive; nobody's; or removed by another just now
            # Marked only once it is locked, so that one that is just being made is not taken for a dead one's.
            if is_marked(folder / OWNER):
                with contextlib.closing(Lock(folder / OWNER, create=False)):
                    _remove(folder)


def _is_our_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
    except OSError:
        return False  # it is gone


def _remove(folder: Path) -> None:
    """What cannot be removed stays with its owner, which goes last: then the next process tries it again."""
    with contextlib.suppress(OSError):
        for each in folder.iterdir():
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each, ignore_errors=True)
            elif each.name != OWNER:
                each.unlink()
        if {each.name for each in folder.iterdir()} <= {OWNER}:
            (folder / OWNER).unlink(missing_ok=True)
            folder.rmdir()
