"""Pictures that are kept as displays keep them are the pictures that they would be if they were not."""

from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import UInt8, UInt32
from PIL import Image

from playfield.games.desktop.pixels import grey, packed, picture_in, picture_of, same
from playfield.games.desktop.readers import look_of, masked
from playfield.types import Array


def kept(height: int = 5, width: int = 7, seed: int = 0) -> UInt32[Array, "h w"]:
    """A display's pixels, with something in the byte that no colour has."""
    return np.random.default_rng(seed).integers(0, 2**32, (height, width), np.uint32)


def plain(pixels: UInt32[Array, "h w"]) -> UInt8[Array, "h w 3"]:
    """The obvious way to turn them into colours."""
    return np.stack([pixels >> 16 & 255, pixels >> 8 & 255, pixels & 255], axis=2).astype(np.uint8)


def test_a_pixel_is_red_green_and_blue():
    assert picture_of(np.array([[0xFF102030, 0x00405060]], np.uint32)).tolist() == [
        [[0x10, 0x20, 0x30], [0x40, 0x50, 0x60]]
    ]


def test_a_picture_is_a_copy_and_no_part_of_the_display():
    pixels = kept()
    picture, then = picture_of(pixels), plain(pixels)
    pixels[:] = 0
    assert np.array_equal(picture, then)


def test_pixels_that_are_a_copy_already_become_the_picture():
    pixels = kept()
    copied = np.ndarray(pixels.shape, np.uint32, bytearray(pixels.tobytes()))
    picture = picture_in(copied)
    assert np.array_equal(picture, plain(pixels))
    assert np.shares_memory(packed(picture), copied)
    assert packed(picture)[1:3, 2:].tolist() == packed(picture[1:3, 2:]).tolist()


@pytest.mark.parametrize("part", [np.s_[:, :], np.s_[1:4, 2:6], np.s_[4:, 6:], np.s_[:1, :1]])
def test_the_packed_pixels_of_a_part_are_those_of_its_colours(part: tuple[slice, slice]):
    pixels = kept()
    for picture in (picture_of(pixels)[part], plain(pixels)[part], picture_of(pixels[part])):
        assert packed(picture).tolist() == (pixels[part] & 0xFFFFFF).tolist()


@pytest.mark.parametrize("turned", [np.s_[::-1], np.s_[:, ::2], np.s_[::2, 1:]])
def test_a_picture_that_is_looked_at_otherwise_is_packed_anew(turned: tuple[slice, ...]):
    picture = picture_of(kept())[turned]
    assert packed(picture).tolist() == packed(np.ascontiguousarray(picture)).tolist()


def test_whole_pictures_and_parts_cost_no_copy():
    picture = picture_of(kept())
    assert np.shares_memory(packed(picture), picture)
    assert np.shares_memory(packed(picture[1:3, 2:5]), picture)


def test_equal_colours_are_the_same_picture_whatever_the_display_left_beside_them():
    pixels = kept()
    assert same(picture_of(pixels), picture_of(pixels ^ np.uint32(0xFF000000)))
    assert same(picture_of(pixels), plain(pixels))
    for bit in (0, 8, 23):
        other = pixels.copy()
        other[4, 6] ^= np.uint32(1 << bit)
        assert not same(picture_of(pixels), picture_of(other))
    assert not same(picture_of(pixels), picture_of(pixels[:, :-1]))


def test_grey_is_what_pillow_makes_of_the_colours():
    pixels = kept(40, 50)
    expected = np.asarray(Image.fromarray(plain(pixels)[3:33, 5:44]).convert("L"))
    assert np.array_equal(grey(picture_of(pixels)[3:33, 5:44]), expected)
    assert np.array_equal(grey(plain(pixels)[3:33, 5:44]), expected)


@pytest.mark.parametrize("tolerance", [0, 1, 40, 255])
def test_a_colour_is_found_as_by_its_distance(tolerance: int):
    picture = picture_of(kept(30, 30, seed=1))
    colour = tuple(int(value) for value in picture[3, 4])
    distance = np.abs(picture.astype(int) - np.array(colour)).max(2)
    assert np.array_equal(masked(picture, colour, tolerance), distance <= tolerance)


def test_bright_is_above_the_middle_on_average():
    picture = np.array([[[127, 127, 127], [128, 127, 127], [255, 126, 0], [255, 127, 0]]], np.uint8)
    assert look_of(picture).tolist() == [[False, True, False, True]]
