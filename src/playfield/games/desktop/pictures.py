"""Pictures for a person: a window with its regions marked, and a sheet of glyphs to name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageDraw

from playfield.games.desktop.readers import Region, look_of
from playfield.types import Array

COLOURS = (
    (255, 64, 64), (64, 220, 64), (80, 160, 255), (255, 200, 0), (230, 90, 255), (0, 220, 220),
    (255, 140, 60), (255, 170, 200), (180, 255, 120), (190, 150, 100), (150, 130, 255), (240, 240, 240),
)  # fmt: skip
"""Of frames and words, told apart on a dark ground: as many as a window has regions, for the most part."""
SCALE = 2
"""A window is shown larger, so that there is room for words."""
LINE = 14
"""Pixels of a line of words."""
CELL = 72
"""Side of a glyph's place on a sheet."""
PER_ROW = 10


def annotated(
    picture: UInt8[Array, "H W 3"], regions: Mapping[str, Region], words: Mapping[str, str]
) -> UInt8[Array, "h w 3"]:
    """A window with frames around its regions, and below it, in their colours, what is to be said of them.

    `words` may name what is no region.
    """
    large = np.repeat(np.repeat(picture, SCALE, axis=0), SCALE, axis=1)
    names = [*regions, *(name for name in words if name not in regions)]
    image = Image.new("RGB", (large.shape[1], large.shape[0] + LINE * len(names) + 4))
    image.paste(Image.fromarray(large), (0, 0))
    draw = ImageDraw.Draw(image)
    for number, name in enumerate(names):
        colour = COLOURS[number % len(COLOURS)]
        if (region := regions.get(name)) is not None:
            left, top = region.left * SCALE, region.top * SCALE
            draw.rectangle(
                (left, top, left + region.width * SCALE - 1, top + region.height * SCALE - 1), outline=colour
            )
        draw.text((4, large.shape[0] + number * LINE + 2), f"{name}  {words.get(name, '')}".strip(), fill=colour)
    return np.asarray(image, np.uint8)


def glyph_sheet(masks: Sequence[Bool[Array, "_h _w"]]) -> UInt8[Array, "h w 3"]:
    """Glyphs by number, in the order in which they are to be named."""
    rows = -(-len(masks) // PER_ROW)
    image = Image.new("RGB", (min(len(masks), PER_ROW) * CELL, rows * CELL), (40, 40, 48))
    draw = ImageDraw.Draw(image)
    for number, mask in enumerate(masks):
        left, top = number % PER_ROW * CELL, number // PER_ROW * CELL
        room = CELL - LINE - 8
        scale = max(1, min(room // mask.shape[0], room // mask.shape[1]))
        glyph = Image.fromarray((mask * np.uint8(255)).repeat(scale, axis=0).repeat(scale, axis=1))
        glyph.thumbnail((room, room))
        image.paste(glyph.convert("RGB"), (left + 4, top + LINE + 4))
        draw.text((left + 4, top), f"{number + 1}", fill=COLOURS[3])
    return np.asarray(image, np.uint8)


def look_sheet(crop: UInt8[Array, "H W 3"]) -> UInt8[Array, "h w 3"]:
    """A region as it was, and beside it what a reader of looks keeps of it: what is bright."""
    kept = np.repeat(np.where(look_of(crop), 255, 0).astype(np.uint8)[:, :, None], 3, axis=2)
    gap = np.full((crop.shape[0], 4, 3), 128, np.uint8)
    both = np.concatenate([crop, gap, kept], axis=1)
    scale = max(1, 240 // both.shape[0])
    return np.repeat(np.repeat(both, scale, axis=0), scale, axis=1)
