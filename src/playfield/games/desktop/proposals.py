"""Regions that are worth a name, found by looking at a game that nobody has described yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from playfield.games.desktop.readers import Region
from playfield.types import Array

Picture = UInt8[Array, "H W 3"]

EDGE = 60
"""Difference of brightness between neighbours from which there is an edge, of 255."""
LETTER_GAP = 9
"""Pixels between letters of one word, at most."""
LOW, HIGH = 6, 80
"""Heights between which writing lies."""
WIDEST = 0.6
"""Of the window, that writing takes at most."""
RARE = 0.25
"""Share of steps in which writing changes, at most."""
CROWDED = 0.06
"""Share of a word's pixels that lie on an edge, at least."""
MOST = 6
"""Places that are proposed as writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A region and why it is one."""

    region: Region
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Pictures of the same steps from the same seed: without a key, and with each key held from the second on."""

    idle: Sequence[Picture]
    held: Mapping[str, Sequence[Picture]]
    repeats: bool = True
    """Whether nothing but the key can make them differ; in real time much else does."""


def answer(course: Course, key: str) -> int | None:
    """The first step at which a held key makes a picture that is not the one without it; None where it never does."""
    pairs = zip(course.idle, course.held[key], strict=False)
    return next((step for step, (a, b) in enumerate(pairs) if not np.array_equal(a, b)), None)


def propose_regions(course: Course) -> dict[str, Proposal]:
    """Names for what moves, for what the keys move, and for what may be writing.

    What a key moves is exact, or not told: the clock makes both courses the same but for the key.
    """
    found: dict[str, Proposal] = {}
    courses = [course.idle, *course.held.values()]
    changed = np.stack([_changes(pictures).any(0) for pictures in courses])
    if (moving := _box(np.asarray(changed.any(0)))) is not None:
        found["field"] = Proposal(region=moving, why="everything that changed lies in it")
    moved = [part for key in course.held if course.repeats and (part := _moved(course, key)) is not None]
    if moved and (answering := _box(np.asarray(np.stack(moved).any(0)))) is not None:
        found["player"] = Proposal(region=answering, why="what the keys change at first lies in it")
    if "player" in found and found["player"].region == moving:
        del found["player"]  # all that changes is what keys change: one region with two names helps nobody
    writings = [region for region in writing(courses) if region not in [each.region for each in found.values()]]
    for number, region in enumerate(writings, 1):
        why = "still and rich in contrast: may be a score, lives or a level"
        found[f"writing_{number}"] = Proposal(region=region, why=why)
    return found


def writing(courses: Sequence[Sequence[Picture]]) -> list[Region]:
    """Where there may be letters and digits: always crowded with edges, small, seldom changing; most crowded first."""
    last = courses[0][-1]
    words, count = _labels(ndimage.binary_dilation(_edges(last), np.ones((3, LETTER_GAP), bool)))
    ends = np.stack([_edges(picture) for pictures in courses for picture in (pictures[0], pictures[-1])])
    often = np.concatenate([_changes(pictures) for pictures in courses])
    found: list[tuple[float, Region]] = []
    for place in ndimage.find_objects(words, count):
        region = _tight(_edges(last)[place], place)
        if region is None or not _could_be_writing(region, last.shape[1]):
            continue
        seldom = float(often[(slice(None), *place)].any((1, 2)).mean()) if len(often) else 0.0
        crowded = float(ends[(slice(None), *place)].mean((1, 2)).min())
        if seldom <= RARE and crowded >= CROWDED:
            found.append((-crowded, region))
    return [region for _, region in sorted(found, key=lambda pair: pair[0])[:MOST]]


def _could_be_writing(region: Region, window_width: int) -> bool:
    return LOW <= region.height <= HIGH and LOW // 2 <= region.width <= WIDEST * window_width


def _labels(mask: Bool[Array, "H W"]) -> tuple[Any, int]:
    labels, count = ndimage.label(mask, np.ones((3, 3), bool))  # pyright: ignore[reportGeneralTypeIssues]
    return labels, int(count)


def _edges(picture: Picture) -> Bool[Array, "H W"]:
    grey = picture.astype(np.int16).mean(2)
    across = np.abs(np.diff(grey, axis=1, prepend=grey[:, :1])) > EDGE
    down = np.abs(np.diff(grey, axis=0, prepend=grey[:1])) > EDGE
    return across | down


def _changes(pictures: Sequence[Picture]) -> Bool[Array, "T H W"]:
    stacked = np.stack(pictures)
    return np.asarray((stacked[1:] != stacked[:-1]).any(3))


def _moved(course: Course, key: str) -> Bool[Array, "H W"] | None:
    """What differs when the key first shows: later, one thing leads to another."""
    first = answer(course, key)
    if first is None:
        return None
    return np.asarray((course.idle[first] != course.held[key][first]).any(2))


def _box(mask: Bool[Array, "H W"]) -> Region | None:
    """The smallest region that holds all that is true."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    return Region(left=left, top=top, width=int(columns[-1]) - left + 1, height=int(rows[-1]) - top + 1)


def _tight(edges: Bool[Array, "h w"], place: tuple[slice, slice]) -> Region | None:
    """Around the edges in a place, with a margin; an edge belongs to the pixel after it, so some is there behind."""
    inner = _box(edges)
    if inner is None:
        return None
    top, left = place[0].start + inner.top, place[1].start + inner.left
    up, aside = min(top, 2), min(left, 2)
    return Region(left=left - aside, top=top - up, width=inner.width + aside, height=inner.height + up)
