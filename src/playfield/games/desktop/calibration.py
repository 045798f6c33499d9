"""How readers are learnt from what a region shows while a game is played: digits by their glyphs, and looks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, UInt8

from playfield.games.desktop.game_file import GameFile, game_from, region_of
from playfield.games.desktop.readers import Colour, Digits, Looks, ReaderSpec, Region, glyphs, look_of, masked
from playfield.types import Array

Picture = UInt8[Array, "H W 3"]

UNNAMED = "?"
"""Stands for a glyph that is no digit."""
MOST_GLYPHS = 64
"""Different glyphs of one region; where there are more, the colour is not that of writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyph:
    """A shape that a region has shown."""

    pattern: str
    seen: int
    """Crops in which it was."""


class Crops:
    """The different looks of one region, in the order in which they came."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._found: dict[bytes, Picture] = {}
        self.looked = 0

    def add(self, picture: Picture) -> None:
        """Look at the region in a picture of the window."""
        crop = np.ascontiguousarray(self._region.of(picture))
        self._found.setdefault(crop.tobytes(), crop)
        self.looked += 1

    @property
    def different(self) -> list[Picture]:
        """Each look once."""
        return list(self._found.values())


def ink(crops: Sequence[Picture]) -> Colour:
    """The colour that is most likely the digits': the most frequent one besides that of the region's border.

    Raises: ValueError where there is one colour only.
    """
    border = _commonest([part for crop in crops for part in (crop[:1], crop[-1:], crop[:, :1], crop[:, -1:])])[0]
    inner = [colour for colour in _commonest(crops) if colour != border]
    if not inner:
        raise ValueError("the region has shown one colour only: no digits are in it")
    return inner[0]


def found_glyphs(crops: Sequence[Picture], colour: Colour, tolerance: int, cell: int = 0, gap: int = 0) -> list[Glyph]:
    """All different glyphs of some looks, in the order in which they came, from left to right.

    Raises: ValueError where there are none, or so many that the colour cannot be right.
    """
    seen: dict[str, int] = {}
    for crop in crops:
        for pattern in dict.fromkeys(glyphs(masked(crop, colour, tolerance), cell, gap)):
            seen[pattern] = seen.get(pattern, 0) + 1
    if not seen:
        raise ValueError(f"no pixel of the region ever had the colour {colour}; {_told(crops)}")
    if len(seen) > MOST_GLYPHS:
        raise ValueError(
            f"the region shows {len(seen)} different shapes of the colour {colour}, which are no digits; {_told(crops)}"
        )
    return [Glyph(pattern=pattern, seen=count) for pattern, count in seen.items()]


def _commonest(parts: Sequence[UInt8[Array, "_h _w 3"]]) -> list[Colour]:
    """All colours, the most frequent first."""
    pixels = np.concatenate([part.reshape(-1, 3) for part in parts])
    colours, counts = np.unique(pixels, axis=0, return_counts=True)
    return [(red, green, blue) for red, green, blue in colours[np.argsort(-counts, kind="stable")].tolist()]


def _told(crops: Sequence[Picture]) -> str:
    return f"its commonest colours are {', '.join(map(str, _commonest(crops)[:4]))}; give one as --ink"


def mask_from(pattern: str) -> Bool[Array, "h w"]:
    """The pixels of a pattern; rows that only fill its last byte are left out."""
    width, bits = pattern.split("x")
    flat = np.unpackbits(np.frombuffer(bytes.fromhex(bits), np.uint8))
    rows = flat[: len(flat) // int(width) * int(width)].reshape(-1, int(width)).astype(np.bool_)
    return rows[: int(np.flatnonzero(rows.any(1))[-1]) + 1]


def run_together(found: Sequence[Glyph]) -> list[Glyph]:
    """Glyphs wider than high: several digits without an empty column between, as in a slanted font."""
    shapes = [(glyph, mask_from(glyph.pattern).shape) for glyph in found]
    return [glyph for glyph, (height, width) in shapes if width > height]


def drawn(pattern: str) -> str:
    """A glyph in letters, for a terminal; one that is tall is halved until it fits."""
    mask = mask_from(pattern)
    step = -(-mask.shape[0] // 16)
    return "\n".join("".join("#" if on else "." for on in row) for row in mask[::step, ::step])


def unnamed(found: Sequence[Glyph], patterns: Mapping[str, str]) -> list[Glyph]:
    """The glyphs that no digit has yet."""
    known = {pattern for rows in patterns.values() for pattern in rows.split(" ")}
    return [glyph for glyph in found if glyph.pattern not in known]


def names_of(found: Sequence[Glyph], patterns: Mapping[str, str]) -> str:
    """The digit of each glyph, `?` for one that has none, as `--glyphs` takes them."""
    digits = {pattern: digit for digit, rows in patterns.items() for pattern in rows.split(" ")}
    return "".join(digits.get(glyph.pattern, UNNAMED) for glyph in found)


def renamed(found: Sequence[Glyph], names: str, patterns: Mapping[str, str]) -> dict[str, str]:
    """Patterns by digit: names for the glyphs that have none, or for all, which then lose the names that they had.

    Raises: ValueError where there are neither so many nor so many, or a name is neither a digit nor `?`.
    """
    asked = unnamed(found, patterns)
    if len(names) == len(asked) > 0:
        return named(asked, names, patterns)
    if len(names) != len(found):
        few = f"{len(asked)} for those that have none yet" if asked else "none lacks one"
        raise ValueError(
            f"--glyphs names {len(names)} glyphs, but there are {len(found)} ({few}); to name all of them anew, mend "
            f"this and add it to the same command: --glyphs '{names_of(found, patterns)}'"
        )
    anew = {glyph.pattern for glyph in found}
    kept = {digit: [row for row in rows.split(" ") if row not in anew] for digit, rows in patterns.items()}
    return named(found, names, {digit: " ".join(rows) for digit, rows in kept.items() if rows})


def named(asked: Sequence[Glyph], names: str, patterns: Mapping[str, str]) -> dict[str, str]:
    """Patterns by digit: those there were, and the newly named.

    Raises: ValueError where there is not one digit, or `?`, for each glyph.
    """
    if len(names) != len(asked):
        raise ValueError(
            f"--glyphs names {len(names)} glyphs, but {len(asked)} are to be named, "
            f"in the sheet's order ({UNNAMED} for one that is no digit)"
        )
    together = dict(patterns)
    for glyph, name in zip(asked, names, strict=True):
        if name == UNNAMED:
            continue
        if name not in "0123456789":
            raise ValueError(f"--glyphs holds {name!r}; write digits, and {UNNAMED} for a glyph that is none")
        together[name] = f"{together[name]} {glyph.pattern}" if name in together else glyph.pattern
    return dict(sorted(together.items()))


def reader_of(file: GameFile, region: str) -> tuple[str, Digits | None]:
    """The name and, if it is there, the reader of the digits in a region.

    Raises: ValueError where there is no such region, or its name is that of another reader.
    """
    return _reader_of(file, region, Digits)


def look_reader_of(file: GameFile, region: str) -> tuple[str, Looks | None]:
    """The name and, if it is there, the reader of the look of a region.

    Raises: as `reader_of`.
    """
    return _reader_of(file, region, Looks)


_Kind = TypeVar("_Kind", Digits, Looks)


def _reader_of(file: GameFile, region: str, kind: type[_Kind]) -> tuple[str, _Kind | None]:
    region_of(file, region)
    for name, reader in file.readers.items():
        if isinstance(reader, kind) and reader.region == region:
            return name, reader
    if region in file.readers:
        raise ValueError(f"a reader {region!r} of another kind is there already; give the region another name")
    return region, None


def with_patterns(text: str, name: str, reader: Digits) -> str:
    """The text of a game file with what a reader has learnt; every other line, and every comment, stays.

    Raises: ValueError where the file would no longer be the same game.
    """
    before = game_from(text, "the game file")
    rows = [f'{digit} = "{patterns}"' for digit, patterns in reader.patterns.items()]
    lines = text.rstrip("\n").split("\n")
    if name not in before.readers:
        lines += ["", f"[readers.{name}]", 'kind = "digits"', f'region = "{reader.region}"']
        lines += [f"colour = {list(reader.colour)}", f"tolerance = {reader.tolerance}"]
        lines += [f"cell = {reader.cell}", f"gap = {reader.gap}"] if reader.cell else []
    table = list(_table(lines, f"readers.{name}.patterns"))
    if table:
        lines[table[0] : table[-1] + 1] = rows
    else:
        lines = [line for line in lines if line.strip() != f"[readers.{name}.patterns]"]
        lines += ["", f"[readers.{name}.patterns]", *rows]
    return _same_but_for(before, lines, name, reader, f"the patterns of {name!r}; write [readers.{name}.patterns]")


def pattern_of_look(crop: Picture) -> str:
    """What is bright in a crop, as a reader of looks keeps it."""
    return np.packbits(look_of(crop)).tobytes().hex()


def with_look(text: str, name: str, reader: Looks) -> str:
    """The text of a game file with the look that a reader has learnt; every other line, and every comment, stays.

    Raises: ValueError where the file would no longer be the same game.
    """
    before = game_from(text, "the game file")
    row = f'pattern = "{reader.pattern}"'
    lines = text.rstrip("\n").split("\n")
    if name not in before.readers:
        lines += ["", f"[readers.{name}]", 'kind = "looks"', f'region = "{reader.region}"']
        lines += [f"share = {reader.share:g}"] if reader.share != 1.0 else []
        lines += [row]
    else:
        table = list(_table(lines, f"readers.{name}"))
        places = [number for number in table if re.match(r"\s*pattern\s*=", lines[number])]
        if places:
            lines[places[0]] = row
        elif table:
            lines.insert(table[-1] + 1, row)
    return _same_but_for(before, lines, name, reader, f"the look of {name!r}; write pattern under [readers.{name}]")


def _same_but_for(before: GameFile, lines: Sequence[str], name: str, reader: ReaderSpec, otherwise: str) -> str:
    """The lines as a text, which is the same game but for one reader.

    Raises: ValueError where it is another.
    """
    changed = "\n".join(lines) + "\n"
    after = game_from(changed, "the calibrated game file")
    if after != replace(before, readers={**before.readers, name: reader}):
        raise ValueError(f"the file says in a way of its own {otherwise}")
    return changed


def _table(lines: Sequence[str], header: str) -> Iterator[int]:
    """Where the entries of a table stand, without what follows the last of them."""
    inside = False
    for number, line in enumerate(lines):
        if re.match(r"\s*\[", line):
            inside = re.match(rf"\s*\[{re.escape(header)}\]\s*(#.*)?$", line) is not None
        elif inside and re.match(r"\s*[\"']?\w", line):
            yield number
