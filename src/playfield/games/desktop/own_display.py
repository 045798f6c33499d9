"""A display of our own: an Xvfb without a screen, whose pixels are read from its memory."""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
from jaxtyping import UInt8, UInt32

from playfield.extras import apt_install
from playfield.games.desktop.pixels import picture_of
from playfield.types import Array

START_SECONDS = 20.0
"""Real time within which a display must be there; a loaded machine takes a second."""

_WIDTH, _HEIGHT, _BITS, _LINE, _COLOURS = 4, 5, 11, 12, 19
_HEAD_NUMBERS = 25
_COLOUR_BYTES = 12


class NoDisplayServer(Exception):
    """No display can be started here; the message says what to install."""


class OwnDisplay:
    """An Xvfb that lives as long as this object, with key repeat off and no cursor."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        """Raises: NoDisplayServer."""
        program = shutil.which("Xvfb")
        if program is None:
            raise NoDisplayServer(f"desktop games need a display of their own: {apt_install('xvfb')}")
        self._folder = folder
        reading, writing = os.pipe()
        # The server says on the pipe which number it has found free: numbers chosen by us race with other displays.
        arguments = ("-displayfd", str(writing), "-screen", "0", f"{width}x{height}x24", "-fbdir", str(folder))
        self._process = subprocess.Popen(
            [program, *arguments, "-nolisten", "tcp", "-nocursor", "-terminate", "-r", "-ac"],
            pass_fds=(writing,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        os.close(writing)
        try:
            self.name = f":{self._number(reading)}"
            self._pixels = self._shared_pixels()
        except BaseException:
            self.close()
            raise
        finally:
            os.close(reading)

    def grab(self) -> UInt8[Array, "H W 3"]:
        """A copy of what the display shows, as red, green and blue."""
        return picture_of(self._pixels)

    def grab_region(self, left: int, top: int, width: int, height: int) -> UInt8[Array, "h w 3"]:
        """A copy of a part of it."""
        return picture_of(self._pixels[top : top + height, left : left + width])

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self._pixels.shape
        return width, height

    @property
    def is_alive(self) -> bool:
        """Whether the server still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the server; whatever is shown on it should be gone before."""
        self._process.terminate()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5.0)
        finally:  # at once where somebody interrupts the waiting
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()

    def _number(self, reading: int) -> int:
        said, until = b"", time.monotonic() + START_SECONDS
        while not said.endswith(b"\n") and time.monotonic() < until:
            if select.select([reading], [], [], 0.1)[0]:
                part = os.read(reading, 16)
                if not part:
                    break
                said += part
        if not said.endswith(b"\n"):
            raise NoDisplayServer("Xvfb was started but gave no display; run `Xvfb :99` to see why")
        return int(said)

    def _shared_pixels(self) -> UInt32[Array, "H W"]:
        path = self._folder / "Xvfb_screen0"
        with path.open("r+b") as file:
            memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        head = np.frombuffer(memory, ">u4", _HEAD_NUMBERS)
        width, height, line = int(head[_WIDTH]), int(head[_HEIGHT]), int(head[_LINE])
        if head[_BITS] != 32:
            raise NoDisplayServer(f"Xvfb keeps {head[_BITS]} bits for a pixel; Playfield reads 32")
        begin = int(head[0]) + int(head[_COLOURS]) * _COLOUR_BYTES
        rows = np.frombuffer(memory, np.uint32, height * line // 4, begin).reshape(height, line // 4)
        return rows[:, :width]
