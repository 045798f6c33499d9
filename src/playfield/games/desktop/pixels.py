"""Pictures as displays keep them, a number of 32 bits for each pixel: turned into colours only where one looks at them.

To reverse the bytes of a window of 640 x 480 takes thirty times as long as to copy it.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from jaxtyping import UInt8, UInt32
from PIL import Image

from playfield.types import Array

COLOURS = np.uint32(0x00FFFFFF)
"""The bits of red, green and blue; the others belong to nobody, and displays leave there what they like."""


def picture_of(kept: UInt32[Array, "h w"]) -> UInt8[Array, "h w 3"]:
    """A copy of a display's pixels as red, green and blue."""
    return _from_behind(kept & COLOURS)


def picture_in(own: UInt32[Array, "h w"]) -> UInt8[Array, "h w 3"]:
    """The same of pixels that are a copy already and that nobody else has: they become the picture."""
    own &= COLOURS
    return _from_behind(own)


def _from_behind(pixels: UInt32[Array, "h w"]) -> UInt8[Array, "h w 3"]:
    """Red, green and blue, where the bytes lie as blue, green, red and one that is nobody's."""
    return pixels.view(np.uint8).reshape(*pixels.shape, 4)[:, :, 2::-1]


def packed(picture: UInt8[Array, "h w 3"]) -> UInt32[Array, "h w"]:
    """The pixels of a picture as one number each; free for what `picture_of` gave and for parts of it."""
    kept = cast("object", picture.base)
    if isinstance(kept, np.ndarray) and kept.dtype == np.uint32 and picture.strides == (kept.strides[0], 4, -1):
        # Blue has the lowest address of a pixel's three colours.
        from_corner = picture[:, :, 2:].__array_interface__["data"][0] - kept.__array_interface__["data"][0]
        top, left = divmod(from_corner, kept.strides[0])
        height, width = picture.shape[:2]
        return cast("UInt32[Array, 'h w']", kept[top : top + height, left // 4 : left // 4 + width])
    wide = np.zeros((*picture.shape[:2], 4), np.uint8)
    wide[:, :, 2::-1] = picture
    return wide.view(np.uint32)[:, :, 0]


def same(one: UInt8[Array, "h w 3"], other: UInt8[Array, "_h _w 3"]) -> bool:
    """Whether two pictures are equal."""
    return np.array_equal(packed(one), packed(other))


def grey(picture: UInt8[Array, "h w 3"]) -> UInt8[Array, "h w"]:
    """How light each pixel is, as Pillow weighs the colours."""
    pixels = np.ascontiguousarray(packed(picture))
    height, width = pixels.shape
    return np.asarray(Image.frombuffer("RGB", (width, height), pixels, "raw", "BGRX", 0, 1).convert("L"), np.uint8)
