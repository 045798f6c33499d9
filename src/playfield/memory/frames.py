"""How a ring keeps its frames: as they are, compressed in chunks, or in the log of the run that plays.

What comes out is the same bit for bit; only room and time differ. Of 1,000,000 Atari frames, at 32 samples:

    Raw       7.1 GB in memory
    Packed    0.05 to 0.4 GB in memory, by the game
    Spilled   a few MB in memory, as much as Packed on the disk, where the run's checkpoints need them anyway
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import zstandard
from jaxtyping import Int64, Shaped, UInt8
from torch import Tensor

from playfield.device import HOST
from playfield.types import Array

CHUNK_ROWS = 16
"""Rows of one game that are compressed together: see docs/decisions/0034."""
PACKED_SHARE = 0.07
"""Of what Atari's frames take as they are, they take compressed at most: 500 of 7,056 bytes."""


class FrameLog(Protocol):
    """Frames that were written somewhere else, for instance to a log on disk."""

    @property
    def stop(self) -> int:
        """One past the newest row that can be read."""
        ...

    def read(self, start: int, stop: int, game: int) -> Shaped[Array, "R ..."]:
        """The frames of one game in these rows, all of which were written."""
        ...


@dataclass(frozen=True, slots=True)
class Raw:
    """Frames as they are: the quickest, and each takes as many bytes as it has pixels.

    Source: Mnih et al. (2015).
    Neutral: every other way to keep frames gives what this one gives.
    """

    def build(self, shape: tuple[int, ...], dtype: str, device: torch.device = HOST) -> Tensor:
        """An empty ring of that shape, `size G ...`."""
        return lazy_zeros(shape, dtype, device)

    def most_bytes(self, shape: tuple[int, ...], dtype: str) -> float:
        """Working memory that such a ring takes once it is full."""
        return float(math.prod(shape) * np.dtype(dtype).itemsize)


@dataclass(frozen=True, slots=True)
class Packed:
    """Frames compressed in memory and unpacked when they are drawn: a fifteenth of the room or less for Atari.

    Source: ours, measured in docs/decisions/0034; zstd is RFC 8878.
    Neutral: gives what Raw gives, bit for bit.
    """

    def build(self, shape: tuple[int, ...], dtype: str, device: torch.device = HOST) -> PackedFrames:
        """An empty ring of that shape, `size G ...`.

        Raises: ValueError where it is to lie on a graphics card.
        """
        _require_host(device)
        return PackedFrames(shape, dtype)

    def most_bytes(self, shape: tuple[int, ...], dtype: str) -> float:
        """Working memory that such a ring of Atari's frames takes at most."""
        return PACKED_SHARE * Raw().most_bytes(shape, dtype) + _newest_bytes(shape, dtype)


@dataclass(frozen=True, slots=True)
class Spilled:
    """Frames read from the run's log on the disk when they are drawn; compressed in memory until they are there.

    Source: ours, docs/decisions/0034.
    Neutral: gives what Raw gives, bit for bit.
    """

    def build(self, shape: tuple[int, ...], dtype: str, device: torch.device = HOST) -> PackedFrames:
        """An empty ring of that shape, `size G ...`.

        Raises: ValueError where it is to lie on a graphics card.
        """
        _require_host(device)
        return PackedFrames(shape, dtype)

    def most_bytes(self, shape: tuple[int, ...], dtype: str) -> float:
        """Working memory that such a ring takes while the disk has room."""
        size, games = shape[:2]
        return 8.0 * (size // CHUNK_ROWS) * games + _newest_bytes(shape, dtype)


Store = Raw | Packed | Spilled


class PackedFrames:
    """A ring of frames: the newest rows as they are, whole chunks of older ones compressed game by game.

    rows        .. 15 | 16 .. 31 | 32 .. 47 | 48 49 50
    compressed   x         x          x
    as they are                       x          x       the newest two chunks
    """

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        size, games, *frame = shape
        if math.prod(shape) == 0:
            raise ValueError("the memory has no room for a single row; give it a larger capacity")
        self.shape, self.dtype = torch.Size(shape), torch.from_numpy(np.zeros(0, dtype)).dtype
        self._frame_bytes = math.prod(frame) * np.dtype(dtype).itemsize
        self._newest: UInt8[Array, "R G bytes"] = np.zeros((2 * CHUNK_ROWS, games, self._frame_bytes), np.uint8)
        # Of chunk c and game g at (c % slots) * games + g; None of what was never there or lies in the log.
        self._slots = size // CHUNK_ROWS + 2
        try:
            self._chunks: list[bytes | None] = [None] * (self._slots * games)
        except (MemoryError, OverflowError) as error:
            raise ValueError("the memory would take more than there is; lower memory.capacity") from error
        self._unpacked: dict[int, UInt8[Array, "R bytes"]] = {}  # chunks that the last `take` needed: the next may too
        self._zstd = zstandard.ZstdCompressor(level=1, write_checksum=False), zstandard.ZstdDecompressor()
        self._log: FrameLog | None = None
        self.begin(0)

    def begin(self, row: int) -> None:
        """Hold nothing; the next row that comes is `row`."""
        self._start = self._stop = row
        self._resting = row // CHUNK_ROWS  # the first chunk that does not lie in the log alone
        self._chunks = [None] * len(self._chunks)
        self._unpacked = {}

    def rest_on(self, log: FrameLog) -> None:
        """From now on let go of what this log holds, and read it there."""
        self._log = log

    def begin_on(self, log: FrameLog, start: int, stop: int) -> None:
        """Hold the rows `start` to `stop` of a log, without reading more than the newest of them."""
        self.begin(start)
        self._stop = stop
        self._resting = stop // CHUNK_ROWS
        self._log = log
        first = max(start, stop - len(self._newest))
        for game in range(self.shape[1]) if first < stop else ():
            frames = _bytes_of(log.read(first, stop, game))
            self._newest[np.arange(first, stop) % len(self._newest), game] = frames

    @property
    def _oldest(self) -> int:
        return max(self._start, self._stop - len(self))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, at: slice) -> Shaped[Tensor, "R G ..."]:
        """Rows by their place in the ring, as of a tensor."""
        place = torch.arange(*at.indices(len(self)))
        # The newest row that lies at each place; a place that has none yet shows any other.
        row = self._stop - 1 - (self._stop - 1 - place) % len(self)
        games = torch.arange(self.shape[1])
        return self.take(row[:, None].expand(-1, len(games)), games)

    def __setitem__(self, at: slice, rows: Shaped[Tensor, "R G ..."]) -> None:
        """Put the next rows at the place that they have in the ring.

        Raises: ValueError where it is not the next place.
        """
        if at.start != self._stop % len(self):
            raise ValueError(f"rows are put at place {at.start}, where the next is {self._stop % len(self)}")
        for row in _bytes_of(rows.numpy(), self.shape[1]):
            self._newest[self._stop % len(self._newest)] = row
            self._stop += 1
            if self._stop % CHUNK_ROWS == 0:
                self._pack(self._stop // CHUNK_ROWS - 1)

    def take(self, row: Int64[Tensor, "*S B"], game: Int64[Tensor, "B"]) -> Shaped[Tensor, "*S B ..."]:
        """Frames of some rows and games; of rows older than the oldest one anything."""
        rows: Array = np.maximum(row.numpy(), self._oldest).ravel()
        games: Array = np.broadcast_to(game.numpy(), row.shape).ravel()
        frames: UInt8[Array, "I bytes"] = np.empty((len(rows), self._frame_bytes), np.uint8)
        newest = rows >= self._stop - len(self._newest)
        frames[newest] = self._newest[rows[newest] % len(self._newest), games[newest]]
        if not newest.all():
            self._take_packed(rows, games, (~newest).nonzero()[0], frames)
        return torch.from_numpy(frames).view(self.dtype).view(*row.shape, *self.shape[2:])

    def _take_packed(self, rows: Array, games: Array, wanted: Array, frames: UInt8[Array, "I bytes"]) -> None:
        """Put the frames of the `wanted` rows into their places, unpacking every chunk once."""
        keys = rows[wanted] // CHUNK_ROWS * self.shape[1] + games[wanted]
        order = np.argsort(keys, kind="stable")
        wanted, keys = wanted[order], keys[order]
        unpacked: dict[int, UInt8[Array, "R bytes"]] = {}
        for at in np.split(np.arange(len(keys)), np.flatnonzero(np.diff(keys)) + 1):
            key = int(keys[at[0]])
            chunk = self._unpacked.get(key)
            unpacked[key] = self._unpack(key) if chunk is None else chunk
            frames[wanted[at]] = unpacked[key][rows[wanted[at]] % CHUNK_ROWS]
        self._unpacked = unpacked

    def _pack(self, chunk: int) -> None:
        """Compress a chunk whose last row has just come; let go of those that the log has by now."""
        games = self.shape[1]
        self._resting = max(self._resting, chunk + 1 - self._slots)  # what is overwritten now has nothing to let go of
        first = chunk * CHUNK_ROWS % len(self._newest)
        for game in range(games):
            data = np.ascontiguousarray(self._newest[first : first + CHUNK_ROWS, game])
            # Copied, because what zstandard gives occupies as much memory as it might have needed.
            self._chunks[chunk % self._slots * games + game] = bytes(memoryview(self._zstd[0].compress(data.data)))
        while self._log is not None and (self._resting + 1) * CHUNK_ROWS <= min(self._log.stop, self._stop):
            at = self._resting % self._slots * games
            self._chunks[at : at + games] = [None] * games
            self._resting += 1

    def _unpack(self, key: int) -> UInt8[Array, "R bytes"]:
        chunk, game = divmod(key, self.shape[1])
        packed = self._chunks[chunk % self._slots * self.shape[1] + game]
        if packed is not None:
            data = self._zstd[1].decompress(packed)
            return np.frombuffer(data, np.uint8).reshape(CHUNK_ROWS, self._frame_bytes)
        assert self._log is not None
        # The first rows of a chunk may be older than what is held: the log may not have them, and nobody asks for them.
        first = max(chunk * CHUNK_ROWS, self._oldest)
        frames = np.zeros((CHUNK_ROWS, self._frame_bytes), np.uint8)
        frames[first % CHUNK_ROWS :] = _bytes_of(self._log.read(first, (chunk + 1) * CHUNK_ROWS, game))
        return frames


def lazy_zeros(shape: tuple[int, ...], dtype: str, device: torch.device = HOST) -> Tensor:
    """Zeros; on the host such that cost no memory until they are written, as numpy asks for them.

    Raises: ValueError where there is nothing in them, or more than there can be.
    """
    if math.prod(shape) == 0:
        raise ValueError("the memory has no room for a single row; give it a larger capacity")
    try:
        if device != HOST:
            return torch.zeros(shape, dtype=getattr(torch, dtype), device=device)
        return torch.from_numpy(np.zeros(shape, dtype))
    except (MemoryError, ValueError, torch.OutOfMemoryError) as error:  # a ValueError where no address reaches so far
        size, where = math.prod(shape) * np.dtype(dtype).itemsize / 1e9, "" if device == HOST else f" on {device}"
        advice = ", or take memory.store=Packed" if device == HOST else ""
        raise ValueError(
            f"the memory would take {size:,.0f} GB, more than there is{where}; lower memory.capacity{advice}"
        ) from error


def _require_host(device: torch.device) -> None:
    if device != HOST:
        raise ValueError(
            f"frames are packed in the working memory of the processor, not on {device}: use memory.store=Raw with a "
            "memory.capacity that fits there, or the device cpu"
        )


def _newest_bytes(shape: tuple[int, ...], dtype: str) -> float:
    """What the rows take that are kept as they are."""
    return Raw().most_bytes((2 * CHUNK_ROWS, *shape[1:]), dtype)


def _bytes_of(frames: Shaped[Array, "R ..."], games: int | None = None) -> UInt8[Array, "R ... bytes"]:
    """The same frames as plain bytes, for some games or for one."""
    flat = np.ascontiguousarray(frames)
    lead = (len(flat),) if games is None else (len(flat), games)
    return flat.reshape(*lead, math.prod(flat.shape[1:]) // (games or 1)).view(np.uint8)
