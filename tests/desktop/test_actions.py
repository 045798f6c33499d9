"""Actions by axes, and the keys that are held for them: nothing twice, everything let go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from playfield.games.desktop.actions import Action, Axis, Choice, HeldInputs, combined

MOVE = Axis(
    name="move",
    choices=(Choice(label="STAY"), Choice(label="LEFT", keys=("Left",)), Choice(label="RIGHT", keys=("Right",))),
)
SHOOT = Axis(name="shoot", choices=(Choice(label="HOLD"), Choice(label="FIRE", keys=("space",), buttons=(1,))))


class Hands:
    """Writes down what it is asked to do."""

    def __init__(self) -> None:
        self.said: list[tuple[object, ...]] = []

    def keycode(self, key: str) -> int:
        return {"Left": 1, "Right": 2, "space": 3}[key]

    def key(self, code: int, *, down: bool) -> None:
        self.said.append(("key", code, down))

    def button(self, number: int, *, down: bool) -> None:
        self.said.append(("button", number, down))

    def move(self, x: int, y: int) -> None:
        self.said.append(("move", x, y))

    def settle(self) -> None:
        self.said.append(("settle",))

    def taken(self) -> list[tuple[object, ...]]:
        """What was done since, for whose end is always waited; where nothing was done nothing is waited for."""
        said, self.said = self.said, []
        assert not said or (said.pop() == ("settle",) and said)
        return said


class Places:
    def middle(self, region: str) -> tuple[int, int]:
        return {"here": (10, 20), "there": (30, 40)}[region]


def held() -> tuple[HeldInputs, Hands]:
    hands = Hands()
    return HeldInputs(hands, Places()), hands


def test_axes_are_combined_as_product_or_one_after_the_other():
    product = [action.label for action in combined((MOVE, SHOOT), "product")]
    assert product == ["STAY + HOLD", "STAY + FIRE", "LEFT + HOLD", "LEFT + FIRE", "RIGHT + HOLD", "RIGHT + FIRE"]
    assert [action.label for action in combined((MOVE, SHOOT), "concatenation")] == [
        "STAY",
        "LEFT",
        "RIGHT",
        "HOLD",
        "FIRE",
    ]
    assert combined((MOVE, SHOOT), "product")[3].choices == (MOVE.choices[1], SHOOT.choices[1])


def test_too_many_actions_and_none_are_refused():
    wide = Axis(name="w", choices=tuple(Choice(label=str(i)) for i in range(17)))
    with pytest.raises(ValueError, match="1 to 256 actions, and these axes make 289"):
        combined((wide, wide), "product")
    assert len(combined((wide, wide), "concatenation")) == 34
    with pytest.raises(ValueError, match="make 0"):
        combined((), "product")


def test_an_action_changes_what_is_held_by_the_difference():
    inputs, hands = held()
    both = Action("", (MOVE.choices[1], SHOOT.choices[1]))
    inputs.take(both)
    assert hands.taken() == [("key", 1, True), ("key", 3, True), ("button", 1, True)]
    inputs.take(both)
    assert hands.taken() == []
    inputs.take(Action("", (MOVE.choices[2], SHOOT.choices[1])))
    assert hands.taken() == [("key", 1, False), ("key", 2, True)]
    inputs.release()
    assert hands.taken() == [("key", 2, False), ("key", 3, False), ("button", 1, False)]
    inputs.release()
    assert hands.taken() == []


def test_the_pointer_goes_before_the_button_and_is_dragged_after_it():
    inputs, hands = held()
    inputs.take(Action("", (Choice(label="drag", buttons=(1,), at="here", to="there"),)))
    assert hands.taken() == [("move", 10, 20), ("button", 1, True), ("move", 30, 40)]
    inputs.take(Action("", (Choice(label="nudge", by=(5, -7)),)))
    assert hands.taken() == [("button", 1, False), ("move", 35, 33)]
    inputs.take(Action("", (Choice(label="wheel", scroll=-2),)))
    assert hands.taken() == [("button", 5, True), ("button", 5, False)] * 2


def test_a_click_at_another_region_is_a_new_one_and_aim_is_taken_with_the_button_down():
    inputs, hands = held()
    here, there = (Action("", (Choice(label="", buttons=(1,), at=region),)) for region in ("here", "there"))
    inputs.take(here)
    assert hands.taken() == [("move", 10, 20), ("button", 1, True)]
    inputs.take(there)
    assert hands.taken() == [("button", 1, False), ("move", 30, 40), ("button", 1, True)]
    inputs.take(there)
    assert hands.taken() == [("move", 30, 40)]
    inputs.take(Action("", (Choice(label="", at="here"), Choice(label="", buttons=(1,)))))
    assert hands.taken() == [("move", 10, 20)]


def test_a_click_at_another_region_lets_go_of_no_button_of_another_axis():
    inputs, hands = held()
    shield = Choice(label="shield", buttons=(3,))
    here, there = (Choice(label="", buttons=(1,), at=region) for region in ("here", "there"))
    inputs.take(Action("", (here, shield)))
    hands.taken()
    inputs.take(Action("", (there, shield)))
    assert hands.taken() == [("button", 1, False), ("move", 30, 40), ("button", 1, True)]
    inputs.take(Action("", (Choice(label="", buttons=(1, 3)), replace(there, at="here", buttons=(1,)))))
    assert hands.taken() == [("button", 1, False), ("move", 10, 20), ("button", 1, True)]


class TornHands(Hands):
    """A signal tears whoever waits out of waiting, so that nobody knows what was done."""

    def settle(self) -> None:
        raise KeyboardInterrupt


def test_what_was_pressed_or_let_go_of_when_a_signal_came_is_let_go_of_again():
    hands, both = TornHands(), Action("", (MOVE.choices[1], SHOOT.choices[1]))
    inputs = HeldInputs(hands, Places())
    up = [("key", 1, False), ("key", 3, False), ("button", 1, False)]
    with pytest.raises(KeyboardInterrupt):
        inputs.take(both)
    hands.said.clear()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            inputs.release()
        assert hands.said == up
        hands.said.clear()
    with pytest.raises(KeyboardInterrupt):
        inputs.take(Action("", (MOVE.choices[2],)))
    hands.said.clear()
    with pytest.raises(KeyboardInterrupt):
        inputs.release()
    assert hands.said == [("key", 1, False), ("key", 2, False), ("key", 3, False), ("button", 1, False)]


def test_pixels_are_counted_from_where_the_pointer_stands():
    hands = Hands()
    HeldInputs(hands, Places(), pointer=(320, 240)).take(Action("", (Choice(label="nudge", by=(5, -7)),)))
    assert hands.taken() == [("move", 325, 233)]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Choice(label="a", at="x", by=(1, 2)), "at a region or by pixels, not both"),
        (lambda: Choice(label="a", to="x"), "drags to 'x', but holds no button"),
        (lambda: Axis(name="a", choices=()), "has no choices"),
        (lambda: Axis(name="a", choices=(Choice(label="x"), Choice(label="x"))), "two choices of one label"),
    ],
)
def test_impossible_choices_are_refused(make, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        make()
