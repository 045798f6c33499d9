"""The append-only log of `Rows`: segments of checked, compressed chunks, so that a checkpoint costs new rows only.

A folder holds `seg-00000000.pfl`, `seg-00000001.pfl`, ... Each is a header, then blocks of up to 64 consecutive rows:

    header  magic, version, length and crc32 of a JSON text {run, first, columns: [[name, dtype, shape], ...]}
    block   one record per game for each wide column (frames), then one record for all narrow columns together
    record  length, crc32, first row, count, column, game, zstd-1 payload

64 frames of one game compress to about 105 bytes each; the same frames with the games interleaved do not.
What a checkpoint may read is its `Fence`: of every segment a length and a checksum. Bytes behind the fence do not exist
for it, and nobody ever changes bytes before it: a resumed run begins a new segment.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import torch
import zstandard
from torch import Tensor

from playfield.batch import Ring, Rows, from_ring, into_ring
from playfield.storage.files import (
    DamagedFile,
    FileRecord,
    NoSpace,
    new_hash,
    open_regular,
    parse_json,
    sync,
    sync_directory,
    verify_prefix,
    write_all,
    writing_to,
)
from playfield.storage.tensors import CODES, DTYPES, from_raw, raw, storable
from playfield.types import Array

CHUNK_ROWS = 64
SEGMENT_FRAMES = 8_192
_WIDE_BYTES = 256
_MOST_BLOCK_BYTES = 1 << 28
_MOST_HEADER_BYTES = 1 << 20
_VERSION = 1
_MAGIC = b"PFROWS\r\n"
_HEADER = struct.Struct("<8sIII")
_RECORD = struct.Struct("<IIQIII")
_TOGETHER = 0xFFFFFFFF
_NAME = re.compile(r"seg-(\d{8,18})\.pfl")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a log: its name, and the type and shape of one row of it (games first)."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row of all games."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def wide(self) -> bool:
        """Compressed game by game, as frames are."""
        return bool(self.shape) and self.shape[0] > 0 and self.row_bytes >= _WIDE_BYTES * self.shape[0]

    def plain(self) -> list[object]:
        """The column as JSON."""
        return [self.name, CODES[self.dtype], list(self.shape)]

    @staticmethod
    def parse(plain: Any) -> Column:
        """The column that `plain()` described.

        Raises: ValueError, KeyError or TypeError where it is none.
        """
        name, code, shape = plain
        if type(name) is not str or not all(type(n) is int and 0 <= n < 2**40 for n in shape):
            raise ValueError(f"{plain!r} is no column")
        return Column(name, DTYPES[code], tuple(shape))


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of one segment file that a checkpoint may read, and the rows in it."""

    number: int
    record: FileRecord
    first: int
    stop: int

    def plain(self) -> list[object]:
        """The segment as JSON."""
        return [self.number, *self.record.plain(), self.first, self.stop]

    @staticmethod
    def parse(plain: Any) -> Segment:
        """The segment that `plain()` described.

        Raises: ValueError or TypeError where it is none.
        """
        number, size, digest, first, stop = plain
        if not all(type(n) is int and n >= 0 for n in (number, first, stop)) or first > stop:
            raise ValueError(f"{plain!r} is no segment")
        return Segment(number, FileRecord.parse([size, digest]), first, stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """How far a checkpoint may read a log: its rows, their columns, and the segments that hold them."""

    start: int
    stop: int
    size: int
    """Length of the rings that the rows were saved from."""
    columns: tuple[Column, ...]
    """In order of name."""
    segments: tuple[Segment, ...]

    def plain(self) -> dict[str, object]:
        """The fence as JSON."""
        return {
            "start": self.start,
            "stop": self.stop,
            "size": self.size,
            "columns": [column.plain() for column in self.columns],
            "segments": [segment.plain() for segment in self.segments],
        }

    @staticmethod
    def parse(plain: Any) -> Fence:
        """The fence that `plain()` described.

        Raises: ValueError, KeyError or TypeError where it is none, or where rows are missing between its segments.
        """
        start, stop, size = plain["start"], plain["stop"], plain["size"]
        columns = tuple(Column.parse(column) for column in plain["columns"])
        segments = tuple(Segment.parse(segment) for segment in plain["segments"])
        if not all(type(n) is int for n in (start, stop, size)) or not 0 <= start <= stop <= start + size < 1 << 60:
            raise ValueError("the rows of a fence are no range")
        if start < stop:
            gaps = any(a.stop != b.first for a, b in pairwise(segments))
            if gaps or not segments or segments[0].first > start or segments[-1].stop != stop:
                raise ValueError("the segments of a fence do not hold its rows")
        _block_rows(columns)
        return Fence(start=start, stop=stop, size=size, columns=columns, segments=segments)


class RowLog:
    """Writes the log of one `Rows` leaf: knows what is written, and appends what is new."""

    def __init__(self, folder: Path, run_id: str, fence: Fence | None = None) -> None:
        """Goes on behind `fence` (the checkpoint that was resumed), or begins with nothing written."""
        self.folder = folder
        self.run_id = run_id
        self._columns = fence.columns if fence else ()
        self._sealed = list(fence.segments) if fence else []
        self._stop = fence.stop if fence else 0
        self._open: _OpenSegment | None = None

    @property
    def open_segment(self) -> int | None:
        """Number of the segment that the next rows may go to."""
        return self._open.number if self._open else None

    def append(self, rows: Rows) -> Fence:
        """Writes and syncs the rows that are not in the log yet; the fence says where they all are.

        Raises: ValueError where the rows are no rings, NoSpace, WriteFailed; after a failure the log is as before.
        """
        columns = columns_of(rows)
        before = self._columns, self._segments(), self._stop
        try:
            if self._cannot_continue(rows, columns):
                self._seal()
                self._columns, self._sealed, self._stop = columns, [], rows.start
            for first, block in row_blocks(rows, start=self._stop):
                self._write(first, block)
            if self._open:
                self._open.sync()
        except BaseException:
            self._undo(before)
            raise
        self._sealed = [segment for segment in self._sealed if segment.stop > rows.start]
        held = tuple(segment for segment in self._segments() if segment.stop > rows.start)
        return Fence(start=rows.start, stop=rows.stop, size=_size(rows), columns=columns, segments=held)

    def write_ahead(self, rows: Rows) -> None:
        """Writes whole blocks of rows that are not in the log yet, so that the next `append` has less to do.

        They belong to no fence until then, and nobody waits for the disk. Where it is full nothing is written.

        Raises: WriteFailed.
        """
        columns = columns_of(rows)
        if columns != self._columns or self._cannot_continue(rows, columns):
            return
        before = self._columns, self._segments(), self._stop
        try:
            for first, block in row_blocks(rows, start=self._stop):
                if first + _block_rows(columns) <= rows.stop:
                    self._write(first, block)
        except BaseException as error:
            self._undo(before)
            if not isinstance(error, NoSpace):
                raise

    def reader(self, column: str) -> ColumnReader:
        """Reads one column of what is written, also of what will be."""
        return ColumnReader(self.folder, column, lambda: Held(self._columns, self._segments(), self._stop))

    def close(self) -> None:
        """Lets go of the open segment; later rows would begin a new one."""
        self._seal()

    def _cannot_continue(self, rows: Rows, columns: tuple[Column, ...]) -> bool:
        segments = self._segments()
        oldest = segments[0].first if segments else self._stop
        return columns != self._columns or not oldest <= rows.start <= self._stop <= rows.stop

    def _segments(self) -> list[Segment]:
        return [*self._sealed, *([self._open.segment()] if self._open else [])]

    def _write(self, first: int, block: Mapping[str, Tensor]) -> None:
        count = len(next(iter(block.values())))
        if self._open and self._open.rows * _games(self._columns) >= SEGMENT_FRAMES:
            self._seal()
        if not self._open:
            self._open = _OpenSegment(self.folder, self.run_id, self._columns, first)
        self._open.add(_records(self._columns, first, block), count)
        self._stop = first + count

    def _seal(self) -> None:
        if self._open:
            self._open.sync()
            self._sealed.append(self._open.segment())
            self._open.close()
            self._open = None

    def _undo(self, before: tuple[tuple[Column, ...], list[Segment], int]) -> None:
        """Forgets a failed append and gives its space back; the next one begins a new segment."""
        kept = {segment.number: segment.record.bytes for segment in before[1]}
        if self._open:
            self._open.discard(kept.get(self._open.number, 0))
        for segment in self._sealed:
            if segment.number not in kept:
                _path(self.folder, segment.number).unlink(missing_ok=True)
        self._columns, self._sealed, self._stop = before
        self._open = None


class _OpenSegment:
    """The one segment of a log that still grows."""

    def __init__(self, folder: Path, run_id: str, columns: tuple[Column, ...], first: int) -> None:
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self.number = max((number for number, _ in segment_files(folder)), default=-1) + 1
        self.path = _path(folder, self.number)
        self.first = first
        self.rows = 0
        self._hash, self._bytes = new_hash(), 0
        text = json.dumps({"run": run_id, "first": first, "columns": [column.plain() for column in columns]}).encode()
        if len(text) > _MOST_HEADER_BYTES:
            raise ValueError(f"{len(columns)} columns are too many for a log of rows")
        with writing_to(self.path):
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
            try:
                self._put(_HEADER.pack(_MAGIC, _VERSION, len(text), zlib.crc32(text)) + text)
                for parent in (folder, folder.parent, folder.parent.parent):
                    sync_directory(parent)
            except BaseException:
                self.discard(0)
                raise

    def add(self, records: Iterator[bytes], count: int) -> None:
        for record in records:
            with writing_to(self.path):
                self._put(record)
        self.rows += count

    def segment(self) -> Segment:
        return Segment(self.number, FileRecord(self._bytes, self._hash.hexdigest()), self.first, self.first + self.rows)

    def sync(self) -> None:
        sync(self._descriptor, self.path)

    def discard(self, keep_bytes: int) -> None:
        # Only to give space back: nothing refers to the bytes that go. Those that stay may have been written ahead, and
        # nobody comes back to this file to wait for them.
        try:
            with contextlib.suppress(OSError):
                if keep_bytes:
                    os.ftruncate(self._descriptor, keep_bytes)
                else:
                    self.path.unlink(missing_ok=True)
            if keep_bytes:
                self.sync()
        finally:
            self.close()

    def close(self) -> None:
        os.close(self._descriptor)

    def _put(self, data: bytes) -> None:
        write_all(self._descriptor, data)
        self._hash.update(data)
        self._bytes += len(data)


class LoggedRows:
    """`Rows` as they come back from a checkpoint: on disk until the owner reads them into its own rings."""

    def __init__(self, folder: Path, run_id: str, fence: Fence) -> None:
        self._folder = folder
        self._run_id = run_id
        self._fence = fence

    @property
    def start(self) -> int:
        """Oldest row still held."""
        return self._fence.start

    @property
    def stop(self) -> int:
        """One past the newest row."""
        return self._fence.stop

    @property
    def size(self) -> int:
        """Length of the rings that the rows were saved from; the reader's may have another."""
        return self._fence.size

    @property
    def columns(self) -> Mapping[str, Column]:
        """What the columns are called and what one row of each looks like."""
        return {column.name: column for column in self._fence.columns}

    def verify(self) -> None:
        """Checks every byte of the segments against the fence.

        Raises: DamagedFile.
        """
        for segment in self._fence.segments:
            verify_prefix(_path(self._folder, segment.number), segment.record)

    def reader(self, column: str) -> ColumnReader:
        """Reads one column, game by game, wherever it is needed."""
        return ColumnReader(self._folder, column, lambda: Held(self._fence.columns, self._fence.segments, self.stop))

    def read_into(
        self,
        columns: Mapping[str, Ring],
        start: int | None = None,
        stop: int | None = None,
        leave: Collection[str] = (),
    ) -> None:
        """Copies rows `start..stop` (all of them by default) into rings: row i goes to index i % size.

        Never holds more than one block of 64 rows besides the rings. Columns to `leave` must fit, and stay as they are.

        Raises: ValueError where the rings do not fit the rows; DamagedFile, the rings then holding nothing of use.
        """
        start, stop = self.start if start is None else start, self.stop if stop is None else stop
        if not self.start <= start <= stop <= self.stop:
            raise ValueError(f"rows {start} to {stop} are not in the log, which holds {self.start} to {self.stop}")
        self._require_fit(columns, stop - start)
        for first, block in self.blocks(start, stop, leave):
            for name, values in block.items():
                into_ring(columns[name], first, values)

    def blocks(
        self, start: int | None = None, stop: int | None = None, leave: Collection[str] = ()
    ) -> Iterator[tuple[int, dict[str, Tensor]]]:
        """Rows in order, as (first row, columns of up to 64 rows), without the columns to `leave`.

        Raises: DamagedFile.
        """
        start, stop = self.start if start is None else start, self.stop if stop is None else stop
        for segment in self._fence.segments:
            if segment.first >= stop or segment.stop <= start:
                continue
            for first, block in self._segment_blocks(segment, leave):
                low, high = max(start, first), min(stop, first + len(next(iter(block.values()))))
                if low < high:
                    yield low, {name: values[low - first : high - first] for name, values in block.items()}

    def _require_fit(self, rings: Mapping[str, Ring], count: int) -> None:
        saved = {column.name: (column.dtype, column.shape) for column in self._fence.columns}
        given = {name: (ring.dtype, tuple(ring.shape[1:])) for name, ring in rings.items()}
        for name in sorted(saved.keys() | given.keys()):
            if name not in saved or name not in given:
                raise ValueError(f"column {name!r} is only in the {'rings' if name in given else 'checkpoint'}")
            if given[name] != saved[name]:
                (now, to), (then, was) = given[name], saved[name]
                raise ValueError(f"column {name!r} has rows of {now} {list(to)} where {then} {list(was)} were saved")
        sizes = {len(ring) for ring in rings.values()}
        if len(sizes) != 1 or count > min(sizes):
            raise ValueError(f"{count} rows do not fit into rings of {sorted(sizes)}")

    def _segment_blocks(self, segment: Segment, leave: Collection[str]) -> Iterator[tuple[int, dict[str, Tensor]]]:
        path = _path(self._folder, segment.number)
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size < segment.record.bytes:
                raise DamagedFile(path, f"is shorter than the {segment.record.bytes} bytes that were written")
            reader = _SegmentReader(path, file, segment)
            reader.header(self._run_id, self._fence.columns)
            row = segment.first
            while row < segment.stop:
                count, block = reader.block(self._fence.columns, row, segment.stop, leave)
                if block:
                    yield row, block
                row += count
            reader.finish()


class _SegmentReader:
    """Reads one segment in order, never past the fence, and checks everything before using it."""

    def __init__(self, path: Path, file: BinaryIO, segment: Segment) -> None:
        self._path = path
        self._file = file
        self._left = segment.record.bytes
        self._want = segment.record
        self._hash = new_hash()

    def header(self, run_id: str, columns: tuple[Column, ...]) -> None:
        magic, version, length, crc = _HEADER.unpack(self._take(_HEADER.size))
        if magic != _MAGIC or version != _VERSION:
            raise DamagedFile(self._path, "is not a log of rows that this version reads")
        text = self._take(length)
        if zlib.crc32(text) != crc:
            raise DamagedFile(self._path, "has an altered header")
        about = parse_json(self._path, text)
        if not isinstance(about, dict) or about.get("columns") != [column.plain() for column in columns]:
            raise DamagedFile(self._path, "holds other columns than its checkpoint says")
        if about.get("run") != run_id:
            raise DamagedFile(self._path, "belongs to another run")

    def block(
        self, columns: tuple[Column, ...], first: int, stop: int, leave: Collection[str]
    ) -> tuple[int, dict[str, Tensor]]:
        """How many rows come next, and what they are."""
        block: dict[str, Tensor] = {}
        count = 0
        most = min(stop - first, _block_rows(columns))
        for index, game in _record_order(columns):
            count, payload = self._record((first, index, game), count, most)
            if index == _TOGETHER:
                block |= _split(self._path, [c for c in columns if not c.wide], count, payload)
                continue
            column = columns[index]
            if column.name in leave:
                continue
            if game == 0:
                block[column.name] = torch.empty((count, *column.shape), dtype=column.dtype)
            data = _decompress(self._path, payload, count * column.row_bytes // column.shape[0])
            into = block[column.name].view(torch.uint8).numpy().reshape(count, column.shape[0], -1)
            into[:, game] = np.frombuffer(data, np.uint8).reshape(count, -1)
        return count, {name: values for name, values in block.items() if name not in leave}

    def finish(self) -> None:
        if self._left or self._hash.hexdigest() != self._want.blake2b:
            raise DamagedFile(self._path, "was altered: its checksum is not the one recorded")

    def _record(self, expected: tuple[int, int, int], count: int, most: int) -> tuple[int, bytes]:
        head = self._take(_RECORD.size)
        length, crc, first, rows, column, game = _RECORD.unpack(head)
        payload = self._take(length)
        if zlib.crc32(payload, zlib.crc32(head[8:])) != crc:
            raise DamagedFile(self._path, f"has an altered record at row {expected[0]}")
        if (first, column, game) != expected or not 0 < rows <= most or rows != (count or rows):
            raise DamagedFile(self._path, f"has a record out of order at row {expected[0]}")
        return rows, payload

    def _take(self, count: int) -> bytes:
        if count > self._left:
            raise DamagedFile(self._path, "ends in the middle of a record")
        data = self._file.read(count)
        if len(data) != count:
            raise DamagedFile(self._path, f"is shorter than the {self._want.bytes} bytes that were written")
        self._left -= count
        self._hash.update(data)
        return data


class Held(NamedTuple):
    """What a log holds at the moment."""

    columns: tuple[Column, ...]
    segments: Sequence[Segment]
    stop: int


class ColumnReader:
    """Reads one column of a log game by game, wherever it is needed, while the log may still grow.

    What it reads is checked record by record; where the records lie is looked up once for each segment.
    """

    def __init__(self, folder: Path, column: str, held: Callable[[], Held]) -> None:
        self._folder, self._name, self._held = folder, column, held
        self._columns: tuple[Column, ...] = ()
        self._segments: list[Segment] = []
        self._firsts: list[int] = []
        self._places: dict[int, _Places] = {}

    @property
    def stop(self) -> int:
        """One past the newest row that can be read."""
        return self._held().stop

    def read(self, start: int, stop: int, game: int) -> Array:
        """The rows `start` to `stop` of a game; all of them must have been written.

        Raises: ValueError where they are not in the log; DamagedFile.
        """
        pieces: list[Array] = []
        while start < stop:
            first, rows = self._block(start, game)
            pieces.append(rows[start - first : stop - first])
            start = first + len(rows)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _block(self, row: int, game: int) -> tuple[int, Array]:
        """The rows that were written together with this one, and the first of them."""
        if not self._segments or not self._segments[0].first <= row < self._segments[-1].stop:
            self._look_again(row)
        segment = self._segments[bisect_right(self._firsts, row) - 1]
        index = next(index for index, column in enumerate(self._columns) if column.name == self._name)
        column, path = self._columns[index], _path(self._folder, segment.number)
        with open_regular(path) as file:
            places = self._places.setdefault(segment.number, _Places(index if column.wide else _TOGETHER))
            places.go_on(path, file, segment)
            first, count, payload = places.read(path, file, row, game if column.wide else 0)
        if column.wide:
            return first, _of_game(path, column, count, payload).numpy()
        narrow = [column for column in self._columns if not column.wide]
        return first, _split(path, narrow, count, payload)[self._name][:, game].numpy()

    def _look_again(self, row: int) -> None:
        self._columns, segments, _ = self._held()
        self._segments = list(segments)
        self._firsts = [segment.first for segment in self._segments]
        numbers = {segment.number for segment in self._segments}
        self._places = {number: places for number, places in self._places.items() if number in numbers}
        if not self._segments or not self._segments[0].first <= row < self._segments[-1].stop:
            raise ValueError(f"row {row} is not in the log")


class _Places:
    """Where the records of one column lie in a segment, as far as it was looked through."""

    def __init__(self, column: int) -> None:
        self._column = column
        self._bytes = 0
        self._firsts = array("Q")
        self._offsets = array("Q")  # of each record; those of one block follow on each other
        self._lengths = array("Q")

    def go_on(self, path: Path, file: BinaryIO, segment: Segment) -> None:
        """Look through what the segment has by now.

        Raises: DamagedFile.
        """
        if self._bytes == 0:
            _, _, length, _ = _HEADER.unpack(_read_at(path, file, 0, _HEADER.size))
            self._bytes = _HEADER.size + length
        while self._bytes < segment.record.bytes:
            length, _, first, _, column, _ = _RECORD.unpack(_read_at(path, file, self._bytes, _RECORD.size))
            if column == self._column:
                if not self._firsts or self._firsts[-1] != first:
                    self._firsts.append(first)
                self._offsets.append(self._bytes)
                self._lengths.append(_RECORD.size + length)
            self._bytes += _RECORD.size + length

    def read(self, path: Path, file: BinaryIO, row: int, number: int) -> tuple[int, int, bytes]:
        """First row, count of rows and payload of a record of the block that has a row.

        Raises: DamagedFile.
        """
        block = bisect_right(self._firsts, row) - 1
        at = block * (len(self._offsets) // len(self._firsts)) + number
        data = _read_at(path, file, self._offsets[at], self._lengths[at])
        payload = data[_RECORD.size :]
        _, crc, first, count, _, _ = _RECORD.unpack(data[: _RECORD.size])
        if zlib.crc32(payload, zlib.crc32(data[8 : _RECORD.size])) != crc or not first <= row < first + count:
            raise DamagedFile(path, f"has an altered record at row {row}")
        return first, count, payload


def _read_at(path: Path, file: BinaryIO, offset: int, count: int) -> bytes:
    data = os.pread(file.fileno(), count, offset)
    if len(data) != count:
        raise DamagedFile(path, "is shorter than what was written")
    return data


def _of_game(path: Path, column: Column, count: int, payload: bytes) -> Tensor:
    """The rows of one game that a record of a wide column holds."""
    data = _decompress(path, payload, count * column.row_bytes // column.shape[0])
    return from_raw(data, column.dtype, (count, *column.shape[1:]))


def _split(path: Path, columns: Sequence[Column], count: int, payload: bytes) -> dict[str, Tensor]:
    """The narrow columns that a record holds together."""
    data = memoryview(_decompress(path, payload, count * sum(column.row_bytes for column in columns)))
    block: dict[str, Tensor] = {}
    for column in columns:
        size = count * column.row_bytes
        block[column.name], data = from_raw(data[:size], column.dtype, (count, *column.shape)), data[size:]
    return block


def _decompress(path: Path, payload: bytes, size: int) -> bytes:
    try:
        if zstandard.get_frame_parameters(payload).content_size != size:
            raise DamagedFile(path, "has a record of the wrong length")
        return zstandard.ZstdDecompressor().decompress(payload, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise DamagedFile(path, "has a record that cannot be decompressed") from error


def columns_of(rows: Rows) -> tuple[Column, ...]:
    """The columns of rows, in order of name.

    Raises: ValueError where they are not rings that hold those rows.
    """
    size = _size(rows)
    if any(not ring.shape or len(ring) != size for ring in rows.columns.values()):
        raise ValueError("the columns of Rows must be rings of one size")
    if unfit := [name for name, ring in rows.columns.items() if not _storable(ring)]:
        raise ValueError(f"column {unfit[0]!r} of Rows has elements that cannot be stored")
    if not 0 <= rows.start <= rows.stop <= rows.start + size:
        raise ValueError(f"rows {rows.start} to {rows.stop} do not fit into rings of {size}")
    columns = tuple(Column(n, rows.columns[n].dtype, tuple(rows.columns[n].shape[1:])) for n in sorted(rows.columns))
    _block_rows(columns)
    return columns


def row_blocks(rows: Rows, start: int | None = None) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """Rows of rings in order, as (first row, columns of up to 64 rows)."""
    step = _block_rows(columns_of(rows))
    for first in range(rows.start if start is None else start, rows.stop, step):
        count = min(step, rows.stop - first)
        yield first, {name: from_ring(ring, first, count) for name, ring in rows.columns.items()}


def segment_files(folder: Path) -> Iterator[tuple[int, Path]]:
    """Every segment in a folder, with its number."""
    for path in folder.glob("seg-*.pfl"):
        if match := _NAME.fullmatch(path.name):
            yield int(match[1]), path


def _path(folder: Path, number: int) -> Path:
    return folder / f"seg-{number:08d}.pfl"


def _size(rows: Rows) -> int:
    if not rows.columns:
        raise ValueError("Rows need at least one column")
    ring = next(iter(rows.columns.values()))
    return len(ring) if ring.shape else 0


def _storable(ring: Ring) -> bool:
    return storable(ring) if isinstance(ring, Tensor) else ring.dtype in CODES


def _games(columns: tuple[Column, ...]) -> int:
    return max((column.shape[0] for column in columns if column.shape), default=1)


def _block_rows(columns: tuple[Column, ...]) -> int:
    """Rows per block: 64, or fewer where that many would not fit into the memory a reader may use."""
    row_bytes = sum(column.row_bytes for column in columns)
    if row_bytes > _MOST_BLOCK_BYTES or _games(columns) > 1 << 20:
        raise ValueError(f"one row of {row_bytes} bytes for {_games(columns)} games is too large for a log")
    return min(CHUNK_ROWS, _MOST_BLOCK_BYTES // max(1, row_bytes))


def _record_order(columns: tuple[Column, ...]) -> Iterator[tuple[int, int]]:
    """The (column, game) of every record of a block."""
    for index, column in enumerate(columns):
        if column.wide:
            yield from ((index, game) for game in range(column.shape[0]))
    if not all(column.wide for column in columns):
        yield _TOGETHER, _TOGETHER


def _records(columns: tuple[Column, ...], first: int, block: Mapping[str, Tensor]) -> Iterator[bytes]:
    zstd = zstandard.ZstdCompressor(level=1)
    count = len(next(iter(block.values())))
    for index, game in _record_order(columns):
        if index == _TOGETHER:
            data = b"".join(raw(block[column.name]) for column in columns if not column.wide)
        else:
            data = raw(block[columns[index].name][:, game])
        payload = zstd.compress(data)
        rest = _RECORD.pack(len(payload), 0, first, count, index, game)[8:]
        crc = zlib.crc32(payload, zlib.crc32(rest))
        yield _RECORD.pack(len(payload), crc, first, count, index, game) + payload
