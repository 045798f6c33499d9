"""A small package that brings readers, installed as any other: a module, and what describes it on the search path."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from playfield.games.desktop.installed_readers import function_of

MODULE = "lamp_readers_for_games"
SOURCE = """
from pathlib import Path
from playfield.games.desktop.readers import Unreadable

Path(CANARY).write_text("imported")

def blue(picture, state):
    return int((picture == (88, 168, 255)).all(2).sum()) / 1152

def caught(picture, state):
    rows = (picture == (240, 240, 240)).all(2)
    if not rows.any():
        raise Unreadable("nothing is written there")
    return float(rows.sum())

def vandal(picture, state):
    picture[:] = 0
    return 0.0

def silent(picture, state):
    return float("nan")

nothing = 3
"""
ENTRIES = """
[playfield.readers]
lamps-blue = {module}:blue
lamps-caught = {module}:caught
lamps-vandal = {module}:vandal
lamps-silent = {module}:silent
lamps-nothing = {module}:nothing
lamps-lost = {module}:lost
"""


@contextmanager
def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, package: str = "lamps-for-games") -> Iterator[Path]:
    """The package, for a while; what is yielded is there once its module has been imported."""
    canary = folder / "canary"
    site = folder / package
    described = site / f"{package.replace('-', '_')}-1.2.dist-info"
    described.mkdir(parents=True)
    (site / f"{MODULE}.py").write_text(SOURCE.replace("CANARY", repr(str(canary))))
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    (described / "entry_points.txt").write_text(ENTRIES.format(module=MODULE))
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    function_of.cache_clear()
    try:
        yield canary
    finally:
        function_of.cache_clear()
        sys.modules.pop(MODULE, None)
