"""Minari's data sets: `data/metadata.json` and `data/main_data.hdf5`, an `episode_N` for each.

Of the metadata only what a space is like is looked at; the environment that it names is never made.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from playfield.foreign.checked import MOST_PICTURE_BYTES, Array, Refused, dataset, member, numbers, open_file, picture
from playfield.foreign.wire import ForeignRow
from playfield.messages import MOST_PAYLOAD_BYTES

METADATA, DATA = "metadata.json", "main_data.hdf5"
MOST_TEXT_BYTES = 1 << 24
MOST_EPISODES = 1_000_000
IMAGE_SIDE = 32
"""From this many pixels a side on Minari keeps uint8 observations as JPEG, unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How observations and actions are kept."""

    shape: tuple[int, ...]
    dtype: str
    jpeg: bool
    start: int
    """The number of the first action."""
    actions: int
    """How many there are."""


def data_folder(path: Path) -> Path | None:
    """Where the files of a data set lie, if `path` is one; either the data set or its `data` is named."""
    return next((folder for folder in (path / "data", path) if (folder / METADATA).is_file()), None)


def minari_rows(path: Path) -> Iterator[ForeignRow]:
    """Every row of a data set, episode by episode.

    Raises: Refused.
    """
    kept = read_metadata(path / METADATA)
    if not (path / DATA).is_file():
        raise Refused(f"has no {DATA}; only Minari's hdf5 format is read")
    with open_file(path / DATA) as file:
        if not 0 < len(file) <= MOST_EPISODES:
            raise Refused(f"has {len(file):,} episodes, and from 1 to {MOST_EPISODES:,} are read")
        for number in range(len(file)):
            yield from _episode(member(file, f"episode_{number}"), kept)


def read_metadata(path: Path) -> Kept:
    """What a data set's metadata say of it.

    Raises: Refused.
    """
    if path.stat().st_size > MOST_TEXT_BYTES:
        raise Refused(f"has a {METADATA} of more than {MOST_TEXT_BYTES:,} bytes")
    try:
        about = json.loads(path.read_bytes())
        seen, done = json.loads(about["observation_space"]), json.loads(about["action_space"])
        if done["type"] != "Discrete" or seen["type"] != "Box":
            raise Refused(f"has {done['type']} actions and {seen['type']} observations; Discrete and Box are read")
        shape, dtype, start = tuple(cast("list[int]", seen["shape"])), str(seen["dtype"]), int(done.get("start", 0))
        told, count = bool(about.get("jpeg_encoding", True)), int(done["n"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise Refused(f"has a {METADATA} that does not say what is kept") from error
    if not all(type(side) is int and 0 < side <= 1 << 20 for side in shape) or not 1 <= len(shape) <= 3:
        raise Refused(f"has observations of shape {list(shape)[:8]}")
    if math.prod(shape) * 4 > MOST_PAYLOAD_BYTES or dtype not in ("uint8", "float32", "float64"):
        raise Refused(f"has observations of {dtype} and shape {list(shape)}")
    image = dtype == "uint8" and len(shape) >= 2 and min(shape[:2]) >= IMAGE_SIDE
    return Kept(shape=shape, dtype=dtype, jpeg=told and image, start=start, actions=count)


def _episode(group: Any, kept: Kept) -> Iterator[ForeignRow]:
    actions = numbers(dataset(group, "actions"), "an action").reshape(-1)
    rewards = numbers(dataset(group, "rewards"), "a reward").astype(np.float64).reshape(-1)
    ended = numbers(dataset(group, "terminations"), "an end").reshape(-1) != 0
    seen = dataset(group, "observations")
    steps = len(actions)
    if not steps == len(rewards) == len(ended) or not seen.shape or seen.shape[0] != steps + 1 or not steps:
        raise Refused("has an episode whose parts are not of one length")
    discounts = _discounts(group, ended)
    seed = group.attrs.get("seed", 0)
    seed = int(seed) if isinstance(seed, int | np.integer) and 0 <= seed < 2**31 else 0
    yield ForeignRow(frame=_frame(seen, 0, kept), first=True, last=False, seed=seed)
    for at, action in enumerate(actions, 1):
        yield ForeignRow(
            frame=_frame(seen, at, kept),
            first=False,
            last=at == steps,
            reward=float(rewards[at - 1]),
            discount=float(discounts[at]),
            action=_action(action, kept.start),
            seed=seed,
        )


def _discounts(group: Any, ended: Array) -> Array:
    """0 after a true end, else 1; where we wrote it ourselves, also 0 after a lost life."""
    if "infos" in group and "discount" in member(group, "infos"):
        told = numbers(dataset(member(group, "infos"), "discount"), "a discount").reshape(-1)
        if len(told) == len(ended) + 1 and np.isin(told, (0.0, 1.0)).all():
            return told
    return np.concatenate([[1.0], np.where(ended, 0.0, 1.0)])


def _action(value: Any, start: int) -> int:
    action = int(value) - start
    if action != value - start or not 0 <= action < 256:
        raise Refused(f"has an action {value!r}, and only whole numbers below 256 are read")
    return action


def _frame(seen: Any, at: int, kept: Kept) -> Array:
    if kept.jpeg:
        if seen.dtype.itemsize > MOST_PICTURE_BYTES or math.prod(seen.shape[1:]) > MOST_PICTURE_BYTES:
            raise Refused(f"has a picture of more than {MOST_PICTURE_BYTES:,} bytes")
        frame = picture(np.asarray(seen[at]).tobytes(), "JPEG")
        # A grey picture comes as three equal colours.
        return frame if kept.shape[2:] == (3,) else frame[:, :, :1]
    if seen.shape[1:] != kept.shape or seen.dtype.name != kept.dtype:
        raise Refused(f"has observations of {seen.dtype} {seen.shape[1:]}, which its metadata do not say")
    frame = np.asarray(seen[at])
    return frame.astype(np.float32) if kept.dtype == "float64" else frame
