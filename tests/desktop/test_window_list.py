"""The list of windows is kept and asked for again only where the display has told of a change; it is always right."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from desktop.needs import has_display
from playfield.games.desktop.own_display import OwnDisplay
from playfield.games.desktop.windows import Window
from playfield.games.desktop.x11 import X11

pytestmark = has_display


@pytest.fixture
def display() -> Iterator[OwnDisplay]:
    with tempfile.TemporaryDirectory() as folder:
        display = OwnDisplay(Path(folder), 320, 240)
        yield display
        display.close()


def fresh(name: str) -> list[Window]:
    """What somebody sees who has never looked before."""
    x11 = X11(name)
    try:
        return x11.windows()
    finally:
        x11.close()


def test_every_change_of_a_window_is_seen(display: OwnDisplay):
    xlib = pytest.importorskip("Xlib.X")
    theirs: Any = pytest.importorskip("Xlib.display").Display(display.name)
    screen = theirs.screen()
    x11 = X11(display.name)

    def window(parent: Any, side: int) -> Any:
        return parent.create_window(0, 0, side, side, 0, screen.root_depth, xlib.InputOutput, override_redirect=1)

    outer = window(screen.root, 90)
    inner = window(outer, 30)
    newer = window(screen.root, 40)
    changes = [
        lambda: None,
        outer.map,
        inner.map,
        lambda: outer.set_wm_name("mine"),
        lambda: inner.set_wm_class("one", "two"),
        lambda: inner.configure(x=7, width=20),
        lambda: outer.configure(y=5),
        lambda: window(newer, 10).map(),
        newer.map,
        lambda: inner.reparent(newer, 3, 4),
        inner.unmap,
        inner.destroy,
        outer.unmap,
        outer.destroy,
    ]
    seen: list[list[Window]] = []
    for change in changes:
        change()
        theirs.sync()
        x11.settle()
        seen.append(x11.windows())
        assert seen[-1] == fresh(display.name)
    assert all(a != b for a, b in pairwise(seen)), "each change changes the list"
    theirs.close()
    x11.close()


def test_windows_that_nobody_changed_are_not_asked_for_again(display: OwnDisplay, monkeypatch: pytest.MonkeyPatch):
    theirs: Any = pytest.importorskip("Xlib.display").Display(display.name)
    window = theirs.screen().root.create_window(0, 0, 9, 9, 0, theirs.screen().root_depth)
    window.map()
    theirs.sync()
    x11 = X11(display.name)
    before = x11.windows()
    asked = list[str]()
    monkeypatch.setattr(X11, "_below", lambda *_: iter(asked.append("asked") or ()))
    x11.settle()
    assert (x11.windows(), asked) == (before, [])
    window.unmap()
    theirs.sync()
    x11.settle()
    assert (x11.windows(), asked) == ([], ["asked"])
    theirs.close()
    x11.close()


def test_a_window_that_closes_while_it_is_looked_at_is_no_error(display: OwnDisplay, monkeypatch: pytest.MonkeyPatch):
    """Between what is asked of itself and of the windows within it."""
    xlib = pytest.importorskip("Xlib.X")
    theirs: Any = pytest.importorskip("Xlib.display").Display(display.name)
    screen = theirs.screen()
    short = screen.root.create_window(0, 0, 50, 50, 0, screen.root_depth, xlib.InputOutput)
    short.map()
    theirs.sync()
    x11 = X11(display.name)
    asked = x11._pid

    def closes(window: Any) -> int | None:
        said = asked(window)
        short.destroy()
        theirs.sync()
        return said

    monkeypatch.setattr(x11, "_pid", closes)
    assert [window.number for window in x11.windows()] == [short.id]
    assert x11.windows() == []  # the display has told of it
    theirs.close()
    x11.close()
