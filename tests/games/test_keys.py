"""Keys for actions: those of the labels, those of a game file, and what is chosen by what is held."""

from __future__ import annotations

import pytest

from playfield.games.desktop.actions import Action, Choice
from playfield.games.keys import chosen, keys_by_label, keys_of

ATARI = ("NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "UPLEFTFIRE")


def test_words_of_a_label_are_keys_and_other_labels_are_numbers():
    assert keys_by_label(ATARI) == (
        frozenset(), {"space"}, {"Right"}, {"Left"}, {"Right", "space"}, {"Up", "Left", "space"},
    )  # fmt: skip
    assert keys_by_label(("STAY", "LEFT", "RIGHT")) == (frozenset(), {"Left"}, {"Right"})
    assert keys_by_label(("push cart", "NOOP", "brake")) == ({"1"}, frozenset(), {"3"})
    assert keys_by_label(tuple("abcdefghijk"))[8:] == ({"9"}, {"0"}, frozenset())


def test_a_desktop_game_has_keys_of_its_own_and_none_for_the_pointer():
    still, jump = Choice(label="-"), Choice(label="JUMP", keys=("space",))
    left, click = Choice(label="LEFT", keys=("Left",)), Choice(label="CLICK", buttons=(1,))
    actions = [Action("", (still, still)), Action("", (left, jump)), Action("", (click, still))]
    assert keys_of(actions) == (frozenset(), {"Left", "space"}, None)


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
