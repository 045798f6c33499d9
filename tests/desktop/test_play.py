"""A person plays in a window: keys that are pressed on a real display end up on tapes that play again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from desktop.needs import has_compiler, has_display
from playfield.cli.commands import run_command
from playfield.demonstrations import demonstrations, read_recording
from playfield.games.desktop.own_display import OwnDisplay
from playfield.games.desktop.windows import Window, WindowMatch
from playfield.games.desktop.x11 import X11
from playfield.games.make import make_games
from playfield.games.protocol import nature

pytestmark = [has_display, has_compiler]


@contextmanager
def played(folder: Path, *arguments: str) -> Iterator[tuple[X11, Window, subprocess.Popen[str]]]:
    """`playfield play` on a display of its own, once its window is there."""
    display = OwnDisplay(folder, 700, 700)
    x11 = X11(display.name)
    environment = {**os.environ, "DISPLAY": display.name, "SDL_VIDEODRIVER": "x11", "SDL_AUDIODRIVER": "dummy"}
    command = [sys.executable, "-m", "playfield", "play", *arguments, "--out", str(folder / "demos")]
    with subprocess.Popen(
        command, env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as person:
        try:
            until = time.monotonic() + 60.0
            while (window := x11.find(WindowMatch(title="points$"))) is None and time.monotonic() < until:
                assert person.poll() is None, person.stdout and person.stdout.read()
                time.sleep(0.02)
            assert window is not None
            x11.focus(window)
            yield x11, window, person
        finally:
            person.kill()
            x11.close()
            display.close()


def test_what_a_person_plays_is_recorded_and_plays_again(tmp_path: Path):
    with played(tmp_path, "catch", "--record", "--episodes", "2", "--speed", "3", "--name", "mine") as (x11, _, person):
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
    with played(tmp_path, "refgame", "--record", "--name", "short") as (x11, _, person):
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
