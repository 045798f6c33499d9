"""Recordings by name, as the commands are given them."""

from __future__ import annotations

from pathlib import Path

from playfield.demonstrations import is_recording
from playfield.settings import nearest

DEMOS = Path("demos")


def find_recording(name: str, root: Path) -> Path:
    """The folder of the recording of that name in `root`, or at that path.

    Raises: FileNotFoundError naming the nearest ones.
    """
    for folder in (root / name, Path(name)):
        if is_recording(folder):
            return folder
    known = [folder.name for folder in recordings_in(root)]
    offer = f"the nearest are: {nearest(name, known)}" if known else f"there are none in {root} yet"
    raise FileNotFoundError(f"there is no recording {name!r}; {offer}; `playfield play GAME --record` makes one")


def recordings_in(root: Path) -> list[Path]:
    """The folders of all recordings, by name, those that are damaged among them."""
    folders = root.iterdir() if root.is_dir() else ()
    return sorted(folder for folder in folders if ".tmp-" not in folder.name and is_recording(folder))
