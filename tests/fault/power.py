"""A disk whose power can be cut: an ext4 image on a file system that clones files at one instant."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

_FICLONE = 0x40049409
_TOOLS = {"mkfs.xfs": "xfsprogs", "mkfs.ext4": "e2fsprogs", "mount": "mount"}


class CutDisk:
    """What is written to `path` reaches an image; a cut is a clone of it, as it is found when power is back."""

    def __init__(self, folder: Path, image: Path, path: Path) -> None:
        self._folder, self._image, self.path = folder, image, path
        self._cuts = 0

    def cut(self) -> Path:
        """Clone the image at this instant."""
        self._cuts += 1
        clone = self._folder / f"cut-{self._cuts}.ext4"
        with self._image.open("rb") as source, clone.open("wb") as target:
            fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
        return clone

    @contextmanager
    def found(self, clone: Path) -> Iterator[Path]:
        """The disk as it is found: mounted, its journal played back."""
        with ExitStack() as stack:
            stack.callback(clone.unlink)
            yield stack.enter_context(_mounted(clone, self._folder / f"{clone.stem}"))


@contextmanager
def cut_disk(folder: Path) -> Iterator[CutDisk]:
    """Such a disk, for as long as the context lasts; skips the test where it cannot be had."""
    missing = [package for tool, package in _TOOLS.items() if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"needs: apt install {' '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount file systems")
    with ExitStack() as stack:
        below = _made("mkfs.xfs", ["-q", "-m", "reflink=1"], folder / "below.xfs", megabytes=400)
        ground = stack.enter_context(_mounted(below, folder / "below"))
        image = _made("mkfs.ext4", ["-q"], ground / "disk.ext4", megabytes=48)
        yield CutDisk(ground, image, stack.enter_context(_mounted(image, folder / "disk")))


def _made(tool: str, options: list[str], image: Path, megabytes: int) -> Path:
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    subprocess.run([tool, *options, str(image)], check=True, capture_output=True)
    return image


@contextmanager
def _mounted(image: Path, path: Path) -> Iterator[Path]:
    path.mkdir()
    said = subprocess.run(["mount", "-o", "loop", image, path], capture_output=True, text=True, check=False)
    if said.returncode:
        path.rmdir()
        pytest.skip(f"needs the right to mount a file system: {said.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)
        path.rmdir()
