"""Digits learnt from drawn crops, and written into a game file without touching anything else."""

from __future__ import annotations

import numpy as np
import pytest

from playfield.games.desktop.calibration import (
    Crops,
    drawn,
    found_glyphs,
    ink,
    look_reader_of,
    mask_from,
    named,
    names_of,
    pattern_of_look,
    reader_of,
    renamed,
    run_together,
    unnamed,
    with_look,
    with_patterns,
)
from playfield.games.desktop.game_file import game_from
from playfield.games.desktop.pictures import annotated, glyph_sheet, look_sheet
from playfield.games.desktop.readers import Digits, Looks, Region, WindowState, pattern_of
from playfield.games.desktop.refgame import GLYPHS

INK, PAPER = (200, 40, 40), (10, 20, 30)
STATE = WindowState(sizes=(), titles=(), running=True, still_steps=0)


def crop(number: str, scale: int = 2) -> np.ndarray:
    picture = np.full((5 * scale + 2, len(number) * (3 * scale + 1) + 1, 3), PAPER, np.uint8)
    for place, digit in enumerate(number):
        bits = np.array([bit == "1" for bit in GLYPHS[int(digit)]]).reshape(5, 3).repeat(scale, 0).repeat(scale, 1)
        left = 1 + place * (3 * scale + 1)
        picture[1 : 1 + 5 * scale, left : left + 3 * scale][bits] = INK
    return picture


def test_what_is_learnt_from_some_numbers_reads_others():
    shown = [crop("081"), crop("118"), crop("880")]
    colour = ink(shown)
    assert colour == INK
    found = found_glyphs(shown, colour, 0)
    assert [glyph.seen for glyph in found] == [2, 3, 2]
    patterns = named(found, "081", {})
    reader = Digits(region="r", colour=colour, patterns=patterns)
    assert [reader.read(crop(text), STATE) for text in ("180", "011", "888")] == [180.0, 11.0, 888.0]


def test_the_ink_is_not_the_background_even_where_there_is_more_of_it():
    full = np.full((20, 20, 3), INK, np.uint8)
    full[0] = full[-1] = PAPER
    full[:, 0] = full[:, -1] = PAPER
    assert ink([full]) == INK
    with pytest.raises(ValueError, match="one colour only"):
        ink([np.zeros((4, 4, 3), np.uint8)])


def test_known_glyphs_are_not_asked_again_and_another_shape_of_a_digit_is_added():
    found = found_glyphs([crop("12")], INK, 0)
    patterns = named(found, "1?", {})
    assert list(patterns) == ["1"]
    rest = unnamed(found, patterns)
    assert [glyph.pattern for glyph in rest] == [found[1].pattern]
    assert named(rest, "1", patterns) == {"1": f"{found[0].pattern} {found[1].pattern}"}


def test_names_for_all_glyphs_replace_those_that_they_had():
    found = found_glyphs([crop("0123")], INK, 0)
    zero, one, two, three = (glyph.pattern for glyph in found)
    first = renamed(found, "013?", {"9": "1x80", "1": "2xc0"})
    assert first == {"0": zero, "1": f"2xc0 {one}", "3": two, "9": "1x80"}
    assert names_of(found, first) == "013?"
    assert renamed(found, "2", first) == {**first, "2": three}  # the one that has none
    second = renamed(found, "0123", first)
    assert second == {"0": zero, "1": f"2xc0 {one}", "2": two, "3": three, "9": "1x80"}
    assert names_of(found, second) == "0123"
    assert renamed(found, "?12?", second) == {"1": f"2xc0 {one}", "2": two, "9": "1x80"}
    with pytest.raises(ValueError, match=r"names 2 glyphs, but there are 4 \(none lacks one\); .* --glyphs '0123'$"):
        renamed(found, "12", second)
    with pytest.raises(ValueError, match=r"names 0 glyphs, but there are 4 \(1 for those that have none yet\)"):
        renamed(found, "", first)


@pytest.mark.parametrize(
    ("names", "sentence"), [("1", "names 1 glyphs, but 2 are to be named"), ("1x", "holds 'x'; write digits")]
)
def test_names_that_do_not_fit_are_one_sentence(names: str, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        named(found_glyphs([crop("12")], INK, 0), names, {})


def test_a_colour_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(ValueError, match=r"colour \(1, 2, 3\); its commonest colours are \(10, 20, 30\), \(200, 40"):
        found_glyphs([crop("12")], (1, 2, 3), 0)
    noise = np.random.default_rng(0).integers(0, 2, (400, 9, 9, 1), dtype=np.uint8).repeat(3, 3) * 255
    with pytest.raises(ValueError, match="different shapes of the colour"):
        found_glyphs(list(noise), (255, 255, 255), 0)


def test_a_pattern_is_its_pixels():
    random = np.random.default_rng(0)
    for _ in range(30):
        mask = random.random((random.integers(1, 20), random.integers(1, 12))) < 0.5
        mask[0, 0] = mask[-1, -1] = True
        assert np.array_equal(mask_from(pattern_of(mask)), mask)
    assert drawn(pattern_of(np.array([[True, False], [True, True]]))) == "#.\n##"


def test_digits_that_touch_are_told():
    touching = np.delete(crop("88"), 7, axis=1)
    found = found_glyphs([crop("77")[:, :-1], touching], INK, 0)
    assert run_together(found) == [found[1]]


def test_only_different_looks_are_kept():
    crops = Crops(Region(left=1, top=0, width=2, height=2))
    picture = np.zeros((4, 4, 3), np.uint8)
    for value in (0, 5, 0, 5, 0):
        picture[1, 1] = value
        picture[3, 3] += 1  # outside
        crops.add(picture)
    assert [int(each.max()) for each in crops.different] == [0, 5]
    assert crops.looked == 5


FILE = """\
# mine
name = "it"
[launch]
command = ["it"]
[regions]
top = {left = 0, top = 0, width = 9, height = 9} # here
[[axes]]
name = "move"
choices = [{label = "STAY"}]
[readers.gone]
kind = "gone"
"""


def test_patterns_are_written_into_the_file_and_nothing_else_changes():
    first = Digits(region="top", colour=INK, tolerance=3, patterns={"1": "1x80"})
    text = with_patterns(FILE, "top", first)
    assert text.startswith(FILE)
    assert game_from(text, "x").readers["top"] == first
    assert reader_of(game_from(text, "x"), "top") == ("top", first)
    text += '# the end\n[[rewards]]\nreader = "top"\n'
    more = Digits(region="top", colour=INK, tolerance=3, patterns={"1": "1x80", "7": "2xc0"})
    changed = with_patterns(text, "top", more)
    assert game_from(changed, "x").readers["top"] == more
    assert changed.replace('7 = "2xc0"\n', "") == text


def test_a_file_that_would_become_another_game_is_left_alone():
    inline = FILE + '[readers.top]\nkind = "digits"\nregion = "top"\npatterns = {1 = "1x80"}\n'
    with pytest.raises(ValueError, match=r"TOML|way of its own"):
        with_patterns(inline, "top", Digits(region="top", patterns={"1": "1x80", "2": "2xc0"}))
    with pytest.raises(ValueError, match=r"it\.toml has no region 'tip'; it has: top"):
        reader_of(game_from(FILE, "x"), "tip")


def test_pictures_for_a_person_mark_regions_and_show_every_glyph():
    picture = np.zeros((40, 60, 3), np.uint8)
    shown = annotated(picture, {"score": Region(left=10, top=5, width=8, height=6)}, {"score": "3", "gone": "0"})
    assert shown.shape[1] == 120
    assert shown.shape[0] > 80
    assert tuple(shown[10, 20]) == tuple(shown[21, 35]) == (255, 64, 64)
    assert not shown[12:20, 22:34].any()
    sheet = glyph_sheet([mask_from(glyph.pattern) for glyph in found_glyphs([crop("0123456789")], INK, 0)] * 2)
    assert sheet.shape[1] > sheet.shape[0]
    assert (sheet == 255).all(2).any()


def test_ten_regions_have_ten_colours():
    regions = {f"r{n}": Region(left=5 * n, top=3, width=4, height=4) for n in range(10)}
    shown = annotated(np.zeros((10, 60, 3), np.uint8), regions, {})
    frames = [shown[6, 10 * n].tolist() for n in range(10)]
    assert all(
        a == b or sum(abs(x - y) for x, y in zip(frames[a], frames[b], strict=True)) > 60
        for a in range(10)
        for b in range(10)
    )


def test_a_look_is_written_into_the_file_and_nothing_else_changes():
    first = Looks(region="top", pattern="f0", share=0.9)
    text = with_look(FILE, "top", first)
    assert text.startswith(FILE)
    assert game_from(text, "x").readers["top"] == first
    assert look_reader_of(game_from(text, "x"), "top") == ("top", first)
    text += "# the end\n"
    other = Looks(region="top", pattern="0f", share=0.9)
    assert with_look(text, "top", other) == text.replace('"f0"', '"0f"')
    without = text.replace('pattern = "f0"\n', "")
    assert game_from(with_look(without, "top", other), "x").readers["top"] == other
    with pytest.raises(ValueError, match="a reader 'top' of another kind is there already"):
        reader_of(game_from(text, "x"), "top")
    inline = FILE + '[readers]\ntop = {kind = "looks", region = "top", pattern = "f0"}\n'
    with pytest.raises(ValueError, match=r"TOML|in a way of its own the look of 'top'"):
        with_look(inline.replace('[readers.gone]\nkind = "gone"\n', ""), "top", Looks(region="top", pattern="0f"))


def test_what_is_kept_of_a_look_is_what_is_bright_and_a_person_sees_both():
    # 1000 0001 | 1000 0000
    lit = np.zeros((2, 8, 3), np.uint8)
    lit[0, 0] = lit[0, 7] = lit[1, 0] = (255, 255, 0)
    assert pattern_of_look(lit) == "8180"
    reader = Looks(region="top", pattern="8180")
    assert reader.read(lit, STATE) == 1.0
    assert reader.read(lit[::-1], STATE) == 0.0
    sheet = look_sheet(lit)
    assert sheet.shape == (240, 20 * 120, 3)
    assert tuple(sheet[0, 0]) == (255, 255, 0)
    assert tuple(sheet[0, 12 * 120]) == (255, 255, 255)
    with pytest.raises(ValueError, match="pattern is not as games calibrate writes it"):
        Looks(region="top", pattern="xy")
    with pytest.raises(ValueError, match="no look is kept yet"):
        Looks(region="top").read(lit, STATE)
