"""Films of play, and the ways of looking at it: the game, what the network sees, and movement as colour."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

import imageio_ffmpeg
import numpy as np
from jaxtyping import UInt8

from playfield.types import Array

View = Literal["game", "net", "motion"]

BT709: Final = (
    *("-vf", "scale=out_color_matrix=bt709:out_range=tv", "-color_range", "tv"),
    *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-movflags", "+faststart"),
)
"""Colours converted and labelled alike, so that no player has to guess; the index first, so films start at once."""


def game_view(frame: UInt8[Array, "H W C"], *, scale: int = 1) -> UInt8[Array, "sH sW 3"]:
    """The screen itself: colour as it is, grey as grey, every pixel `scale` times as wide and as high."""
    return enlarge(frame if frame.shape[2] == 3 else np.repeat(frame, 3, axis=2), scale)


def net_view(stack: UInt8[Array, "K H W"], *, scale: int = 1, gap: int = 2) -> UInt8[Array, "sH sKW 3"]:
    """The K grey frames the network sees, oldest at the left, `gap` dark blue columns between them."""
    between = np.full((stack.shape[1] * scale, gap, 3), (16, 24, 64), dtype=np.uint8)
    parts: list[Array] = []
    for grey in stack:
        parts += [between, enlarge(np.repeat(grey[:, :, None], 3, axis=2), scale)]
    return np.concatenate(parts[1:], axis=1)


def motion_view(stack: UInt8[Array, "K H W"], *, scale: int = 1) -> UInt8[Array, "sH sW 3"]:
    """The stack as one picture: oldest red, middle green, newest blue; what rests is grey, what moves has colour."""
    newest = len(stack) - 1
    return enlarge(np.stack([stack[0], stack[newest // 2], stack[newest]], axis=2), scale)


def enlarge(image: UInt8[Array, "H W 3"], scale: int) -> UInt8[Array, "sH sW 3"]:
    """Every pixel becomes a square of `scale` by `scale` (nearest neighbour)."""
    if scale < 1:
        raise ValueError(f"The scale of a picture is a whole number from 1 up, not {scale}.")
    return np.repeat(np.repeat(image, scale, axis=0), scale, axis=1)


FULL_BYTES = 1 << 18
"""With less than that left a disk is full for an encoder, which writes in larger pieces."""
LOWEST = 200
"""Rows of pixels below which a film is too small to watch."""


def write_video(
    path: Path, frames: Iterable[Array], frames_per_second: float, *, scale: int | None = 1, crf: int = 12
) -> int:
    """Write uint8 [H, W, 3] frames as MP4 (H.264, yuv420p), return how many; it appears complete or not at all.

    Every pixel is drawn `scale` times as wide and high; None: as often as makes the film at least `LOWEST` high.
    H.264 with yuv420p wants even sizes, so an odd one gains one repeated row or column.
    `crf` is the encoder's quality: 0 is lossless, higher is smaller and worse.

    Raises: ValueError for no frame, for frames of unequal size, for what is not uint8 [H, W, 3]; OSError where the
        encoder could not write them all.
    """
    unfinished = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.tmp.mp4")
    path.parent.mkdir(parents=True, exist_ok=True)
    writer: _Encoder | None = None
    shape: tuple[int, ...] = ()
    count = 0
    _require_writable(unfinished, path)
    try:
        for frame in frames:
            checked = _checked(frame, shape)
            scale = -(-LOWEST // len(checked)) if scale is None else scale
            picture = _even(enlarge(checked, scale))
            shape = frame.shape
            if writer is None:
                writer = _Encoder(unfinished, picture.shape, frames_per_second, crf)
            with _encoding(path):
                writer.send(picture)
            count += 1
        if writer is None:
            raise ValueError(f"There is no frame to write to {path}.")
        with _encoding(path):
            writer.close()
            written = imageio_ffmpeg.count_frames_and_secs(str(unfinished))[0]
            if written != count:
                raise RuntimeError(f"only {written} of {count} frames arrived")
        os.replace(unfinished, path)
    finally:
        if writer is not None:
            writer.close()
        unfinished.unlink(missing_ok=True)
    return count


@contextmanager
def _encoding(path: Path) -> Generator[None]:
    """What the encoder does, which fails with pages of its own words, or with none.

    Raises: OSError, of a full disk where there is no room: seen before what was written of the film is removed again.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        if shutil.disk_usage(path.parent).free < FULL_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise OSError(f"the film {path} was not made: the encoder could not write all of it") from error


def _require_writable(unfinished: Path, path: Path) -> None:
    """Raises: OSError naming the film, where it cannot be written: told before anything is played for it."""
    try:
        unfinished.touch()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def at_true_speed(
    frames: Iterable[Array], frames_per_second: float, now: Callable[[], float] = time.monotonic
) -> Iterator[Array]:
    """Frames of what runs on while they are made: each is repeated until the time at which the next one has come.

    came after      0   100   200   450   500 ms      at 10 a second
    film            a    b     c  c  d     e
    """
    shown, begun, before = 0, None, None
    for frame in frames:
        came = now()
        begun = came if begun is None else begun
        while before is not None and shown < round((came - begun) * frames_per_second):
            yield before
            shown += 1
        yield frame
        shown, before = shown + 1, frame


def _checked(frame: Array, shape: tuple[int, ...]) -> Array:
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ValueError(f"A frame of a film is uint8 [H, W, 3], not {frame.dtype} {list(frame.shape)}.")
    if shape and frame.shape != shape:
        raise ValueError(f"All frames of a film have one size; {list(frame.shape)} came after {list(shape)}.")
    return frame


def _even(picture: Array) -> Array:
    height, width = picture.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return picture
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


class _Encoder:
    """An ffmpeg that is handed frames; imageio's leaves its pipe open, and speaks, where the disk is full."""

    def __init__(self, path: Path, shape: tuple[int, ...], frames_per_second: float, crf: int) -> None:
        raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{shape[1]}x{shape[0]}", "-r", f"{frames_per_second:.02f}")
        coded = ("-an", "-vcodec", "libx264", "-pix_fmt", "yuv420p", "-crf", str(crf), "-preset", "veryfast")
        self._process = subprocess.Popen(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-y", *raw, "-i", "-", *coded, "-threads", "1", *BT709, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C is for us, who end it
        )

    def send(self, picture: Array) -> None:
        """Raises: OSError where it has ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(np.ascontiguousarray(picture).data)

    def close(self) -> None:
        """Wait until it has written all."""
        assert self._process.stdin is not None
        with suppress(OSError):  # it may have ended long before
            self._process.stdin.close()
        self._process.wait()
