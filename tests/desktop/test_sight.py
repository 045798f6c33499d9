"""What an agent sees of a picture, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from playfield.games.desktop.sight import Sight, changes


def test_grey_is_the_mean_of_a_cell():
    now = np.zeros((4, 4, 3), np.uint8)
    now[:2, :2] = 200
    now[0, 2] = 100  # one of four pixels
    seen = Sight(size=(2, 2)).frame(now, np.zeros_like(now))
    assert seen.shape == (2, 2, 1)
    assert seen[:, :, 0].tolist() == [[200, 25], [0, 0]]


def test_a_change_of_one_pixel_is_as_bright_as_one_of_many():
    before, now = np.full((4, 6), 90, np.uint8), np.full((4, 6), 90, np.uint8)
    now[0, 1], now[3, 5] = 100, 20  # 10 lighter and 70 darker, four times as much up to white
    now[2:, :3] = 93
    assert changes(now, before, (2, 2)).tolist() == [[40, 0], [12, 252]]
    assert changes(before, before, (2, 2)).tolist() == [[0, 0], [0, 0]]


def test_a_grid_that_is_finer_than_the_picture_repeats_its_pixels():
    before, now = np.zeros((1, 2), np.uint8), np.array([[0, 50]], np.uint8)
    assert changes(now, before, (2, 4)).tolist() == [[0, 0, 200, 200]] * 2


def test_both_are_seen_in_the_order_that_is_asked_for():
    now = np.full((2, 2, 3), 10, np.uint8)
    seen = Sight(size=(1, 1), channels=("changes", "grey")).frame(now, np.zeros_like(now))
    assert seen.tolist() == [[[40, 10]]]
    assert Sight(size=(1, 1), channels=("changes",)).frame(now, now).tolist() == [[[0]]]


@pytest.mark.parametrize("channels", [(), ("grey", "grey")])
def test_channels_are_named_once(channels: tuple[str, ...]):
    with pytest.raises(ValueError, match="channels must name grey, changes or both, each once"):
        Sight(channels=channels)  # type: ignore[arg-type]
