"""Regions that are proposed on windows drawn here by hand."""

from __future__ import annotations

import numpy as np

from playfield.games.desktop.proposals import Course, answer, propose_regions
from playfield.games.desktop.readers import Region
from playfield.games.desktop.refgame import GLYPHS

HEIGHT, WIDTH, STEPS = 120, 160, 12


def window(step: int, player: int, score: str = "042") -> np.ndarray:
    """A score at 10, 6; a ball that falls down a column; a paddle."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for place, digit in enumerate(score):
        bits = np.array([bit == "1" for bit in GLYPHS[int(digit)]]).reshape(5, 3).repeat(3, 0).repeat(3, 1)
        picture[6:21, 10 + place * 12 : 19 + place * 12][bits] = 240
    picture[30 + step * 5 : 35 + step * 5, 100:105] = 200
    picture[110:116, player : player + 20] = (0, 90, 255)
    return picture


def course(speeds: dict[str, int], score_at: int = 99) -> Course:
    def pictures(speed: int) -> list[np.ndarray]:
        return [window(s, 60 + speed * s, "042" if s < score_at else "043") for s in range(STEPS)]

    return Course(idle=pictures(0), held={key: pictures(speed) for key, speed in speeds.items()})


def test_what_moves_what_keys_move_and_what_is_written_are_told_apart():
    found = propose_regions(course({"Left": -4, "Right": 4}))
    assert list(found) == ["field", "player", "writing_1"]
    assert found["player"].region == Region(left=56, top=110, width=28, height=6)
    assert found["field"].region == Region(left=16, top=30, width=108, height=86)
    assert found["writing_1"].region == Region(left=8, top=4, width=36, height=18)


def test_a_number_that_seldom_changes_is_still_writing():
    found = propose_regions(course({"Left": -4}, score_at=6))
    assert found["writing_1"].region == Region(left=8, top=4, width=36, height=18)


def test_one_place_is_proposed_once():
    """Where nothing moves but what a key moves, the field is the player."""
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    moved = [black.copy() for _ in range(STEPS)]
    for step, picture in enumerate(moved[1:], 1):
        picture[50:60, 40 : 60 + (step > 1)] = 90
    found = propose_regions(Course(idle=[black] * STEPS, held={"Left": moved}))
    assert {name: each.region for name, each in found.items()} == {
        "field": Region(left=40, top=50, width=21, height=10),
        "player": Region(left=40, top=50, width=20, height=10),
    }
    moved[1][50:60, 60] = 90
    found = propose_regions(Course(idle=[black] * STEPS, held={"Left": moved}))
    assert list(found) == ["field"]


def test_the_first_picture_that_a_key_makes_different_is_its_answer():
    played = course({"Left": -4, "x": 0})
    assert (answer(played, "Left"), answer(played, "x")) == (1, None)


def test_where_nothing_moves_and_nothing_is_written_nothing_is_proposed():
    empty = [np.full((HEIGHT, WIDTH, 3), 7, np.uint8)] * 4
    assert propose_regions(Course(idle=empty, held={"Left": empty})) == {}
