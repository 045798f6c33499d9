"""Which processes this one has started, and whether any is left."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MARK = "PLAYFIELD_TEST"
"""Variable that every process inherits from the one that started it."""
SECONDS = 20.0
"""Real time within which a process that was killed is gone."""


def children() -> set[int]:
    """Processes whose parent we are; those that have ended and wait to be asked are among them."""
    found: set[int] = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended while we looked
        if parent == os.getpid():
            found.add(int(stat.parent.name))
    return found


def marked(mark: str) -> set[int]:
    """Processes that carry a mark, whoever is their parent by now."""
    found: set[int] = set()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            said = environment.read_bytes().split(b"\0")
        except OSError:
            continue  # it ended while we looked, or is somebody else's
        if f"{MARK}={mark}".encode() in said:
            found.add(int(environment.parent.name))
    return found


@contextmanager
def none_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever is started within has ended at its end: what we started, and what that has started."""
    mark, before = f"{os.getpid()}-{time.monotonic_ns()}", children()
    monkeypatch.setenv(MARK, mark)
    yield
    assert children() <= before
    until = time.monotonic() + SECONDS
    while left := marked(mark):
        assert time.monotonic() < until, f"{left} are left running"
        time.sleep(0.02)
