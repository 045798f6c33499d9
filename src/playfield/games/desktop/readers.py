"""Readers: from the picture of a window, and from what else is known of it, to numbers. Each is a value and pure.

A wrong reader looks like a bad agent, so colours are exact, what cannot be read is said, and `games check` shows what
each reader makes of a game.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8

from playfield.games.desktop.installed_readers import function_of
from playfield.games.desktop.windows import check_pattern
from playfield.settings import explained, setting
from playfield.types import Array

Picture = UInt8[Array, "H W 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A part of the window, in pixels from its corner."""

    left: int = field(metadata=explained("how far it lies from the window's left edge"))
    top: int = field(metadata=explained("how far it lies from the window's upper edge"))
    width: int = field(metadata=explained("1 or more"))
    height: int = field(metadata=explained("1 or more"))

    def __post_init__(self) -> None:
        if min(self.left, self.top) < 0 or min(self.width, self.height) < 1:
            raise ValueError("a region needs left and top of 0 or more, width and height of 1 or more")

    def of(self, picture: UInt8[Array, "H W 3"]) -> UInt8[Array, "h w 3"]:
        """The part of a picture."""
        return picture[self.top : self.top + self.height, self.left : self.left + self.width]


class WindowState(NamedTuple):
    """What is known of a game besides its picture."""

    sizes: tuple[tuple[int, int], ...]
    """Widths and heights of all windows that are shown."""
    titles: tuple[str, ...]
    """Their titles."""
    running: bool
    """Whether the game's process is there."""
    still_steps: int
    """Steps for which the picture has not changed."""


class Unreadable(ValueError):
    """A reader cannot make sense of what it sees; the message says what it saw."""


Colour = tuple[int, int, int]

READ = explained("which is read")
COLOUR = explained("red, green and blue of the pixels that count, each 0 to 255")


def masked(picture: Picture, colour: Colour, tolerance: int = 0) -> Bool[Array, "h w"]:
    """Where a picture has a colour."""
    found = np.ones(picture.shape[:2], np.bool_)
    for channel, value in enumerate(colour):
        of_it = picture[:, :, channel]
        found &= (of_it >= max(0, value - tolerance)) & (of_it <= min(255, value + tolerance))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits:
    """A number written in a region: each digit is looked up by the exact pattern of its pixels.

    Patterns are learnt by `games calibrate`, since fonts differ from machine to machine.
    """

    kind: ClassVar[str] = "digits"
    region: str = field(metadata=READ)
    colour: Colour = setting((255, 255, 255), "of the digits' pixels")
    tolerance: int = setting(0, "how far each of red, green and blue may be from it")
    cell: int = setting(0, "width of a digit in pixels, of a font whose digits touch; 0 where blank columns part them")
    gap: int = setting(0, "pixels at the right of a cell that are not looked at: where the next digit leans into it")
    hold: int = setting(0, "steps for which a number that cannot be read, as under a menu, is taken to be as before")
    rises: bool = setting(False, "it never falls in an episode, so that a smaller one cannot be read")
    patterns: Mapping[str, str] = field(
        default_factory=dict[str, str],
        metadata=explained("digit to its patterns with blanks between, as games calibrate writes them"),
    )

    def __post_init__(self) -> None:
        if min(self.cell, self.gap, self.hold, self.tolerance) < 0 or 0 < self.cell <= self.gap:
            raise ValueError("cell, gap, hold and tolerance must be 0 or more, and a gap smaller than its cell")

    def read(self, picture: Picture, state: WindowState) -> float:
        """Raises: Unreadable."""
        known = {pattern: digit for digit, rows in self.patterns.items() for pattern in rows.split(" ")}
        found = [
            known.get(glyph) for glyph in glyphs(masked(picture, self.colour, self.tolerance), self.cell, self.gap)
        ]
        if not found:
            raise Unreadable("there is no digit")
        if None in found:
            raise Unreadable(f"{found.count(None)} of {len(found)} digits are of an unknown pattern")
        return float("".join(digit or "" for digit in found))


def glyphs(mask: Bool[Array, "h w"], cell: int = 0, gap: int = 0) -> list[str]:
    """The patterns of digits in a mask, from left to right: in cells of one width, or where empty columns part them."""
    if cell:
        cells = [mask[:, left : left + cell - gap] for left in range(0, mask.shape[1] - cell + 1, cell)]
        return [pattern_of(each) for each in cells if each.any()]
    columns = np.concatenate([[False], mask.any(0), [False]])
    edges = np.flatnonzero(columns[1:] != columns[:-1])
    return [pattern_of(mask[:, begin:end]) for begin, end in zip(edges[::2], edges[1::2], strict=True)]


def pattern_of(mask: Bool[Array, "h w"]) -> str:
    """A digit's pixels as text, without empty rows above and below: its width, and its bits in base 16."""
    rows = np.flatnonzero(mask.any(1))
    inner = mask[rows[0] : rows[-1] + 1]
    return f"{inner.shape[1]}x{np.packbits(inner).tobytes().hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """How many pixels of a region have a colour: lamps, lives, a bar."""

    kind: ClassVar[str] = "pixels"
    region: str = field(metadata=READ)
    colour: Colour = field(metadata=COLOUR)
    tolerance: int = setting(0, "how far each of red, green and blue may be from it")
    each: float = setting(1.0, "pixels that count as one")

    def __post_init__(self) -> None:
        if self.each <= 0:
            raise ValueError("each must be above 0")

    def read(self, picture: Picture, state: WindowState) -> float:
        return round(float(masked(picture, self.colour, self.tolerance).sum()) / self.each, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How much of a bar is filled, from 0 to 1: the share of its columns, or rows, that show a colour."""

    kind: ClassVar[str] = "bar"
    region: str = field(metadata=READ)
    colour: Colour = field(metadata=COLOUR)
    tolerance: int = setting(0, "how far each of red, green and blue may be from it")
    upright: bool = setting(False, "filled from below instead of from the left")

    def read(self, picture: Picture, state: WindowState) -> float:
        return float(masked(picture, self.colour, self.tolerance).any(1 if self.upright else 0).mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """1 while a region looks as it did when `games calibrate` kept it, else 0."""

    kind: ClassVar[str] = "looks"
    region: str = field(metadata=READ)
    pattern: str = setting("", "the kept look, as games calibrate writes it")
    share: float = setting(1.0, "of its pixels that must be the same")

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0:
            raise ValueError("share must lie above 0, and be 1 at most")
        if re.fullmatch(r"(?:[0-9a-f]{2})*", self.pattern) is None:
            raise ValueError("pattern is not as games calibrate writes it")

    def read(self, picture: Picture, state: WindowState) -> float:
        """Raises: Unreadable."""
        if not self.pattern:
            raise Unreadable("no look is kept yet")
        now = np.packbits(look_of(picture))
        then = np.frombuffer(bytes.fromhex(self.pattern), np.uint8)
        if now.shape != then.shape:
            raise Unreadable("its pattern was kept of a region of another size")
        same = 1.0 - float(np.unpackbits(now ^ then).sum()) / (picture.shape[0] * picture.shape[1])
        return float(same >= self.share)


def look_of(picture: Picture) -> Bool[Array, "h w"]:
    """What is bright in a picture."""
    red, green, blue = (picture[:, :, channel].astype(np.uint16) for channel in range(3))
    return (red + green + blue) > 3 * 127


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """1 once the window has not changed for so many steps."""

    kind: ClassVar[str] = "still"
    steps: int = setting(20, "steps without any change")

    def read(self, picture: Picture, state: WindowState) -> float:
        return float(state.still_steps >= self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowShown:
    """1 while another window of that size or title is shown."""

    kind: ClassVar[str] = "window"
    title: str | None = setting(None, "regular expression, searched for in its title")
    size: tuple[int, int] | None = setting(None, "its width and height")

    def __post_init__(self) -> None:
        if self.title is None and self.size is None:
            raise ValueError("a window is told by its title or its size")
        check_pattern("title", self.title)

    def read(self, picture: Picture, state: WindowState) -> float:
        by_size = self.size is not None and self.size in state.sizes
        pattern = self.title
        by_title = pattern is not None and any(re.search(pattern, title) for title in state.titles)
        return float(by_size or by_title)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """1 once the game's process has ended."""

    kind: ClassVar[str] = "gone"

    def read(self, picture: Picture, state: WindowState) -> float:
        return float(not state.running)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaged:
    """What a function of an installed package makes of the window, once the person here has enabled it by name."""

    kind: ClassVar[str] = "python"
    name: str = field(metadata=explained("of the reader, as games readers lists it: no module, and no path"))
    region: str | None = setting(None, "which is read; the whole window where there is none")

    def __post_init__(self) -> None:
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.name) is None:
            raise ValueError(
                f"name must be that of a reader as `playfield games readers` lists it, which {self.name!r} cannot be"
            )

    def read(self, picture: Picture, state: WindowState) -> float:
        """Raises: Unreadable, also where the function fails."""
        function, seen = function_of(self.name), picture.view()
        seen.flags.writeable = False  # what a reader did to it, the agent would see
        try:
            found = float(function(seen, state))
        except Unreadable:
            raise
        except Exception as error:
            raise Unreadable(f"its package's function failed ({type(error).__name__}: {error})") from error
        if not math.isfinite(found):
            raise Unreadable(f"its package's function said {found:g}")
        return found


ReaderSpec = Digits | Pixels | Bar | Looks | Still | WindowShown | Gone | Packaged


MOST_KNOWN = 1_000
"""Pictures of a number that are remembered, each a few kilobytes."""


class Readings:
    """What all readers make of the pictures of one episode, one after the other.

    A number mostly stands still: digits that look as they did before are looked up and not read again.
    """

    def __init__(self, readers: Mapping[str, ReaderSpec], regions: Mapping[str, Region]) -> None:
        self._readers, self._regions = readers, regions
        self._newest: dict[str, float] = {}
        self._held = dict.fromkeys(readers, 0)
        self._known: dict[tuple[str, bytes], float] = {}

    def of(self, picture: Picture, state: WindowState) -> dict[str, float]:
        """What every reader makes of the next picture. One that cannot be read counts for nothing: another may follow.

        Raises: Unreadable naming the reader.
        """
        held = dict(self._held)
        try:
            read = {name: self._read(name, reader, picture, state) for name, reader in self._readers.items()}
        except Unreadable:
            self._held = held
            raise
        self._newest = read
        return dict(read)

    def _read(self, name: str, reader: ReaderSpec, picture: Picture, state: WindowState) -> float:
        region = getattr(reader, "region", None)
        part = picture if region is None else self._regions[region].of(picture)
        try:
            found = self._number(name, reader, part, state) if isinstance(reader, Digits) else reader.read(part, state)
        except Unreadable as error:
            if name in self._newest and isinstance(reader, Digits) and self._held[name] < reader.hold:
                self._held[name] += 1
                return self._newest[name]
            raise Unreadable(f"the reader {name!r} cannot be read: {error}") from error
        self._held[name] = 0
        return found

    def _number(self, name: str, reader: Digits, part: Picture, state: WindowState) -> float:
        look = (name, part.tobytes())
        if (found := self._known.get(look)) is None:
            found = reader.read(part, state)
            if len(self._known) < MOST_KNOWN:
                self._known[look] = found
        if reader.rises and found < (before := self._newest.get(name, found)):
            raise Unreadable(f"it says {found:g} after {before:g}, and is said to rise")
        return found


def needs_windows(readers: Sequence[ReaderSpec]) -> bool:
    """Whether any reader looks at other windows, which costs a question to the display at every step."""
    return any(isinstance(reader, WindowShown) for reader in readers)


def prepare(readers: Mapping[str, ReaderSpec]) -> None:
    """Find every function that readers need, before a game is started.

    Raises: NotEnabled; ValueError.
    """
    for reader in readers.values():
        if isinstance(reader, Packaged):
            function_of(reader.name)
