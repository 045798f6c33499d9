"""Keys for actions: those of the labels, those of a game file, and what is chosen by what is held."""

from __future__ import annotations

import pytest

from playfield.games.desktop.actions import Action, Choice
from playfield.games.desktop.readers import Region
from playfield.games.keys import chosen, held_by, is_meant, keys_by_label, keys_of, used_by
from playfield.types import Mouse

ATARI = ("NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "UPLEFTFIRE")


def test_words_of_a_label_are_keys_and_other_labels_are_numbers():
    assert keys_by_label(ATARI) == (
        frozenset(), {"space"}, {"Right"}, {"Left"}, {"Right", "space"}, {"Up", "Left", "space"},
    )  # fmt: skip
    assert keys_by_label(("STAY", "LEFT", "RIGHT")) == (frozenset(), {"Left"}, {"Right"})
    assert keys_by_label(("push cart", "NOOP", "brake")) == ({"1"}, frozenset(), {"3"})
    assert keys_by_label(tuple("abcdefghijk"))[8:] == ({"9"}, {"0"}, frozenset())


def test_a_desktop_game_has_keys_and_buttons_of_its_own_and_none_for_what_they_cannot_say():
    still, jump = Choice(label="-"), Choice(label="JUMP", keys=("space",))
    left, click = Choice(label="LEFT", keys=("Left",)), Choice(label="CLICK", buttons=(1,))
    door, look = Choice(label="DOOR", buttons=(1, 3), at="door"), Choice(label="LOOK", at="door")
    actions = [Action("", choices) for choices in ((still, still), (left, jump), (click, jump), (door,), (look, still))]
    assert keys_of(actions) == (
        frozenset(), {"Left", "space"}, {"button 1", "space"}, {"button 1 at door", "button 3 at door"},
        {"pointer over door"},
    )  # fmt: skip
    beyond = (
        Choice(label="B", by=(1, 0)), Choice(label="T", buttons=(1,), at="door", to="box"),
        Choice(label="S", scroll=1), Choice(label="P", pads=("A",)),
    )  # fmt: skip
    assert keys_of([Action("", (still, choice)) for choice in beyond]) == (None,) * 4


DOOR, KEYHOLE = Region(left=10, top=20, width=30, height=40), Region(left=20, top=30, width=5, height=5)
CLICKED = (frozenset(), {"button 1 at door"}, {"button 1 at keyhole"}, {"button 3"}, {"pointer over keyhole"})


@pytest.mark.parametrize(
    ("buttons", "place", "held", "action", "meant"),
    [
        ({1}, (10, 20), {"button 1 at door"}, 1, True),
        ({1}, (39, 59), {"button 1 at door"}, 1, True),
        ({1}, (24, 34), {"button 1 at keyhole"}, 2, True),  # which lies in the door, and says more
        ({1}, (40, 59), {"button 1"}, 0, False),  # beside it
        ({1}, (9, 20), {"button 1"}, 0, False),
        ({1}, None, {"button 1"}, 0, False),
        ({3}, (9, 20), {"button 3"}, 3, True),
        ({3}, (15, 25), {"button 3"}, 3, True),
        ({2}, (15, 25), {"button 2"}, 0, True),  # of no use to any action: it does not reach the game
        ({1, 3}, (15, 25), {"button 1 at door", "button 3"}, 1, False),
        (set(), (15, 25), set(), 0, True),  # no action is to be over the door
        (set(), (22, 32), {"pointer over keyhole"}, 4, True),
    ],
)
def test_a_click_is_the_choice_that_has_its_button_and_the_smallest_region_around_it(
    buttons: set[int], place: tuple[int, int] | None, held: set[str], action: int, meant: bool
):
    keys = tuple(frozenset(each) for each in CLICKED)
    found = held_by(Mouse(frozenset(buttons), place), used_by(keys), {"door": DOOR, "keyhole": KEYHOLE})
    assert found == held
    assert chosen(found, keys) == action
    assert is_meant(found, keys) is meant


@pytest.mark.parametrize(
    ("held", "action"),
    [
        (set(), 0),
        ({"space"}, 1),
        ({"Left"}, 3),
        ({"Right", "space"}, 4),
        ({"Right", "space", "x"}, 4),
        ({"Up", "Left"}, 3),
        ({"Up", "Left", "space"}, 5),
        ({"Left", "space"}, 1),  # there is no such chord: the first of equally long ones
    ],
)
def test_the_longest_chord_that_is_held_is_chosen(held: set[str], action: int):
    assert chosen(held, keys_by_label(ATARI)) == action


def test_a_game_is_told_something_even_where_nothing_is_held():
    assert chosen(set(), (frozenset(["space"]), frozenset(["Left"]))) == 0
    assert chosen({"Left"}, (None, frozenset(["Left"]))) == 1
