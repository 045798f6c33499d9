"""What never changes is told once it should have, of all copies of a game together."""

from __future__ import annotations

import re

import numpy as np
import pytest

from desktop.test_checking import file
from playfield.games.desktop import games
from playfield.games.desktop.checking import MOST_SHORT, Checked, short_episodes
from playfield.games.desktop.readers import Gone
from playfield.games.desktop.watching import LONG, NothingHappens, Watch, over_at_once, should_change


def watched(values: list[float], *, moved: bool = True) -> list[str]:
    said = list[str]()
    watch = Watch(file(), said.append)
    watch.begins({"score": values[0]})
    for value in values[1:]:
        watch.step({"score": value}, moved=moved)
    return said


def test_a_reader_that_never_changes_is_told_once_at_the_thousandth_step():
    assert watched([3.0] * LONG) == []
    (said,) = watched([3.0] * (2 * LONG))
    assert said.startswith("the reader 'score' was 3 at all 1,000 steps: compare its region with the picture")
    assert said.endswith("playfield games check it.toml --policy scripted")


def test_a_change_in_any_step_or_between_two_episodes_is_one():
    assert watched([3.0] * LONG + [4.0] + [3.0] * LONG) == []
    said = list[str]()
    watch = Watch(file(), said.append)
    for value in (0.0, 7.0):  # one copy begins otherwise than the other
        watch.begins({"score": value})
    for _ in range(LONG):
        watch.step({"score": 7.0}, moved=True)
    assert said == []


def test_copies_are_judged_once_each_might_have_come_to_an_end(monkeypatch: pytest.MonkeyPatch):
    watches, said = list[Watch](), list[str]()
    monkeypatch.setattr(games, "DesktopGame", lambda file, pace, watch: watches.append(watch))
    monkeypatch.setattr(games, "Watch", lambda file, **more: Watch(file, said.append, **more))
    games.desktop_games("refgame", 30)
    (watch,) = set(watches)
    for _ in range(30):
        watch.begins({"over": 0.0})
    for _ in range(30 * LONG - 1):
        watch.step({"over": 0.0}, moved=True)
    assert said == []
    watch.step({"over": 0.0}, moved=True)
    (sentence,) = said
    assert sentence.startswith("the reader 'over' was 0 at all 30,000 steps")


def test_a_picture_that_never_changes_ends_it_with_what_to_type():
    with pytest.raises(
        NothingHappens, match=re.escape("mend [[begin]] or [[axes]], then: playfield games check it.toml")
    ):
        watched([3.0] * (LONG + 1), moved=False)
    assert watched([3.0] * LONG, moved=False) == []


def test_what_tells_only_the_end_need_not_change():
    assert not should_change(Gone())
    assert should_change(file().readers["score"])


def test_an_episode_that_begins_with_its_end_is_told():
    said = str(over_at_once(file(), {"score": 2.0}))
    assert said.startswith("it is over before its first step (score is 2)")
    assert said.endswith("playfield games check it.toml")


def trace(episodes: list[int]) -> list[Checked]:
    return [
        Checked(
            episode=episode, step=step, action=0, values={}, unreadable={}, truth={},
            picture=np.zeros((1, 1, 3), np.uint8),
        )
        for step, episode in enumerate(episodes)
    ]  # fmt: skip


def test_episodes_of_one_step_each_are_suspicious():
    (said,) = short_episodes(file(), trace(list(range(MOST_SHORT))))
    assert "each of 20 episodes was over at its first step" in said
    assert said.endswith("playfield games capture it.toml --steps 20")
    assert short_episodes(file(), trace([0, 1, 1])) == []
    assert short_episodes(file(), trace([0])) == []
