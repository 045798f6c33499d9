"""What is suspicious in what readers said, without a window."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from playfield.games.desktop.checking import LONG, Checked, Summary, findings, policy_actions
from playfield.games.desktop.draft import DEFAULT_MS, Draft, presses
from playfield.games.desktop.game_file import GameFile, Launch, Screen, Timing, game_from
from playfield.games.desktop.measure import Repeats, advice, first_difference
from playfield.games.desktop.windows import WindowMatch

FILE = """
name = "it"
[launch]
command = ["it"]
[regions]
top = {left = 0, top = 0, width = 9, height = 9}
[[axes]]
name = "move"
choices = [{label = "STAY"}, {label = "GO", keys = ["Left"]}]
[readers.score]
kind = "digits"
region = "top"
[[rewards]]
reader = "score"
"""


def file() -> GameFile:
    return game_from(FILE, "it.toml")


def summary(values: list[float], truth: list[float] | None = None, episodes: list[int] | None = None) -> Summary:
    found = Summary("score")
    for step, value in enumerate(values):
        why = {"score": "the reader 'score' cannot be read: there is no digit"} if math.isnan(value) else {}
        found.add(
            Checked(
                episode=episodes[step] if episodes else 0, step=step, action=0, values={"score": value},
                unreadable=why, truth={} if truth is None else {"score": truth[step]},
                picture=np.zeros((1, 1, 3), np.uint8),
            )
        )  # fmt: skip
    return found


def test_a_summary_counts_what_changed_between_what_and_what():
    found = summary([0, 0, 2, 2, 5])
    assert (found.lowest, found.highest, found.changes, found.steps, found.unreadable) == (0, 5, 2, 5, 0)
    assert findings(file(), [found]) == []


def test_a_reader_that_never_changes_is_told_once_it_should_have():
    assert findings(file(), [summary([3.0] * (LONG - 1))]) == []
    (said,) = findings(file(), [summary([3.0] * LONG)])
    assert said.startswith("the reader 'score' was 3 at all 1,000 steps")
    assert said.endswith("playfield games check it.toml --policy scripted")


def test_a_reader_that_is_not_the_truth_is_told_with_the_first_step():
    (said,) = findings(file(), [summary([0, 1, 1], truth=[0, 1, 2])])
    assert said == "the reader 'score' was wrong at 1 steps, first step 2: read 1, true 2"


def test_digits_that_cannot_be_read_are_to_be_calibrated():
    (said,) = findings(file(), [summary([0, math.nan, 1])])
    assert "there is no digit at step 1 (1 of 3 steps): playfield games calibrate it.toml --region top" in said


def test_a_score_that_falls_within_an_episode_is_told_and_between_two_is_not():
    assert "fell from 4 to 1 at step 2" in findings(file(), [summary([0, 4, 1])])[0]
    assert findings(file(), [summary([0, 4, 0], episodes=[0, 0, 1])]) == []


def test_the_scripted_policy_holds_every_action_in_turn():
    assert policy_actions(file(), "scripted", 20, 0) == [0] * 8 + [1] * 8 + [0] * 4
    assert policy_actions(file(), "random", 50, 3) == policy_actions(file(), "random", 50, 3)
    assert policy_actions(file(), "random", 50, 3) != policy_actions(file(), "random", 50, 4)


def test_courses_part_where_one_differs_or_ends():
    assert first_difference([[b"a", b"b"], [b"a", b"b"]]) is None
    assert first_difference([[b"a", b"b"], [b"a", b"c"]]) == 1
    assert first_difference([[b"a", b"b"], [b"a"]]) == 1


def test_advice_says_what_was_proved():
    exact = Repeats(steps=200, different=190, first_difference=None, other_seed_differs=True, rescued=0)
    assert exact.exact
    assert advice(exact) == 'clock = "virtual": seed and actions are the whole episode'
    assert "every seed gives the same course" in advice(replace(exact, other_seed_differs=False))
    assert "not exact: processes of one seed part at step 7" in advice(replace(exact, first_difference=7))
    still = replace(exact, different=1)
    assert not still.exact
    assert "nothing in the window changed, so this says nothing" in advice(still)


def test_a_beginning_is_pressed_key_by_key():
    pressed = presses(["Return", "wait:1000", "Control_L+n:50"])
    assert [(press.keys, press.ms) for press in pressed] == [
        (("Return",), DEFAULT_MS), ((), DEFAULT_MS), ((), 1000), (("Control_L", "n"), 50),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="'Return:x' is no step of a beginning"):
        presses(["Return:x"])


def test_a_draft_is_a_game_of_one_axis():
    draft = Draft(
        name="it", launch=Launch(command=("it",)), window=WindowMatch(), screen=Screen(width=320, height=200),
        timing=Timing(step_ms=40), keys=("Left", "space"), begin=(),
    )  # fmt: skip
    game = draft.game()
    assert [action.label for action in game.actions] == ["STAY", "LEFT", "SPACE"]
    assert game.timing.step_ms == 40
