"""What was seen in recorded episodes, `frames.log`, of games that cannot be played again.

One record for up to 64 consecutive rows of an episode: its frames, then rewards, discounts and frames that passed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Shaped

from playfield.storage.files import AppendFile, DamagedFile
from playfield.storage.records import RecordLog, Records

_MAGIC = b"PFSEEN01"
CHUNK_ROWS = 64
MOST_ROW_BYTES = 1 << 26
_MOST_CHUNK_BYTES = 1 << 28
_DTYPES = {"uint8": np.dtype("|u1"), "float32": np.dtype("<f4")}
_NARROW = (("reward", np.dtype("<f4")), ("discount", np.dtype("<f4")), ("frames", np.dtype("<i4")))

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Shown:
    """What a frame is: its shape, and the type of its elements."""

    shape: tuple[int, ...]
    dtype: str
    """`uint8` or `float32`."""

    @property
    def row_bytes(self) -> int:
        """Bytes of one frame."""
        return math.prod(self.shape) * _DTYPES[self.dtype].itemsize

    @property
    def chunk_rows(self) -> int:
        """Rows of a record: 64, or fewer of large frames."""
        return max(1, min(CHUNK_ROWS, _MOST_CHUNK_BYTES // 4 // max(1, self.row_bytes)))


class SeenRow(NamedTuple):
    """One row of an episode: a frame, and what the action before it brought."""

    frame: Shaped[Array, "..."]
    reward: float
    discount: float
    frames: int
    """Emulator frames that passed."""


class Chunk(NamedTuple):
    """Consecutive rows of an episode."""

    episode: int
    row: int
    """Number of the first, 0-based in its episode."""
    frame: Shaped[Array, "R ..."]
    reward: Float32[Array, "R"]
    discount: Float32[Array, "R"]
    frames: Int32[Array, "R"]


class FrameLog:
    """Appends what is seen to `frames.log`; no more than one record's rows wait in memory."""

    def __init__(self, file: AppendFile, shown: Shown) -> None:
        """Raises: ValueError where a frame is too large for the log."""
        if not 0 < shown.row_bytes <= MOST_ROW_BYTES:
            raise ValueError(f"frames of {shown.row_bytes:,} bytes are not kept, only up to {MOST_ROW_BYTES:,}")
        self._file, self._shown = file, shown
        self._log = RecordLog(file, _MAGIC)
        self._waiting: list[SeenRow] = []
        self._episode = self._row = 0

    def begin(self, episode: int) -> None:
        """From now on rows are of that episode; rows of another that wait are of one that is not kept."""
        self._waiting, self._episode, self._row = [], episode, 0

    def add(self, row: SeenRow) -> None:
        """Append a row of the present episode.

        Raises: ValueError where the frame is not as was said; NoSpace.
        """
        if row.frame.shape != self._shown.shape or row.frame.dtype != _DTYPES[self._shown.dtype]:
            raise ValueError(f"a frame is {row.frame.dtype} {row.frame.shape}, where {self._shown} was said")
        self._waiting.append(row)
        if len(self._waiting) >= self._shown.chunk_rows:
            self.end()

    def end(self) -> None:
        """Write what waits.

        Raises: NoSpace.
        """
        if not self._waiting:
            return
        header = {"episode": self._episode, "row": self._row, "rows": len(self._waiting),
                  "shape": list(self._shown.shape), "dtype": self._shown.dtype}  # fmt: skip
        frames = np.stack([row.frame for row in self._waiting]).astype(_DTYPES[self._shown.dtype], copy=False)
        narrow = [np.array([getattr(row, name) for row in self._waiting], dtype) for name, dtype in _NARROW]
        self._log.add(header, b"".join(column.tobytes() for column in (frames, *narrow)))
        self._file.flush()
        self._row += len(self._waiting)
        self._waiting = []


class Seen:
    """The rows of a `frames.log`, episode by episode; the file may be a stranger's."""

    def __init__(self, path: Path, shown: Shown) -> None:
        """Frames that are something else than `shown` are damage."""
        self.path, self._shown = path, shown
        self._records = Records(path, _MAGIC, "a log of frames")

    def __iter__(self) -> Iterator[Chunk]:
        """Every whole record: episodes in order from 1, and the rows of each from 0.

        Raises: DamagedFile.
        """
        episode, row = 0, 0
        for header, payload in self._records:
            chunk = self._parse(header, payload)
            follows = chunk.episode == episode > 0 and chunk.row == row
            if not follows and (chunk.episode, chunk.row) != (episode + 1, 0):
                raise DamagedFile(self.path, f"has rows out of order in episode {chunk.episode}")
            episode, row = chunk.episode, chunk.row + len(chunk.reward)
            yield chunk

    def _parse(self, header: Mapping[str, Any], payload: bytes) -> Chunk:
        shown = self._shown
        if (header.get("shape"), header.get("dtype")) != (list(shown.shape), shown.dtype):
            told = f"{header.get('dtype')} {header.get('shape')}"
            raise DamagedFile(self.path, f"has frames of {told}, where {shown.dtype} {list(shown.shape)} was expected")
        numbers = [header.get(name) for name in ("episode", "row", "rows")]
        if not all(type(number) is int for number in numbers) or not 0 < shown.row_bytes <= MOST_ROW_BYTES:
            raise DamagedFile(self.path, "has a record that is no rows of an episode")
        rows = int(header["rows"])
        size = rows * (shown.row_bytes + sum(dtype.itemsize for _, dtype in _NARROW))
        if not 0 < rows <= shown.chunk_rows:
            raise DamagedFile(self.path, f"has a record of {rows:,} rows")
        data = bytearray(self._records.unpacked(payload, size))  # tensors are made of it, which want to be writable
        if len(data) != size:
            raise DamagedFile(self.path, "has a record of an impossible length")
        frame = np.frombuffer(data, _DTYPES[shown.dtype], rows * math.prod(shown.shape)).reshape(rows, *shown.shape)
        columns, at = list[Array](), rows * shown.row_bytes
        for _, dtype in _NARROW:
            columns.append(np.frombuffer(data, dtype, rows, at))
            at += rows * dtype.itemsize
        reward, discount, frames = columns
        sound = np.isfinite(reward).all() and np.isin(discount, (0.0, 1.0)).all() and (frames >= 0).all()
        if not sound or not np.isfinite(frame).all():
            raise DamagedFile(self.path, "has rewards or frames that are no numbers, or discounts other than 0 and 1")
        return Chunk(int(header["episode"]), int(header["row"]), frame, reward, discount, frames)
