"""What an agent sees of a window: a small picture, and what has changed in it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from playfield.games.desktop.pixels import grey
from playfield.settings import setting
from playfield.types import Array

Channel = Literal["grey", "changes"]
STRONGER = 4
"""How much a change is amplified: a small thing often differs little from what it moves over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the agent sees of the window."""

    region: str | None = setting(None, "which is seen; the whole window where there is none")
    size: tuple[int, int] = setting((84, 84), "height and width of what the agent sees")
    channels: tuple[Channel, ...] = setting(
        ("grey",), "grey: the picture; changes: where it differs from the step before, so that small things stand out"
    )

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise ValueError("size must be 1 or more")
        if not self.channels or len(set(self.channels)) < len(self.channels):
            raise ValueError("channels must name grey, changes or both, each once")

    def frame(self, now: UInt8[Array, "H W 3"], before: UInt8[Array, "H W 3"]) -> UInt8[Array, "h w C"]:
        """What is seen of a picture that follows on another."""
        return self.of_grey(grey(now), grey(before))

    def of_grey(self, now: UInt8[Array, "H W"], before: UInt8[Array, "H W"]) -> UInt8[Array, "h w C"]:
        """The same of pictures that are grey already."""
        seen = {
            "grey": lambda: _means(now, self.size),
            "changes": lambda: changes(now, before, self.size),
        }
        return np.stack([seen[channel]() for channel in self.channels], axis=2)


def _means(now: UInt8[Array, "H W"], size: tuple[int, int]) -> UInt8[Array, "h w"]:
    height, width = size
    return np.asarray(Image.fromarray(now).resize((width, height), Image.Resampling.BOX), np.uint8)


def changes(now: UInt8[Array, "H W"], before: UInt8[Array, "H W"], size: tuple[int, int]) -> UInt8[Array, "h w"]:
    """The largest difference in each cell of a grid, amplified: a thing of a few pixels is as bright as a large one."""
    differs = np.maximum(now, before) - np.minimum(now, before)
    for cells in size:
        edges = (np.arange(cells + 1) * len(differs) // cells).tolist()
        # A grid finer than the picture shows a pixel several times. Whole rows are compared, then what were columns.
        rows = [differs[begin : max(end, begin + 1)].max(0) for begin, end in pairwise(edges)]
        differs = np.ascontiguousarray(np.stack(rows).T)
    return np.minimum(differs, 255 // STRONGER) * STRONGER
