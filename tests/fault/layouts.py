"""How the bytes that a fuzzer makes become a file: with checksums that are right, so that they are read at all.

The first byte of an input says how: bit 0 `SEALED`, its parts are put together as our own writers do; otherwise the
rest is the file as it lies. Bit 1 `PACKED`: of a sealed one, payloads are compressed. A part is a length of two bytes,
then so many bytes, or as many as there are.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import zstandard

from playfield.storage.archive import Archive
from playfield.storage.checkpoint import sealed as sealed_line
from playfield.storage.files import new_hash
from playfield.storage.log import _HEADER, _MAGIC, _RECORD, _TOGETHER
from playfield.storage.model import CARD, RECIPE, WEIGHTS
from playfield.storage.run import _plain_digest
from storage.test_model import sealed as sealed_members

SEALED, PACKED = 1, 2
_ZSTD = zstandard.ZstdCompressor(level=1)


class Place:
    """A file in memory under a name, which holds other bytes each time."""

    def __init__(self, *names: str) -> None:
        self._descriptor = os.memfd_create("fuzzed")
        self._folder = tempfile.TemporaryDirectory(dir="/dev/shm")
        self.path = Path(self._folder.name, *names)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.symlink_to(f"/proc/{os.getpid()}/fd/{self._descriptor}")

    def holding(self, data: bytes) -> Path:
        """The file's path, now that it holds these bytes."""
        os.pwrite(self._descriptor, data, 0)
        os.ftruncate(self._descriptor, len(data))
        return self.path


def parts_of(data: bytes) -> Iterator[bytes]:
    """The parts of an input behind its first byte."""
    at = 1
    while at + 2 <= len(data):
        (length,) = struct.unpack_from("<H", data, at)
        yield data[at + 2 : at + 2 + length]
        at += 2 + length


def joined(parts: list[bytes], how: int = SEALED) -> bytes:
    """The input that has those parts."""
    return bytes([how]) + b"".join(struct.pack("<H", len(part)) + part for part in parts)


def raw(data: bytes) -> bytes:
    """The input that is a file as it lies."""
    return b"\0" + data


Sealer = Callable[[bytes], bytes]


def laid_out(data: bytes, seal: Sealer) -> bytes:
    """The file that an input stands for."""
    return seal(data) if data and data[0] & SEALED else data[1:]


def _payload(data: bytes, part: bytes) -> bytes:
    return _ZSTD.compress(part) if data[0] & PACKED else part


def records(magic: bytes) -> Sealer:
    """Headers and payloads in turn, as `records.py` lays them out."""

    def seal(data: bytes) -> bytes:
        file, parts = magic, parts_of(data)
        for text in parts:
            payload = _payload(data, next(parts, b""))
            head = struct.pack("<III", len(text), len(payload), zlib.crc32(payload, zlib.crc32(text)))
            file += head + struct.pack("<I", zlib.crc32(head)) + text + payload
        return file

    return seal


def rows(data: bytes) -> bytes:
    """A header, then for each record (first row, count, column, game) in a byte each and its payload, see `log.py`."""
    parts = parts_of(data)
    text = next(parts, b"")
    file = _HEADER.pack(_MAGIC, 1, len(text), zlib.crc32(text)) + text
    for numbers in parts:
        first, count, *at = numbers[:4].ljust(4, b"\0")
        column, game = (_TOGETHER if number == 255 else number for number in at)
        payload = _payload(data, next(parts, b""))
        rest = _RECORD.pack(len(payload), 0, first, count, column, game)[8:]
        crc = zlib.crc32(payload, zlib.crc32(rest))
        file += _RECORD.pack(len(payload), crc, first, count, column, game) + payload
    return file


def line(data: bytes) -> bytes:
    """One line with its checksum, as manifests are."""
    return sealed_line(data[1:].replace(b"\n", b" "))


def about_run(data: bytes) -> bytes:
    """A run.json with its checksum, where it is JSON at all."""
    try:
        plain = json.loads(data[1:])
        return json.dumps({**plain, "blake2b": _plain_digest(plain)}).encode()
    except (ValueError, TypeError, RecursionError):
        return data[1:]


def model(data: bytes) -> Archive:
    """Card, recipe and weights, with their checksums."""
    parts = parts_of(data)
    return archive(sealed_members({name: next(parts, b"") for name in (CARD, RECIPE, WEIGHTS)}))


def saved_by_torch(data: bytes) -> Archive:
    """A pickle and the storages that it names 0, 1, ..., as torch.save has them."""
    parts = parts_of(data)
    members = {"a/data.pkl": next(parts, b"")}
    return archive(members | {f"a/data/{number}": part for number, part in enumerate(parts)})


class _Members(dict[str, bytes]):
    """Stands for the zip archive, which has a parser of its own."""

    def read(self, name: str) -> bytes:
        return self[name]


def archive(members: Mapping[str, bytes]) -> Archive:
    """An opened archive with those members."""
    sizes = {name: len(data) for name, data in members.items()}
    return Archive(Path("a.playfield"), sizes, cast(Any, _Members(members)))


def digest_of(data: bytes) -> str:
    """The checksum that a manifest has of a file."""
    digest = new_hash()
    digest.update(data)
    return digest.hexdigest()
