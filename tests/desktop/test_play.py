"""A person plays in a window: keys that are pressed on a real display end up on tapes that play again."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from desktop.desk import played, titled
from desktop.needs import has_compiler, has_display
from playfield.cli.about import find_recipe
from playfield.cli.commands import run_command
from playfield.cli.play import heard, legend
from playfield.demonstrations import demonstrations, read_recording
from playfield.games.make import make_games
from playfield.games.protocol import nature

pytestmark = [has_display, has_compiler]


NEVER_REPLAYS = """
import sys
from dataclasses import replace
from playfield.cli import play
from playfield.cli.commands import run_command
asked = play.spec_of
play.spec_of = lambda *game: replace(asked(*game), replays=False)
sys.exit(run_command(sys.argv[1:]))
"""
"""The command line, in a world where no game replays."""


def test_what_a_person_plays_is_recorded_and_plays_again(tmp_path: Path):
    with played(tmp_path, "catch", "--record", "--episodes", "2", "--speed", "3", "--name", "mine") as (
        x11,
        _,
        person,
        _,
    ):
        right = x11.keycode("Right")
        x11.key(right, down=True)
        x11.settle()
        said, _ = person.communicate(timeout=60)
    assert person.returncode == 0, said
    assert "RIGHT            Right" in said
    recording = read_recording(tmp_path / "demos" / "mine")
    assert recording.about.player == "person"
    assert [len(episode.actions) for episode in recording.episodes] == [55, 55]
    assert recording.episodes[0].seed != recording.episodes[1].seed
    # The key went down in the first game and stayed down: from some action on all are RIGHT.
    actions = b"".join(episode.actions for episode in recording.episodes)
    assert set(recording.episodes[1].actions) == {2}
    assert actions == b"\0" * actions.count(0) + b"\2" * actions.count(2)
    for number, episode in enumerate(recording.episodes, 1):
        assert f"game {number}: {episode.score:g} points\n" in said
    games = make_games("catch", nature(), 1)
    assert demonstrations(recording, games, 1).rows.stop == 112  # plays again, or it would have been told
    games.close()


def test_escape_ends_it_and_keeps_what_was_played_of_a_desktop_game(tmp_path: Path):
    with played(tmp_path, "refgame", "--record", "--name", "short") as (x11, _, person, _):
        left, escape = x11.keycode("Left"), x11.keycode("Escape")
        x11.key(left, down=True)
        x11.settle()
        time.sleep(1.5)
        x11.key(escape, down=True)
        x11.settle()
        said, _ = person.communicate(timeout=60)
    assert person.returncode == 0, said
    assert "not played to its end" in said
    (episode,) = read_recording(tmp_path / "demos" / "short").episodes
    assert episode.truncated
    assert episode.actions.count(1) > 5


def test_f1_pauses_and_goes_on(tmp_path: Path):
    with played(tmp_path, "catch", "--episodes", "1", "--speed", "3") as (x11, _, person, _):
        pause = x11.keycode("F1")
        for down in (True, False):
            x11.key(pause, down=down)
        x11.settle()
        assert titled(x11, "paused").endswith("points - paused, F1 goes on")
        x11.key(pause, down=True)
        x11.settle()
        said, _ = person.communicate(timeout=60)
    assert person.returncode == 0, said
    assert "Escape ends it, F1 pauses it" in said
    assert "game 1: " in said


def test_actions_on_keys_that_our_window_keeps_for_itself_are_an_agents():
    click, chord = frozenset(["button 1 at door", "Left"]), frozenset(["Escape", "Left"])
    keys = heard((frozenset(), click, chord, frozenset(["F1"]), None))
    assert keys == (frozenset(), click, None, None, None)
    assert legend(("A", "B", "C"), keys[:3]).splitlines() == [
        "keys",
        "  A                -",
        "  B                Left + button 1 at door",
        "  C                an agent only, not played here",
    ]


def test_keys_that_are_no_action_together_are_a_gap_that_is_shown_and_told(tmp_path: Path):
    with played(tmp_path, "catch", "--record", "--episodes", "1", "--speed", "0.5", "--name", "mine") as (
        x11,
        _,
        person,
        _,
    ):
        left, right = x11.keycode("Left"), x11.keycode("Right")
        x11.key(right, down=True)
        x11.settle()
        time.sleep(0.4)
        x11.key(left, down=True)
        x11.settle()
        shown = titled(x11, "what is held is no action: a gap")
        x11.key(left, down=False)
        x11.settle()
        said, _ = person.communicate(timeout=60)
    assert person.returncode == 0, said
    assert shown.startswith("catch: ")
    recording = read_recording(tmp_path / "demos" / "mine")
    (episode,) = recording.episodes
    marks = recording.gaps[1]
    long = sum(marks)
    assert 0 < long < 50
    assert recording.gap_count == 1
    assert f"gaps     1, {long} actions long together: what was held is no action" in said
    games = make_games("catch", nature(), 1)
    rows = demonstrations(recording, games, 1).rows
    games.close()
    # 56 rows were seen, in two parts now; the rows between them are gone.
    assert rows.stop == len(episode.actions) + 1 - (long - 1)
    begin, other = rows.columns["first"][: rows.stop, 0].nonzero()[:, 0].tolist()
    assert begin == 0
    assert rows.columns["last"][other - 1, 0]
    assert rows.columns["discount"][other - 1, 0] == 1.0
    assert marks.index(1) == other - 1


def test_what_a_person_plays_of_a_game_that_does_not_replay_is_kept_as_it_was_seen(tmp_path: Path):
    """The reference game does replay: what was seen while it was played is compared with what its tape shows."""
    with played(tmp_path, "refgame", "--record", "--name", "mine", code=NEVER_REPLAYS) as (x11, _, person, _):
        left, escape = x11.keycode("Left"), x11.keycode("Escape")
        x11.key(left, down=True)
        x11.settle()
        time.sleep(1.0)
        x11.key(escape, down=True)
        x11.settle()
        said, _ = person.communicate(timeout=60)
    assert person.returncode == 0, said
    recording = read_recording(tmp_path / "demos" / "mine")
    assert recording.has_frames
    games = make_games("refgame", nature(), 1)
    try:
        again = demonstrations(replace(recording, has_frames=False), games, 1).rows
    finally:
        games.close()
    seen = demonstrations(recording, games, 1).rows  # of which only the spec is looked at
    assert seen.stop == again.stop > 5
    for name, column in seen.columns.items():
        assert torch.equal(column, again.columns[name]), name


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("pongg",), "there is no game 'pongg'; the nearest are: pong"),
        (("catch", "--speed", "0"), "--speed must lie between 0.05 and 20, not at 0"),
        (("catch", "--episodes", "0"), "--episodes must be 1 or more"),
        (("catch", "--record", "--name", "../x"), "cannot be the name of a run"),
        (("nosuch.toml",), "there is no game file nosuch.toml"),
    ],
)
def test_what_cannot_be_played_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert run_command(["play", *arguments, "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_atari_game_is_played_by_the_rules_of_its_recipe_and_plays_again(tmp_path: Path):
    """A real window on a game of an emulator: a key moves while it is down, and Escape keeps what was played."""
    with played(tmp_path, "pong", "--record", "--speed", "2", "--name", "mine") as (x11, window, person, _):
        assert (window.width, window.height) == (3 * 160, 3 * 210)
        left, escape = x11.keycode("Left"), x11.keycode("Escape")
        x11.key(left, down=True)
        x11.settle()
        time.sleep(1.0)
        x11.key(left, down=False)
        x11.settle()
        time.sleep(0.5)
        x11.key(escape, down=True)
        x11.settle()
        said, _ = person.communicate(timeout=60)
    assert person.returncode == 0, said
    assert "LEFT             Left" in said
    assert "not played to its end" in said
    recording = read_recording(tmp_path / "demos" / "mine")
    (episode,) = recording.episodes
    games = make_games("pong", find_recipe("dqn").protocol, 1)
    actions = games.spec.actions
    held = [actions[action] for action in episode.actions]
    first = held.index("LEFT")
    last = len(held) - held[::-1].index("LEFT")
    assert held == ["NOOP"] * first + ["LEFT"] * (last - first) + ["NOOP"] * (len(held) - last)
    try:
        assert demonstrations(recording, games, 4).rows.stop == len(held) + 1  # plays again, or it would have been told
    finally:
        games.close()
