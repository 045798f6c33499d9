"""Durable files: written whole or not at all, read only when every byte is what was written."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

Bytes = bytes | bytearray | memoryview
_PIECE = 1 << 20
_SPARE_BYTES = 1 << 20


class DamagedFile(Exception):
    """A file is not what was written: missing, truncated, altered, or of a kind this version does not read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} {reason}")
        self.path = path
        self.reason = reason


@contextlib.contextmanager
def advising(advice: str) -> Generator[None]:
    """Where a file is found damaged while the block runs, say besides what to do: a part of a sentence."""
    try:
        yield
    except DamagedFile as error:
        raise DamagedFile(error.path, f"{error.reason}; {advice}") from error


class NoSpace(Exception):
    """The disk is full; what was committed before is intact."""

    def __init__(self, path: Path, besides: str = "nothing was saved; the last committed checkpoint is intact") -> None:
        """`besides` says what that means."""
        super().__init__(f"no space left on the disk of {path}: {besides}")
        self.path = path


class WriteFailed(Exception):
    """The system could not promise that data reached the disk, so nothing more may be written by this process."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"{path} could not be written safely ({error.strerror}): stopping here; resume from the last checkpoint"
        )
        self.path = path


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What a file must be: its length and the BLAKE2b-16 of its bytes."""

    bytes: int
    blake2b: str

    def plain(self) -> list[object]:
        """The record as JSON."""
        return [self.bytes, self.blake2b]

    @staticmethod
    def parse(plain: Any) -> FileRecord:
        """The record that `plain()` described.

        Raises: ValueError where it is none.
        """
        size, digest = plain
        if type(size) is not int or size < 0 or type(digest) is not str:
            raise ValueError(f"{plain!r} is no record of a file")
        return FileRecord(size, digest)


def new_hash() -> hashlib.blake2b:
    """A fresh BLAKE2b-16, the one hash of this package."""
    return hashlib.blake2b(digest_size=16)


@contextlib.contextmanager
def writing_to(path: Path) -> Generator[None]:
    """Turns a full disk into `NoSpace`; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise NoSpace(path) from error
        raise


_NOT_DAMAGE = {errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC}
"""Reasons why a file that is as it should be cannot be read just now."""


@contextlib.contextmanager
def reading_from(path: Path) -> Generator[None]:
    """Turns a missing or unreadable file into `DamagedFile`; what has nothing to do with the file passes."""
    try:
        yield
    except FileNotFoundError as error:
        raise DamagedFile(path, "is missing") from error
    except OSError as error:
        if error.errno in _NOT_DAMAGE:
            raise
        raise DamagedFile(path, f"cannot be read ({error.strerror})") from error


@contextlib.contextmanager
def open_regular(path: Path) -> Generator[BinaryIO]:
    """A file to read from; a pipe or a device of a stranger's folder would keep a reader waiting for ever.

    Raises: DamagedFile.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
    with reading_from(path):
        try:
            descriptor = os.open(path, flags)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            descriptor = os.open(path, flags)  # a disk that failed once may not fail twice: damage is final
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise DamagedFile(path, "is no file but a device, a pipe or a folder")
        with open(descriptor, "rb") as file:
            yield file


def write_all(descriptor: int, data: Bytes) -> None:
    """Writes every byte, however the system divides the work."""
    rest = memoryview(data).cast("B")
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync(descriptor: int, path: Path) -> None:
    """Waits until the file is on the disk. A failure is final: the kernel may already have dropped the data.

    Raises: WriteFailed.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise WriteFailed(path, error) from error


def sync_directory(folder: Path) -> None:
    """Waits until the names in a directory are on the disk.

    Raises: WriteFailed.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        sync(descriptor, folder)
    finally:
        os.close(descriptor)


def write_new(path: Path, pieces: Iterable[Bytes]) -> FileRecord:
    """Writes and syncs a file that must not exist yet; its directory is the caller's to sync.

    Raises: NoSpace, WriteFailed.
    """
    digest, size = new_hash(), 0
    with writing_to(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            for piece in pieces:
                write_all(descriptor, piece)
                digest.update(piece)
                size += memoryview(piece).nbytes
            sync(descriptor, path)
        finally:
            os.close(descriptor)
    return FileRecord(size, digest.hexdigest())


def replace_file(path: Path, data: Bytes) -> None:
    """Gives a file new contents at one instant: a reader or a crash sees the old ones or the new ones, never a part.

    Raises: NoSpace, WriteFailed.
    """
    temporary = temporary_name(path)
    try:
        write_new(temporary, [data])
        os.rename(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def temporary_name(path: Path) -> Path:
    """A name beside `path` that readers ignore and the next writer removes."""
    return path.with_name(f"{path.name}.tmp-{os.urandom(4).hex()}")


def remove_temporaries(folder: Path) -> None:
    """Removes what a crash left half-written or half-removed."""
    for path in folder.glob("*.tmp-*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def read_capped(path: Path, most_bytes: int) -> bytes:
    """The whole file, if it is no longer than `most_bytes`.

    Raises: DamagedFile.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise DamagedFile(path, f"has {size} bytes, more than the {most_bytes} such a file may have")
        return file.read(size + 1)


def read_verified(path: Path, record: FileRecord, most_bytes: int) -> bytes:
    """The bytes of a file, which are exactly those recorded.

    Raises: DamagedFile.
    """
    with reading_from(path):
        size = path.stat().st_size
    if size != record.bytes:
        raise DamagedFile(path, f"has {size} bytes where {record.bytes} were written")
    data = read_capped(path, most_bytes)
    digest = new_hash()
    digest.update(data)
    if len(data) != record.bytes or digest.hexdigest() != record.blake2b:
        raise DamagedFile(path, "was altered: its checksum is not the one recorded")
    return data


def verify_prefix(path: Path, record: FileRecord) -> None:
    """Checks that the first bytes of a growing file are those recorded.

    Raises: DamagedFile.
    """
    digest, left = new_hash(), record.bytes
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size < record.bytes:
            raise DamagedFile(path, f"has {size} bytes where at least {record.bytes} were written")
        while left and (piece := file.read(min(left, _PIECE))):
            digest.update(piece)
            left -= len(piece)
    if left or digest.hexdigest() != record.blake2b:
        raise DamagedFile(path, "was altered: its checksum is not the one recorded")


def parse_json(path: Path, data: bytes) -> Any:
    """The JSON value of a file's bytes.

    Raises: DamagedFile.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(path, "is not readable JSON") from error


def set_aside(path: Path, size: int) -> None:
    """Makes a file of so many bytes that hold nothing but their place on the disk.

    Raises: NoSpace, and then there is no such file.
    """
    try:
        with writing_to(path), path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.write(bytes(size))
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def require_space(folder: Path, needed_bytes: int) -> None:
    """Refuses to begin what cannot be finished.

    Raises: NoSpace.
    """
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < needed_bytes + _SPARE_BYTES:
        raise NoSpace(folder)


class AppendFile:
    """A file that only grows at its end, with the length and checksum of all that was given to it."""

    _BUFFER_BYTES = 1 << 16
    _MOST_WAITING_BYTES = 1 << 26

    def __init__(self, path: Path, *, leaves_out: bool = False) -> None:
        """`leaves_out`: on a full disk, whether what memory has no room for either is left out, instead of raising."""
        self.path = path
        self._hash, self._length = new_hash(), 0
        self._waiting = bytearray()
        self._leaves_out, self._left_out = leaves_out, 0
        new = not path.exists()
        with writing_to(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        while piece := os.read(self._descriptor, _PIECE):
            self._hash.update(piece)
            self._length += len(piece)
        if new:
            sync_directory(path.parent)

    @property
    def length(self) -> int:
        """Bytes of the file once it is flushed."""
        return self._length

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._descriptor < 0

    def write(self, data: bytes) -> None:
        """Appends; others see it after `flush`. Where the disk is full the data waits in memory for a later flush.

        Raises: NoSpace where more waits than memory should be given to; then the data was not taken.
        """
        if len(self._waiting) + len(data) > self._MOST_WAITING_BYTES:
            try:
                self.flush()
            except NoSpace:
                if not self._leaves_out:
                    raise
                self._left_out += 1
                return
        self._waiting += data
        self._hash.update(data)
        self._length += len(data)
        if len(self._waiting) >= self._BUFFER_BYTES:
            with contextlib.suppress(NoSpace):
                self.flush()

    def take_left_out(self) -> int:
        """How many writes were left out since this was last asked."""
        count, self._left_out = self._left_out, 0
        return count

    def flush(self) -> None:
        """Hands everything to the system: a crash of this process no longer loses it.

        Raises: NoSpace; what was not written stays waiting, so a later flush goes on where this one stopped.
        """
        with writing_to(self.path):
            while self._waiting:
                del self._waiting[: os.write(self._descriptor, self._waiting)]

    def sync(self) -> FileRecord:
        """Waits until everything is on the disk, and says what is there.

        Raises: NoSpace, WriteFailed.
        """
        self.flush()
        sync(self._descriptor, self.path)
        return FileRecord(self._length, self._hash.hexdigest())

    def close(self) -> None:
        """Flushes and lets go of the file."""
        if not self.closed:
            try:
                self.flush()
            finally:
                os.close(self._descriptor)
                self._descriptor = -1


def require_new(path: Path, *endings: str) -> None:
    """Refuses what cannot be the name of a new file of a kind: nothing that somebody has is replaced.

    Raises: FileExistsError, FileNotFoundError, ValueError.
    """
    if path.suffix not in endings:
        raise ValueError(f"{path} cannot be written: its name must end in {' or '.join(endings)}")
    if path.exists() or path.is_symlink():
        raise FileExistsError(f"{path} exists and is not overwritten: choose another name, or move it away")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} for {path.name}: make it first, or choose another")
