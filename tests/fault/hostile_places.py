"""What lies where a file is expected: devices, pipes, links, folders, and files that are larger than any disk."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from fault.made import Made

TERABYTE = 1 << 40


def places() -> Iterator[Made]:
    """Each of them for every kind of file."""
    begins = {"foreign": b"PK\3\4", "model": b"PK\3\4", "recipe": b"{", "game": b"#", "tapes": b"PFTAPES1"}
    suffixes = {"foreign": ".pth", "model": ".playfield", "recipe": ".json", "game": ".toml", "tapes": ".log"}
    for kind, begin in begins.items():
        for name, write in _things(begin).items():
            yield Made(kind, name, write, suffixes[kind])
    for file in ("about.json", "tapes.log"):
        for name, write in _things(b"").items():
            yield Made("recording", f"{file} is {name}", lambda path, f=file, w=write: _in_folder(path, f, w))


def _in_folder(path: Path, file: str, write: Callable[[Path], object]) -> None:
    path.mkdir()
    write(path / file)


def _things(begin: bytes) -> dict[str, Callable[[Path], object]]:
    return {
        "a link to zeros without end": lambda path: path.symlink_to("/dev/zero"),
        "a link to a full device": lambda path: path.symlink_to("/dev/full"),
        "a link to a terminal": lambda path: path.symlink_to("/dev/tty"),
        "a link to itself": lambda path: path.symlink_to(path),
        "a link to nothing": lambda path: path.symlink_to("/nowhere/at/all"),
        "a link to a folder": lambda path: path.symlink_to("/proc/self"),
        "a pipe": os.mkfifo,
        "a folder": Path.mkdir,
        "a socket": _socket,
        "a terabyte of holes": lambda path: _holes(path, begin),
    }


def _socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # the path of a socket may have 100 letters
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path.name)
    os.chdir(before)


def _holes(path: Path, begin: bytes) -> None:
    path.write_bytes(begin)
    os.truncate(path, TERABYTE)
