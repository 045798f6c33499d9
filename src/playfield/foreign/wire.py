"""What the reading process says: rows, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np

from playfield.messages import MOST_PAYLOAD_BYTES, Broken, message

MOST_KEYS = 64
_DTYPES = {"uint8": np.dtype("|u1"), "float32": np.dtype("<f4")}
_KINDS = {"first": bool, "last": bool, "reward": float, "discount": float, "seed": int}

Array = np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRow:
    """One row of somebody's episode: a frame, and the action that led to it with what it brought."""

    frame: Array
    """uint8 or float32, as it was kept."""
    first: bool
    last: bool
    reward: float = 0.0
    discount: float = 1.0
    keys: tuple[str, ...] = ()
    """What was held, where actions are keys."""
    action: int | None = None
    """The number of the action, where actions are numbers."""
    seed: int = 0
    """Of the episode, where it is known."""


def say(file: BinaryIO, header: Mapping[str, object], payload: bytes = b"") -> None:
    """Say something."""
    file.write(message(header, payload))


def say_row(file: BinaryIO, row: ForeignRow) -> None:
    """Say a row."""
    frame = np.ascontiguousarray(row.frame)
    told = {name: kind(getattr(row, name)) for name, kind in _KINDS.items()}
    shape = {"shape": list(frame.shape), "dtype": frame.dtype.name}
    say(file, {"kind": "row", **told, **shape, "keys": list(row.keys), "action": row.action}, frame.tobytes())


def row_of(header: Mapping[str, Any], payload: bytes) -> ForeignRow:
    """The row that was said, every part of it checked.

    Raises: Broken.
    """
    shape, dtype, keys, action = (header.get(name) for name in ("shape", "dtype", "keys", "action"))
    if not isinstance(shape, list) or not 1 <= len(shape) <= 3 or type(dtype) is not str or dtype not in _DTYPES:
        raise Broken("it said a frame that is none")
    sides = cast("list[object]", shape)
    if not all(type(side) is int and 0 < side <= MOST_PAYLOAD_BYTES for side in sides):
        raise Broken("it said a frame that is none")
    sizes = tuple(cast("list[int]", shape))
    if math.prod(sizes) * _DTYPES[dtype].itemsize != len(payload):
        raise Broken("it said a frame of another size")
    names = cast("list[object]", keys) if isinstance(keys, list) else None
    if names is None or len(names) > MOST_KEYS or not all(type(key) is str and len(key) < 100 for key in names):
        raise Broken("it said keys that are none")
    if any(type(header.get(name)) is not kind for name, kind in _KINDS.items()):
        raise Broken("it said a row that is none")
    if not math.isfinite(header["reward"]) or header["discount"] not in (0.0, 1.0) or not 0 <= header["seed"] < 2**63:
        raise Broken("it said numbers that are none")
    if action is not None and (type(action) is not int or not 0 <= action < 256):
        raise Broken("it said an action that is none")
    frame = np.frombuffer(bytearray(payload), _DTYPES[dtype]).reshape(sizes)
    if not np.isfinite(frame).all():
        raise Broken("it said a frame with numbers that are none")
    given = {name: header[name] for name in _KINDS}
    return ForeignRow(frame=frame, keys=tuple(cast("list[str]", keys)), action=action, **given)
