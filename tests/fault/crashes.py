"""What a disk may hold after a crash: the calls of a piece of work are recorded, and every state they allow is made.

A file that was written and not synced may be there whole, in part or not at all; the same goes for names in a directory
that was not synced. Data and names do not wait for each other: POSIX promises no more, and file systems differ.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Call = tuple[Any, ...]
Variant = Callable[["_File | _Folder"], bytes | dict[str, int]]


@dataclass
class _File:
    now: bytes = b""
    synced: bytes = b""
    history: list[bytes] = field(default_factory=list)
    """Contents since the last sync, oldest first."""

    def become(self, content: bytes) -> None:
        self.history.append(self.now)
        self.now = content


@dataclass
class _Folder:
    now: dict[str, int] = field(default_factory=dict)
    synced: dict[str, int] = field(default_factory=dict)
    history: list[dict[str, int]] = field(default_factory=list)

    def become(self, names: dict[str, int]) -> None:
        self.history.append(self.now)
        self.now = names


class Disk:
    """A directory as a file system may hold it: what it shows, and what would survive."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._nodes: list[_File | _Folder] = []
        self._open: dict[int, int] = {}
        self._top = self._take(root)

    def _take(self, path: Path) -> int:
        number = len(self._nodes)
        if path.is_dir():
            folder = _Folder()
            self._nodes.append(folder)
            folder.now = folder.synced = {entry.name: self._take(entry) for entry in sorted(path.iterdir())}
        else:
            data = path.read_bytes()
            self._nodes.append(_File(now=data, synced=data))
        return number

    def _find(self, path: Path) -> tuple[_Folder, str]:
        node = self._nodes[self._top]
        *parents, name = path.relative_to(self.root).parts
        for part in parents:
            node = self._nodes[node.now[part]]  # type: ignore[index]
        assert isinstance(node, _Folder)
        return node, name

    def _number(self, path: Path) -> int:
        if path == self.root:
            return self._top
        folder, name = self._find(path)
        number = folder.now[name]
        assert isinstance(number, int)
        return number

    def apply(self, call: Call) -> None:
        """What one recorded call does."""
        match call:
            case ("open", int(descriptor), Path() as path, bool(created)):
                if created:
                    self._add(path, _File())
                self._open[descriptor] = self._number(path)
            case ("write", int(descriptor), bytes(data)):
                file = self._nodes[self._open[descriptor]]
                file.become(file.now + data)
            case ("ftruncate", int(descriptor), int(length)):
                file = self._nodes[self._open[descriptor]]
                file.become(file.now[:length])
            case ("fsync", int(descriptor)):
                node = self._nodes[self._open[descriptor]]
                node.synced = node.now
                node.history = []
            case ("mkdir", Path() as path):
                self._add(path, _Folder())
            case ("unlink" | "rmdir", Path() as path):
                folder, name = self._find(path)
                folder.become({key: value for key, value in folder.now.items() if key != name})
            case ("rename", Path() as source, Path() as target):
                number = self._number(source)
                self.apply(("unlink", source))
                folder, name = self._find(target)
                folder.become({**folder.now, name: number})
            case _:
                raise AssertionError(f"{call} is not known to the disk")

    def _add(self, path: Path, node: _File | _Folder) -> None:
        folder, name = self._find(path)
        self._nodes.append(node)
        folder.become({**folder.now, name: len(self._nodes) - 1})

    def states(self, draws: int = 0, rng: np.random.Generator | None = None) -> Iterator[tuple[str, Variant]]:
        """Ways in which what was not synced may have arrived; `draws` of them by chance."""
        yield "all arrived", lambda node: node.now
        yield "only what was synced", lambda node: node.synced
        yield "names, not data", lambda node: node.synced if isinstance(node, _File) else node.now
        yield "data, not names", lambda node: node.now if isinstance(node, _File) else node.synced
        for draw in range(draws):
            assert rng is not None
            chosen = {id(node): _some(node, rng) for node in self._nodes}
            yield f"by chance {draw}", lambda node, chosen=chosen: chosen[id(node)]

    def torn(self, call: Call) -> Iterator[tuple[str, Variant]]:
        """The disk after a part of a write only, all before it having arrived."""
        if call[0] != "write":
            return
        _, descriptor, data = call
        file = self._nodes[self._open[descriptor]]
        for length in sorted({1, len(data) // 2, len(data) - 1} - {0, len(data)}):
            content = file.now + data[:length]
            yield f"{length} of {len(data)} bytes", lambda node, c=content: c if node is file else node.now

    def make(self, variant: Variant, target: Path) -> None:
        """Write that state into a new directory."""
        self._make(self._top, variant, target)

    def _make(self, number: int, variant: Variant, target: Path) -> None:
        node = self._nodes[number]
        content = variant(node)
        if isinstance(content, bytes):
            target.write_bytes(content)
            return
        target.mkdir()
        for name, child in content.items():
            self._make(child, variant, target / name)


def _some(node: _File | _Folder, rng: np.random.Generator) -> bytes | dict[str, int]:
    past = [node.synced, *node.history, node.now]
    content = past[int(rng.integers(len(past)))]
    if isinstance(content, bytes) and content.startswith(node.synced) and isinstance(node, _File):
        return content[: int(rng.integers(len(node.synced), len(content) + 1))]
    return content


@contextmanager
def recording(root: Path) -> Iterator[list[Call]]:
    """Record every call that changes what lies below `root`."""
    calls: list[Call] = []
    paths: dict[int, Path] = {}
    real = {name: getattr(os, name) for name in _CALLS}

    def place(path: Any, dir_fd: int | None = None) -> Path | None:
        full = Path(os.fspath(path)) if dir_fd is None else paths.get(dir_fd, Path("/nowhere")) / path
        return full if full.is_relative_to(root) else None

    def open_(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        where = place(path, dir_fd)
        there = where is None or where.exists()
        descriptor: int = real["open"](path, flags, mode, dir_fd=dir_fd)
        paths.pop(descriptor, None)
        if where is not None:
            paths[descriptor] = where
            calls.append(("open", descriptor, where, not there))
        return descriptor

    def on_descriptor(name: str) -> Callable[..., Any]:
        def call(descriptor: int, *rest: Any) -> Any:
            answer = real[name](descriptor, *rest)
            if descriptor in paths:
                data = (bytes(rest[0])[:answer],) if name == "write" else rest
                calls.append((name, descriptor, *data))
            return answer

        return call

    def on_path(name: str) -> Callable[..., None]:
        def call(path: Any, *rest: Any, dir_fd: int | None = None) -> None:
            real[name](path, *rest, dir_fd=dir_fd)
            if (where := place(path, dir_fd)) is not None:
                calls.append((name, where))

        return call

    def rename(source: Any, target: Any) -> None:
        real["rename"](source, target)
        calls.append(("rename", Path(source), Path(target)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", open_)
        patch.setattr(os, "rename", rename)
        for name in ("write", "ftruncate", "fsync"):
            patch.setattr(os, name, on_descriptor(name))
        for name in ("mkdir", "unlink", "rmdir"):
            patch.setattr(os, name, on_path(name))
        yield calls


_CALLS = ("open", "write", "ftruncate", "fsync", "rename", "mkdir", "unlink", "rmdir")


def changes(calls: list[Call]) -> Mapping[str, int]:
    """How many calls of each kind were recorded."""
    return {name: sum(call[0] == name for call in calls) for name in _CALLS}
