"""A file of records that only grows at its end: what a crash leaves is whole but for the last one, which is told.

record  two lengths, crc32 of header and payload, crc32 of these three, JSON header, zstd payload
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import zstandard

from playfield.storage.files import AppendFile, DamagedFile, open_regular, parse_json

_RECORD = struct.Struct("<IIII")
_MOST_HEADER_BYTES = 1 << 16
_ZEROS_OF_A_TORN_WRITE = 8
_MOST_TORN_BYTES = 1 << 28
"""That a crash may leave as zeros: more than is ever written at once."""


class RecordLog:
    """Appends records; `magic` begins the file and says of which kind they are."""

    def __init__(self, file: AppendFile, magic: bytes) -> None:
        self._file, self._magic = file, magic

    def add(self, header: Mapping[str, object], data: bytes) -> None:
        """Appends one record.

        Raises: NoSpace.
        """
        if not self._file.length:  # not sooner: an empty file tells that there is nothing yet
            self._file.write(self._magic)
        text = json.dumps(header).encode()
        payload = zstandard.ZstdCompressor(level=1).compress(data)
        head = struct.pack("<III", len(text), len(payload), zlib.crc32(payload, zlib.crc32(text)))
        self._file.write(head + struct.pack("<I", zlib.crc32(head)) + text + payload)


class Records:
    """The records of a file, oldest first; it may still be growing, and may be a stranger's."""

    def __init__(self, path: Path, magic: bytes, what: str) -> None:
        """`what` is said of a file of another kind: that it is no such thing."""
        self.path = path
        self._magic, self._what = magic, what
        self.warning: str | None = None
        """After a reading: a sentence, where the last record was cut by a crash."""

    def __iter__(self) -> Iterator[tuple[Mapping[str, Any], bytes]]:
        """The header of every whole record, and its payload as it lies there: see `unpacked`.

        Raises: DamagedFile where a record was altered.
        """
        self.warning = None
        with open_regular(self.path) as file:
            size = os.fstat(file.fileno()).st_size
            magic = file.read(len(self._magic))
            if magic != self._magic[: len(magic)]:
                raise DamagedFile(self.path, f"is not {self._what} that this version reads")
            while (record := self._next(file, size)) is not None:
                header, payload = record
                yield self._parse(header), payload

    def unpacked(self, payload: bytes, most_bytes: int) -> bytes:
        """What a payload holds, if that is no more than `most_bytes`.

        Raises: DamagedFile.
        """
        try:
            size = zstandard.get_frame_parameters(payload).content_size
            if not 0 <= size <= most_bytes:
                raise DamagedFile(self.path, "has a record of an impossible length")
            return zstandard.ZstdDecompressor().decompress(payload, max_output_size=size, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise DamagedFile(self.path, "has a record that cannot be decompressed") from error

    def _parse(self, header: bytes) -> Mapping[str, Any]:
        about = parse_json(self.path, header)
        if not isinstance(about, dict):
            raise DamagedFile(self.path, "has a record that does not say what it is")
        return cast("dict[str, Any]", about)

    def _next(self, file: BinaryIO, size: int) -> tuple[bytes, bytes] | None:
        begin = file.tell()
        if begin == size:
            return None
        head = file.read(_RECORD.size)
        if len(head) < _RECORD.size or not any(head):
            return self._torn(file, begin, size)
        header_bytes, payload_bytes, crc, head_crc = _RECORD.unpack(head)
        if zlib.crc32(head[:12]) != head_crc or header_bytes > _MOST_HEADER_BYTES:
            raise DamagedFile(self.path, f"has an altered record at byte {begin}")
        if file.tell() + header_bytes + payload_bytes > size:
            return self._torn(file, begin, size)
        header, payload = file.read(header_bytes), file.read(payload_bytes)
        if zlib.crc32(payload, zlib.crc32(header)) != crc:
            # A power cut may leave the length of a write without its data: zeros, and nothing after them.
            if file.tell() == size and payload.endswith(bytes(_ZEROS_OF_A_TORN_WRITE)):
                return self._torn(file, begin, size)
            raise DamagedFile(self.path, f"has an altered record at byte {begin}")
        return header, payload

    def _torn(self, file: BinaryIO, begin: int, size: int) -> None:
        file.seek(begin)
        head = file.read(_RECORD.size)
        if not any(head):
            if size - begin > _MOST_TORN_BYTES:
                raise DamagedFile(self.path, f"has {size - begin} bytes behind its last record")
            while piece := file.read(1 << 20):
                if any(piece):
                    raise DamagedFile(self.path, f"has an altered record at byte {begin}")
        self.warning = f"{self.path} ends in an unfinished record: its last {size - begin} bytes are ignored"
