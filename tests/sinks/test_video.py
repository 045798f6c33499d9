"""Films hold exactly the frames they were given, at their size; views are pure functions of frames and stacks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from playfield.sinks.video import at_true_speed, enlarge, game_view, motion_view, net_view, write_video


def decode(path: Path) -> tuple[dict[str, object], np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # imageio-ffmpeg's reader leaves its pipes to the collector
        about, *frames = imageio_ffmpeg.read_frames(str(path))
    width, height = about["size"]
    return about, np.stack([np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in frames])


def moving_square(count: int, height: int = 210, width: int = 160) -> Iterator[np.ndarray]:
    for n in range(count):
        frame = np.empty((height, width, 3), np.uint8)
        frame[:] = (144, 72, 17)  # Pong's brown
        frame[100:120, 10 * n : 10 * n + 20] = (92, 186, 92)
        frame[:20] = (236, 236, 236)
        yield frame


def test_a_film_keeps_size_count_speed_and_colours(tmp_path: Path):
    path = tmp_path / "film.mp4"
    assert write_video(path, moving_square(12), 60.0) == 12
    about, frames = decode(path)
    assert frames.shape == (12, 210, 160, 3)
    assert about["fps"] == 60.0
    assert about["codec"] == "h264"
    assert str(about["pix_fmt"]).startswith("yuv420p")
    for n, frame in enumerate(moving_square(12)):
        inside = [frame[110, 10 * n + 10], frame[200, 150], frame[10, 80]]
        decoded = [frames[n][110, 10 * n + 10], frames[n][200, 150], frames[n][10, 80]]
        np.testing.assert_allclose(np.array(decoded, int), np.array(inside, int), atol=6)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_a_scaled_film_has_square_pixels(tmp_path: Path):
    path = tmp_path / "film.mp4"
    write_video(path, moving_square(2, 42, 42), 30.0, scale=3)
    _, frames = decode(path)
    assert frames.shape == (2, 126, 126, 3)


@pytest.mark.parametrize(("rows", "drawn"), [(12, 204), (42, 210), (100, 200), (200, 200), (210, 210)])
def test_small_games_are_drawn_large_enough_to_watch(rows: int, drawn: int, tmp_path: Path):
    path = tmp_path / "film.mp4"
    write_video(path, [np.zeros((rows, 50, 3), np.uint8)] * 2, 30.0, scale=None)
    _, frames = decode(path)
    assert frames.shape == (2, drawn, 50 * drawn // rows, 3)


def test_odd_sizes_gain_one_row_or_column_and_nothing_else(tmp_path: Path):
    path = tmp_path / "film.mp4"
    odd = np.zeros((21, 33, 3), np.uint8)
    odd[:, -1] = odd[-1, :] = 200
    write_video(path, [odd] * 3, 15.0)
    _, frames = decode(path)
    assert frames.shape == (3, 22, 34, 3)
    assert frames[0][:, -1].min() > 190
    assert frames[0][:10, :20].max() < 10


def test_a_film_that_fails_leaves_the_old_one_and_no_rubbish(tmp_path: Path):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"the film before")

    def breaks() -> Iterator[np.ndarray]:
        yield from moving_square(3)
        raise RuntimeError("the emulator stopped")

    with pytest.raises(RuntimeError, match="the emulator stopped"):
        write_video(path, breaks(), 60.0)
    assert path.read_bytes() == b"the film before"
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize(
    ("frames", "sentence"),
    [
        ([], "There is no frame to write"),
        ([np.zeros((4, 4, 3), np.float32)], "is uint8 .H, W, 3., not float32"),
        ([np.zeros((4, 4), np.uint8)], "is uint8 .H, W, 3., not uint8 .4, 4."),
        ([np.zeros((4, 4, 3), np.uint8), np.zeros((6, 4, 3), np.uint8)], "have one size"),
    ],
)
def test_what_is_not_a_film_is_refused(tmp_path: Path, frames: list[np.ndarray], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        write_video(tmp_path / "film.mp4", frames, 60.0)
    assert list(tmp_path.iterdir()) == []


def test_enlarging_repeats_each_pixel():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    np.testing.assert_array_equal(enlarge(image, 2)[:, :, 0], [[0, 0, 3, 3], [0, 0, 3, 3], [6, 6, 9, 9], [6, 6, 9, 9]])
    with pytest.raises(ValueError, match="from 1 up, not 0"):
        enlarge(image, 0)


def test_the_game_view_shows_grey_as_grey():
    grey = np.array([[[7], [9]]], np.uint8)
    np.testing.assert_array_equal(game_view(grey), [[[7, 7, 7], [9, 9, 9]]])


def test_the_net_view_lays_the_stack_side_by_side_oldest_left():
    stack = np.stack([np.full((3, 2), 10 * k, np.uint8) for k in range(4)])
    view = net_view(stack, scale=2, gap=1)
    assert view.shape == (6, 4 * 4 + 3, 3)
    assert [int(view[0, 5 * k, 0]) for k in range(4)] == [0, 10, 20, 30]
    np.testing.assert_array_equal(view[:, 4], np.tile([16, 24, 64], (6, 1)))


def test_the_motion_view_is_grey_at_rest_and_coloured_where_it_moves():
    stack = np.zeros((4, 1, 4), np.uint8)
    stack[:, 0, 3] = 90  # rests
    stack[0, 0, 0] = stack[1, 0, 1] = stack[3, 0, 2] = 200  # a ball on its way to the right
    np.testing.assert_array_equal(motion_view(stack)[0], [[200, 0, 0], [0, 200, 0], [0, 0, 200], [90, 90, 90]])
    one = np.full((1, 1, 1), 5, np.uint8)
    np.testing.assert_array_equal(motion_view(one, scale=2), np.full((2, 2, 3), 5))


def test_a_frame_is_shown_until_the_time_at_which_the_next_has_come():
    frames = [np.full((1, 1, 3), letter, np.uint8) for letter in range(6)]
    came = iter([5.0, 5.1, 5.2, 5.44, 5.5, 5.51])  # the fourth late, the last a little early
    shown = [int(frame[0, 0, 0]) for frame in at_true_speed(frames, 10.0, lambda: next(came))]
    assert shown == [0, 1, 2, 2, 3, 4, 5]
    assert [*at_true_speed([], 10.0)] == []
