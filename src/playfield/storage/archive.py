"""Zip archives from strangers, read in memory: nothing is extracted to disk, decompressed or believed unchecked."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playfield.storage.files import DamagedFile

MOST_DIRECTORY_BYTES = 4 << 20
_END_BYTES, _LOCATOR_BYTES, _END64_BYTES, _HEADER_BYTES = 22, 20, 56, 30
_ENCRYPTED = 1
_BROKEN = (zipfile.BadZipFile, EOFError, NotImplementedError, OverflowError, RuntimeError, ValueError, struct.error)
"""What zipfile raises for archives that are none, or that use features it does not have."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip archive whose members are stored as they are, each under one harmless name."""

    path: Path
    sizes: Mapping[str, int]
    """Bytes of each member."""
    _zip: zipfile.ZipFile

    def read(self, name: str) -> bytes:
        """The bytes of a member.

        Raises: DamagedFile naming the member where it is missing or not what was written.
        """
        if name not in self.sizes:
            raise DamagedFile(self.path, f"has no member {name!r}")
        try:
            return self._zip.read(name)
        except _BROKEN as error:
            raise DamagedFile(self.path, f"is damaged: its member {name!r} was altered or cut") from error


def open_archive(path: Path, data: bytes) -> Archive:
    """The archive of those bytes; `path` is what sentences call it.

    Raises: DamagedFile where it is cut or altered, or holds what a plain archive of data does not.
    """
    _check_directory(path, data)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _BROKEN as error:
        raise DamagedFile(path, "is no zip archive that can be read: its directory was altered or cut") from error
    sizes: dict[str, int] = {}
    for member in archive.infolist():
        if reason := _complaint(member):
            raise DamagedFile(path, f"has a member {member.filename!r} that {reason}")
        if member.filename in sizes:
            raise DamagedFile(path, f"has two members named {member.filename!r}")
        sizes[member.filename] = member.file_size
    # Members that share bytes would add up to more than the file.
    if sum(sizes.values()) > len(data):
        raise DamagedFile(path, "has members that are larger than the file itself")
    return Archive(path, sizes, archive)


def pack_archive(members: Mapping[str, bytes]) -> bytes:
    """An archive of those members, stored as they are; the same bytes at any time and on any machine."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            about = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            about.create_system, about.external_attr = 3, 0o644 << 16
            archive.writestr(about, data)
    return buffer.getvalue()


def _check_directory(path: Path, data: bytes) -> None:
    """Refuses a directory that is missing or so long that reading it would fill the memory."""
    end = len(data) - _END_BYTES
    if end < 0 or data[end : end + 4] != b"PK\5\6" or data[-2:] != b"\0\0":
        raise DamagedFile(path, f"is cut or altered: {_where_it_ends(data)}")
    size, begin = struct.unpack_from("<II", data, end + 12)
    locator = end - _LOCATOR_BYTES
    end64 = locator - _END64_BYTES
    if end64 >= 0 and data[locator : locator + 4] == b"PK\6\7" and data[end64 : end64 + 4] == b"PK\6\6":
        end = end64
        size, begin = struct.unpack_from("<QQ", data, end64 + 40)
    if size > MOST_DIRECTORY_BYTES:
        raise DamagedFile(path, f"has a directory of {size} bytes, more than the {MOST_DIRECTORY_BYTES} it may have")
    if begin + size != end:
        raise DamagedFile(path, "is cut or altered: it has bytes that belong to no member")


def _where_it_ends(data: bytes) -> str:
    """In which member the bytes of a cut archive end, as far as its headers tell."""
    at = 0
    while data[at : at + 4] == b"PK\3\4" and len(data) >= at + _HEADER_BYTES:
        (size,) = struct.unpack_from("<I", data, at + 18)
        name_bytes, extra_bytes = struct.unpack_from("<HH", data, at + 26)
        name = data[at + _HEADER_BYTES :][:name_bytes].decode(errors="replace")
        at += _HEADER_BYTES + name_bytes + extra_bytes + size
        if at > len(data):
            return f"it ends inside its member {name!r}"
    return "its directory is not at its end"


def _complaint(member: zipfile.ZipInfo) -> str | None:
    """Why a member is not taken, if it is not."""
    name = member.orig_filename
    harmless = name == member.filename and name.isprintable() and not {"\\", ":"} & set(name)
    if not harmless or any(part in ("", ".", "..") for part in name.split("/")):
        return "has a name which could lead out of the archive"
    if member.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
        return "is compressed; only stored members are read, as torch.save and `playfield export` write them"
    return None
