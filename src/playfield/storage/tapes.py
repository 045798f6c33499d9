"""The tapes of finished episodes, `tapes.log`: every game of a run, kept as (seed, actions) to be played again.

record  two lengths, crc32 of header and payload, crc32 of these three, JSON header, zstd payload
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from playfield.storage.files import AppendFile, DamagedFile, parse_json, reading_from

_MAGIC = b"PFTAPES1"
_RECORD = struct.Struct("<IIII")
_MOST_HEADER_BYTES = 1 << 16
_MOST_ACTIONS = 1 << 26
_ZEROS_OF_A_TORN_WRITE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEpisode:
    """One finished episode, whole."""

    episode: int
    """Number of the episode in the run, 1-based."""
    game: int
    """Which of the games played together, 0-based."""
    seed: int
    score: float
    """Sum of raw rewards."""
    frames: int
    """Emulator frames."""
    truncated: bool
    """True when a time limit ended it."""
    actions: bytes
    """One byte per agent step, oldest first."""


class TapeLog:
    """Appends episodes to `tapes.log`."""

    def __init__(self, file: AppendFile) -> None:
        self._file = file

    def add(self, episode: RecordedEpisode) -> None:
        """Appends one episode.

        Raises: ValueError where it has more actions than a tape may hold, NoSpace.
        """
        if len(episode.actions) > _MOST_ACTIONS:
            raise ValueError(f"an episode of {len(episode.actions)} actions is too long for a tape")
        if not self._file.length:  # not sooner: an empty file tells that nothing was played yet
            self._file.write(_MAGIC)
        header = json.dumps({name: getattr(episode, name) for name in _FIELDS}).encode()
        payload = zstandard.ZstdCompressor(level=1).compress(episode.actions)
        head = struct.pack("<III", len(header), len(payload), zlib.crc32(payload, zlib.crc32(header)))
        self._file.write(head + struct.pack("<I", zlib.crc32(head)) + header + payload)


_FIELDS = {"episode": int, "game": int, "seed": int, "score": float, "frames": int, "truncated": bool}


class Tapes:
    """The episodes of a `tapes.log`, oldest first; the file may still be growing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warning: str | None = None
        """After a reading: a sentence, where the last record was cut by a crash."""

    def __iter__(self) -> Iterator[RecordedEpisode]:
        """Every whole episode.

        Raises: DamagedFile where a record was altered.
        """
        self.warning = None
        with reading_from(self.path), open(self.path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            magic = file.read(len(_MAGIC))
            if magic != _MAGIC[: len(magic)]:
                raise DamagedFile(self.path, "is not a log of tapes that this version reads")
            while (record := self._next(file, size)) is not None:
                yield self._parse(*record)

    def best(self) -> RecordedEpisode | None:
        """The episode with the highest score; of equals, the first.

        Raises: DamagedFile where a record was altered.
        """
        return max(self, key=lambda episode: episode.score, default=None)

    def episode(self, number: int) -> RecordedEpisode:
        """The episode of that number.

        Raises: ValueError where there is none, DamagedFile where a record was altered.
        """
        for episode in self:
            if episode.episode == number:
                return episode
        raise ValueError(f"{self.path} has no episode {number}")

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
            while piece := file.read(1 << 20):
                if any(piece):
                    raise DamagedFile(self.path, f"has an altered record at byte {begin}")
        self.warning = f"{self.path} ends in an unfinished record: its last {size - begin} bytes are ignored"

    def _parse(self, header: bytes, payload: bytes) -> RecordedEpisode:
        about: Any = parse_json(self.path, header)
        if not isinstance(about, dict) or any(type(about.get(name)) is not kind for name, kind in _FIELDS.items()):
            raise DamagedFile(self.path, "has a record that is no episode")
        try:
            size = zstandard.get_frame_parameters(payload).content_size
            if not 0 <= size <= _MOST_ACTIONS:
                raise DamagedFile(self.path, "has a tape of an impossible length")
            actions = zstandard.ZstdDecompressor().decompress(payload, max_output_size=size, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise DamagedFile(self.path, "has a tape that cannot be decompressed") from error
        return RecordedEpisode(**{name: about[name] for name in _FIELDS}, actions=actions)
