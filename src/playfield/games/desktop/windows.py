"""Windows as they stand on a display, and which of them is a game's."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from playfield.settings import setting


class NoWindow(Exception):
    """No window, or more than one, is what a game file describes; the message says what there is."""


def check_pattern(name: str, pattern: str | None) -> None:
    """Raises: ValueError where it is no regular expression."""
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise ValueError(f"{name} is no regular expression: {error}, in {pattern!r}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowMatch:
    """Which window is the game's; every pattern that is given must be found in it."""

    title: str | None = setting(None, "regular expression, searched for in the title")
    group: str | None = setting(None, "regular expression, searched for in the class")
    pid: int | None = setting(None, "number of the process that shows it, or of that process's group")

    def __post_init__(self) -> None:
        for name, pattern in (("title", self.title), ("group", self.group)):
            check_pattern(name, pattern)

    def __str__(self) -> str:
        named = (("title", self.title), ("class", self.group), ("pid", self.pid))
        return " and ".join(f"{name} {value!r}" for name, value in named if value) or "any window"

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return self.title is None and self.group is None and self.pid is None

    def fits(self, window: Window) -> bool:
        """Whether a window is what this describes; where it says nothing, any that can be seen is."""
        if self.is_empty:
            return window.width > 1 and window.height > 1
        pairs = ((self.title, window.title), (self.group, window.group))
        said = all(pattern is None or re.search(pattern, text) is not None for pattern, text in pairs)
        return said and (self.pid is None or self.pid in (window.pid, _process_group(window.pid)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window as it stands on its display, in pixels from the display's corner."""

    number: int
    title: str
    group: str
    left: int
    top: int
    width: int
    height: int
    mapped: bool
    """Whether it is shown."""
    pid: int | None = None
    """Of the process that shows it, where the window says so."""


def the_window(match: WindowMatch, windows: Sequence[Window]) -> Window | None:
    """The one shown window that matches, of windows that are listed with parents before what they contain.

    None while there is none.

    Raises: NoWindow where more than one does.
    """
    return the_only(match, outermost([window for window in windows if window.mapped and match.fits(window)]))


def the_only(match: WindowMatch, found: Sequence[Window]) -> Window | None:
    """The window that was found; None where none was.

    Raises: NoWindow where more than one was.
    """
    if len(found) > 1:
        told = ", ".join(f"{w.title or w.group or w.number!r} ({w.width} x {w.height})" for w in found)
        raise NoWindow(f"{match} is what {len(found)} windows are: {told}; say more under [window]")
    return found[0] if found else None


def outermost(windows: Sequence[Window]) -> list[Window]:
    """Those that lie within no other, of windows that are listed with parents before what they contain.

    A toolkit's frame and its contents can carry the same name, and can be of the same size: the outer is the window.
    """
    found: list[Window] = []
    for window in windows:
        if not any(_holds(outer, window) for outer in found):
            found = [*(outer for outer in found if not _holds(window, outer)), window]
    return found


def _process_group(pid: int | None) -> int | None:
    """Programs that are started by a script show windows of another process than the one that was started."""
    if pid is None or not hasattr(os, "getpgid"):  # Windows has no groups
        return None
    try:
        return os.getpgid(pid)
    except OSError:
        return None  # it is gone


def _holds(outer: Window, inner: Window) -> bool:
    # Windows of two programs may lie over each other wherever a person has put them.
    strangers = outer.pid is not None and inner.pid is not None and outer.pid != inner.pid
    return (
        not strangers
        and outer.left <= inner.left
        and outer.top <= inner.top
        and outer.left + outer.width >= inner.left + inner.width
        and outer.top + outer.height >= inner.top + inner.height
    )
