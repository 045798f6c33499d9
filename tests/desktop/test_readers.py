"""Readers on pictures that are drawn here by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from playfield.games.desktop.readers import (
    Bar,
    Digits,
    Gone,
    Looks,
    Pixels,
    Readings,
    Region,
    Still,
    Unreadable,
    WindowShown,
    WindowState,
    glyphs,
    look_of,
    needs_windows,
    pattern_of,
)
from playfield.games.desktop.refgame import GLYPHS

INK, PAPER = (240, 240, 240), (16, 18, 28)
IDLE = WindowState(sizes=((640, 480),), titles=("Game",), running=True, still_steps=0)


def mask_of(digit: int, scale: int = 1) -> np.ndarray:
    bits = np.array([bit == "1" for bit in GLYPHS[digit]]).reshape(5, 3)
    return bits.repeat(scale, axis=0).repeat(scale, axis=1)


def written(digits: str, scale: int = 2) -> np.ndarray:
    """A picture of digits with an empty column between them and a margin around."""
    parts = [np.zeros((5 * scale, 1), bool)]
    for digit in digits:
        parts += [mask_of(int(digit), scale), np.zeros((5 * scale, 1), bool)]
    mask = np.pad(np.concatenate(parts, axis=1), 3)
    return np.where(mask[:, :, None], np.array(INK), np.array(PAPER)).astype(np.uint8)


PATTERNS = {str(digit): pattern_of(mask_of(digit, 2)) for digit in range(10)}
SCORE = Digits(region="score", colour=INK, patterns=PATTERNS)


@pytest.mark.parametrize("number", ["0", "7", "0123456789", "90210"])
def test_digits_are_read(number: str):
    assert SCORE.read(written(number), IDLE) == float(number)


def test_a_pattern_is_width_and_bits():
    # 010 110 010 010 111 is 0101 1001 0010 111(0)
    assert pattern_of(mask_of(1)) == "3x592e"
    assert pattern_of(np.pad(mask_of(1), ((4, 2), (0, 0)))) == "3x592e"
    assert len(glyphs(np.pad(np.concatenate([mask_of(8), np.zeros((5, 2), bool), mask_of(8)], axis=1), 1))) == 2


def test_a_digit_may_have_several_patterns():
    both = {**PATTERNS, "1": f"{PATTERNS['1']} {pattern_of(mask_of(1, 1))}"}
    assert Digits(region="s", colour=INK, patterns=both).read(written("1", 1), IDLE) == 1.0


def test_what_is_no_known_digit_is_said():
    with pytest.raises(Unreadable, match="1 of 2 digits are of an unknown pattern"):
        Digits(region="s", colour=INK, patterns={"4": PATTERNS["4"]}).read(written("41"), IDLE)
    with pytest.raises(Unreadable, match="there is no digit"):
        SCORE.read(np.zeros((20, 20, 3), np.uint8), IDLE)


def test_the_colour_of_digits_is_exact_but_for_the_tolerance():
    dim = written("5").copy()
    dim[dim == 240] = 236
    with pytest.raises(Unreadable):
        SCORE.read(dim, IDLE)
    assert Digits(region="s", colour=INK, tolerance=4, patterns=PATTERNS).read(dim, IDLE) == 5.0


def picture(height: int = 10, width: int = 20) -> np.ndarray:
    return np.zeros((height, width, 3), np.uint8)


def test_pixels_are_counted_by_colour():
    seen = picture()
    seen[2:4, 3:6] = (255, 0, 9)
    seen[5, 5] = (250, 0, 9)
    assert Pixels(region="r", colour=(255, 0, 9)).read(seen, IDLE) == 6.0
    assert Pixels(region="r", colour=(255, 0, 9), each=3).read(seen, IDLE) == 2.0
    assert Pixels(region="r", colour=(255, 0, 9), tolerance=5).read(seen, IDLE) == 7.0


def test_a_bar_is_the_share_of_its_columns_or_rows():
    seen = picture()
    seen[3:5, :5] = (0, 200, 0)
    assert Bar(region="r", colour=(0, 200, 0)).read(seen, IDLE) == 0.25
    assert Bar(region="r", colour=(0, 200, 0), upright=True).read(seen, IDLE) == 0.2


def test_a_look_is_known_again():
    seen = picture(8, 8)
    seen[:4] = 255
    kept = np.packbits(look_of(seen)).tobytes().hex()
    assert Looks(region="r", pattern=kept).read(seen, IDLE) == 1.0
    seen[4, :2] = 255
    assert Looks(region="r", pattern=kept).read(seen, IDLE) == 0.0
    assert Looks(region="r", pattern=kept, share=0.9).read(seen, IDLE) == 1.0
    with pytest.raises(Unreadable, match="another size"):
        Looks(region="r", pattern=kept).read(picture(9, 9), IDLE)


def test_states_of_windows_and_processes():
    seen = picture()
    assert [Still(steps=3).read(seen, IDLE._replace(still_steps=n)) for n in (2, 3, 9)] == [0.0, 1.0, 1.0]
    assert [Gone().read(seen, IDLE._replace(running=r)) for r in (True, False)] == [0.0, 1.0]
    assert WindowShown(size=(78, 34)).read(seen, IDLE) == 0.0
    assert WindowShown(size=(78, 34)).read(seen, IDLE._replace(sizes=((640, 480), (78, 34)))) == 1.0
    assert WindowShown(title="^Over").read(seen, IDLE._replace(titles=("Game", "Overture"))) == 1.0
    assert WindowShown(title="^Over").read(seen, IDLE._replace(titles=("Game Over",))) == 0.0
    assert needs_windows([Gone(), WindowShown(title="x")])
    assert not needs_windows([Gone(), Still()])


def test_all_readers_look_at_their_own_region_and_name_themselves_where_they_cannot():
    seen = picture(40, 60)
    two = written("2")
    seen[10 : 10 + len(two), 20 : 20 + two.shape[1]] = two
    regions = {"score": Region(left=20, top=10, width=two.shape[1], height=len(two))}
    readers = {"points": SCORE, "gone": Gone()}
    assert Readings(readers, regions).of(seen, IDLE) == {"points": 2.0, "gone": 0.0}
    with pytest.raises(Unreadable, match="the reader 'points' cannot be read: there is no digit"):
        Readings(readers, {"score": Region(left=0, top=0, width=5, height=5)}).of(seen, IDLE)


def test_digits_that_touch_are_read_in_cells_of_one_width():
    ones = np.concatenate([mask_of(7), mask_of(4)], axis=1)  # no blank column between them
    seen = np.where(ones[:, :, None], np.array(INK), np.array(PAPER)).astype(np.uint8)
    patterns = {str(digit): pattern_of(mask_of(digit)) for digit in range(10)}
    assert replace(SCORE, patterns=patterns, cell=3).read(seen, IDLE) == 74.0
    with pytest.raises(Unreadable, match="1 of 1 digits are of an unknown pattern"):
        replace(SCORE, patterns=patterns).read(seen, IDLE)
    # A digit that leans into the cell before it spoils only the pixels that are not looked at.
    leaning = np.concatenate([mask_of(7), np.zeros((5, 1), bool), mask_of(4), np.zeros((5, 1), bool)], axis=1)
    leaning[4, 3] = True
    seen = np.where(leaning[:, :, None], np.array(INK), np.array(PAPER)).astype(np.uint8)
    assert replace(SCORE, patterns=patterns, cell=4, gap=1).read(seen, IDLE) == 74.0
    with pytest.raises(Unreadable):
        replace(SCORE, patterns=patterns, cell=4).read(seen, IDLE)
    with pytest.raises(ValueError, match="a gap smaller than its cell"):
        replace(SCORE, cell=4, gap=4)


def test_a_number_under_a_menu_is_held_for_so_many_steps():
    two, menu = written("2"), picture(*written("2").shape[:2])
    region = Region(left=0, top=0, width=two.shape[1], height=len(two))
    readings = Readings({"points": replace(SCORE, hold=2)}, {"score": region})
    found = [readings.of(each, IDLE)["points"] for each in (two, menu, menu, two, menu, menu)]
    assert found == [2.0] * 6
    with pytest.raises(Unreadable):
        readings.of(menu, IDLE)
    with pytest.raises(Unreadable):
        Readings({"points": replace(SCORE, hold=2)}, {"score": region}).of(menu, IDLE)  # never read: nothing to hold


def test_a_look_at_which_another_reader_fails_uses_up_nothing_that_is_held():
    """A game in real time is looked at again where its picture was torn."""
    two, menu = written("2"), picture(*written("2").shape[:2])
    region = Region(left=0, top=0, width=two.shape[1], height=len(two))
    strict = replace(SCORE, region="level")
    regions = {"score": region, "level": replace(region, left=two.shape[1])}
    readings = Readings({"points": replace(SCORE, hold=1), "level": strict}, regions)
    both, torn, held = (np.concatenate(sides, axis=1) for sides in ((two, two), (menu, menu), (menu, two)))
    assert readings.of(both, IDLE) == {"points": 2.0, "level": 2.0}
    for _ in range(3):
        with pytest.raises(Unreadable, match="the reader 'level'"):
            readings.of(torn, IDLE)
    assert readings.of(held, IDLE) == {"points": 2.0, "level": 2.0}
    with pytest.raises(Unreadable, match="the reader 'points'"):
        readings.of(held, IDLE)


def test_impossible_readers_are_refused():
    with pytest.raises(ValueError, match="each must be above 0"):
        Pixels(region="r", colour=(1, 2, 3), each=0)
    with pytest.raises(ValueError, match="told by its title or its size"):
        WindowShown()
    with pytest.raises(ValueError, match="width and height of 1 or more"):
        Region(left=0, top=0, width=0, height=3)


def test_a_number_that_is_said_to_rise_cannot_fall():
    region = Region(left=0, top=0, width=written("17").shape[1], height=written("17").shape[0])
    assert written("17").shape == written("12").shape
    rising = replace(SCORE, rises=True)
    readings = Readings({"points": rising}, {"score": region})
    assert [readings.of(written(digits), IDLE)["points"] for digits in ("12", "12", "17")] == [12.0, 12.0, 17.0]
    with pytest.raises(
        Unreadable, match="the reader 'points' cannot be read: it says 12 after 17, and is said to rise"
    ):
        readings.of(written("12"), IDLE)
    held = Readings({"points": replace(rising, hold=1)}, {"score": region})
    assert [held.of(written(digits), IDLE)["points"] for digits in ("17", "12", "17")] == [17.0, 17.0, 17.0]
    assert [Readings({"points": SCORE}, {"score": region}).of(written(d), IDLE)["points"] for d in ("17", "12")] == [
        17.0,
        12.0,
    ]


def test_digits_that_look_as_before_are_looked_up_and_not_read_again(monkeypatch: pytest.MonkeyPatch):
    region = Region(left=0, top=0, width=written("17").shape[1], height=written("17").shape[0])
    read, asked = Digits.read, []
    monkeypatch.setattr(Digits, "read", lambda self, *seen: asked.append(1) or read(self, *seen))
    two = {"points": SCORE, "twice": replace(SCORE, tolerance=1)}
    readings = Readings(two, {"score": region})
    said = [readings.of(written(digits), IDLE) for digits in ("17", "12", "17", "17", "12")]
    assert [each["points"] for each in said] == [17.0, 12.0, 17.0, 17.0, 12.0] == [each["twice"] for each in said]
    assert len(asked) == 4  # two numbers by two readers
