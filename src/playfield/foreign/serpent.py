"""SerpentAI's input recordings: `{timestamp}-frames` and, for each of them, keys, reward and end.

At each timestamp stand a stack of pictures in PNG (oldest first: of each only the newest is new), the names of the keys
that were down then, and the reward and end that came of it; one row here is a picture with what led to it:

    record   0          1          2 end      3
    keys     k0         k1         k2         k3
    rows     f0(  f1 k0 r0   f2 k1 r1   f2 k2 r2 .   f3(        ( first, . last

What was to be seen after an end was not kept, and is worth nothing: the picture before stands for it.

Source: SerpentAI, recorder_agent.py and rainbow_dqn_agent.py (2018 to 2020).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from playfield.foreign.checked import MOST_PICTURE_BYTES, Array, Refused, dataset, number, open_file, picture
from playfield.foreign.wire import MOST_KEYS, ForeignRow

MOST_RECORDS = 2_000_000
MOST_LINKS = 8 * MOST_RECORDS
_FRAMES = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)-frames")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    frame: Array
    keys: tuple[str, ...]
    reward: float
    terminal: bool


def serpent_rows(path: Path) -> Iterator[ForeignRow]:
    """Every row of a recording, in order of time.

    Raises: Refused.
    """
    with open_file(path) as file:
        if len(file) > MOST_LINKS:
            raise Refused(f"has {len(file):,} parts, and at most {MOST_LINKS:,} are read")
        stamps = [match[1] for name in file if (match := _FRAMES.fullmatch(name)) is not None]
        if not stamps or len(stamps) > MOST_RECORDS:
            raise Refused(f"is no input recording of SerpentAI's RecorderAgent: it has {len(stamps):,} times of frames")
        yield from _rows(_record(file, stamp) for stamp in sorted(stamps, key=float))


def _rows(records: Iterator[_Record]) -> Iterator[ForeignRow]:
    before: _Record | None = None
    row: ForeignRow | None = None
    for record in records:
        if row is not None:
            yield row
        if before is None:
            row = ForeignRow(frame=record.frame, first=True, last=False)
        else:
            row = _led_by(before, record.frame)
        before = record
        if record.terminal:
            yield row
            row = before = None
            yield replace(_led_by(record, record.frame), last=True, discount=0.0)
    if row is not None:
        yield replace(row, last=True)  # the recording ends here; what its last keys led to is not known


def _led_by(record: _Record, frame: Array) -> ForeignRow:
    return ForeignRow(frame=frame, first=False, last=False, reward=record.reward, keys=record.keys)


def _record(file: Any, stamp: str) -> _Record:
    return _Record(
        frame=picture(_newest(dataset(file, f"{stamp}-frames")), "PNG"),
        keys=_keys(dataset(file, f"{stamp}-keyboard-inputs-active")),
        reward=number(dataset(file, f"{stamp}-reward"), "a reward"),
        terminal=number(dataset(file, f"{stamp}-terminal"), "an end") != 0.0,
    )


def _newest(stack: Any) -> bytes:
    """The last of a stack of files; SerpentAI puts the newest there."""
    if len(stack.shape) != 1 or not stack.shape[0] or stack.dtype.kind not in "SO":
        raise Refused("has frames that are no stack of pictures")
    if stack.dtype.itemsize > MOST_PICTURE_BYTES:
        raise Refused(f"has a picture of {stack.dtype.itemsize:,} bytes, and at most {MOST_PICTURE_BYTES:,} are read")
    newest = stack[-1]
    if not isinstance(newest, bytes | np.ndarray):
        raise Refused("has frames that are no stack of pictures")
    return bytes(newest)


def _keys(found: Any) -> tuple[str, ...]:
    """The names of keys, sorted; none are kept as an empty list of numbers."""
    if len(found.shape or ()) != 1 or found.shape[0] > MOST_KEYS or found.dtype.itemsize > 100:
        raise Refused("has keys that are none")
    if found.shape[0] == 0:
        return ()
    if found.dtype.kind not in "SO":
        raise Refused("has keys that are none")
    return tuple(sorted(bytes(name).decode("ascii", "replace")[:90] for name in found[()]))
