"""A person's mouse: clicks in our window, and in the game's own, are the choices that have their button and region."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from desktop.desk import AtPlay, a_desk, can_be_interrupted, played, titled, wait_for
from desktop.needs import has_compiler, has_display
from playfield.cli.onlooker import Onlooker
from playfield.demonstrations import read_recording
from playfield.games.desktop.game_file import game_from
from playfield.games.desktop.windows import WindowMatch
from playfield.games.keys import keys_of
from playfield.storage.frame_log import Seen, Shown
from playfield.types import Mouse

pytestmark = has_display

STAY, LEFT, RIGHT = range(3)
HERE = Path(__file__).parent


def doors(*changes: tuple[str, str]) -> str:
    text = (HERE / "doors.toml").read_text()
    for before, after in (("PROGRAM", str(HERE / "doors.py")), *changes):
        assert before in text
        text = text.replace(before, after)
    return text


def click(at: AtPlay, x: int, y: int, *, down: bool) -> None:
    """Move to a place in our window, which shows two pixels for one of the game, and press or let go."""
    at.x11.move(at.window.left + 2 * x, at.window.top + 2 * y)
    at.x11.button(1, down=down)
    at.x11.settle()


@has_compiler
def test_clicks_in_our_window_are_choices_and_win_points(tmp_path: Path):
    (tmp_path / "doors.toml").write_text(doors())
    with played(tmp_path, "doors.toml", "--record", "--name", "mine", "--scale", "2", "--speed", "2") as at:
        assert (at.window.width, at.window.height) == (400, 240)
        click(at, 79, 99, down=True)  # the left door's last pixel
        titled(at.x11, ": 1 points")
        click(at, 79, 99, down=False)
        click(at, 120, 0, down=True)  # at once: another click, no drag from door to door
        titled(at.x11, ": 2 points")
        click(at, 120, 0, down=False)
        click(at, 100, 50, down=True)  # between the doors
        titled(at.x11, "what is held is no action: a gap")
        click(at, 100, 50, down=False)
        click(at, 5, 5, down=True)
        click(at, 5, 5, down=False)  # too short to be seen by one who looks once for each action
        titled(at.x11, ": 3 points")
        at.x11.key(at.x11.keycode("Escape"), down=True)
        at.x11.settle()
        said, _ = at.process.communicate(timeout=60)
    assert at.process.returncode == 0, said
    assert "LEFT             button 1 at left" in said
    assert "PUSH             an agent only" in said
    recording = read_recording(tmp_path / "demos" / "mine")
    (episode,) = recording.episodes
    assert episode.score == 3.0
    pressed = [
        action for action, before in zip(episode.actions, b"\0" + episode.actions, strict=False) if action != before
    ]
    assert [action for action in pressed if action != STAY] == [LEFT, RIGHT, LEFT]
    assert recording.gap_count == 1
    assert {action for action, gap in zip(episode.actions, recording.gaps[1], strict=True) if gap} == {STAY}


def test_clicks_in_the_games_own_window_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("mss", reason="no package for your display: playfield doctor tells how")
    here = (("step_ms = 100", 'step_ms = 50\nclock = "real"'), ("[screen]", '[screen]\nplace = "here"'))
    (tmp_path / "doors.toml").write_text(doors(*here))
    with a_desk(tmp_path, monkeypatch) as desk:
        command = [sys.executable, "-m", "playfield", "play", "doors.toml", "--record", "--name", "mine"]
        with subprocess.Popen(
            command, env=desk.environment, cwd=tmp_path, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, preexec_fn=can_be_interrupted,
        ) as person:  # fmt: skip
            try:
                log = tmp_path / "demos" / "mine" / "frames.log"

                def rewards() -> list[float]:
                    assert person.poll() is None, person.stdout and person.stdout.read()
                    chunks = list(Seen(log, Shown((24, 40, 1), "uint8"))) if log.is_file() else []
                    return [float(reward) for chunk in chunks for reward in chunk.reward]

                wait_for(lambda: len(rewards()) > 0, 120.0)
                window = desk.x11.find(WindowMatch(title="^Two doors$"))
                assert window is not None
                for won, x in enumerate((40, 160), 1):
                    desk.x11.move(window.left + x, window.top + 50)
                    desk.x11.button(1, down=True)
                    desk.x11.settle()
                    wait_for(lambda won=won: sum(rewards()) == won, 120.0)
                    desk.x11.button(1, down=False)
                    desk.x11.settle()
                desk.press("F12", down=True)
                said, _ = person.communicate(timeout=120)
            finally:
                person.kill()
        assert person.returncode == 0, said
    recording = read_recording(tmp_path / "demos" / "mine")
    actions = b"".join(episode.actions for episode in recording.episodes)
    pressed = [action for action, before in zip(actions, b"\0" + actions, strict=False) if action != before]
    assert [action for action in pressed if action != STAY] == [LEFT, RIGHT]
    assert recording.gap_count == 0


def test_the_pointer_is_looked_at_in_the_window_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    game = game_from(doors(), "doors.toml")
    with a_desk(tmp_path, monkeypatch) as desk, closing(Onlooker(game, keys_of(game.actions))) as onlooker:
        assert onlooker.mouse() == Mouse()  # there is no window yet
        environment = {**os.environ, **desk.environment}
        with subprocess.Popen([sys.executable, str(HERE / "doors.py")], env=environment) as process:
            try:
                wait_for(lambda: desk.x11.find(WindowMatch(title="^Two doors$")) is not None)
                window = desk.x11.find(WindowMatch(title="^Two doors$"))
                assert window is not None
                desk.x11.move(window.left + 199, window.top + 3)
                desk.x11.button(3, down=True)
                desk.x11.settle()
                assert onlooker.mouse() == Mouse(frozenset([3]), (199, 3))
                with subprocess.Popen([sys.executable, str(HERE / "doors.py")], env=environment) as dialog:
                    try:
                        wait_for(lambda: [w.title for w in desk.shown()].count("Two doors") == 2)
                        assert onlooker.mouse() == Mouse(frozenset([3]), (199, 3))
                    finally:
                        dialog.kill()
                desk.x11.move(window.left + 200, window.top + 3)
                desk.x11.settle()
                assert onlooker.mouse() == Mouse()
            finally:
                process.kill()


def test_a_window_that_the_file_does_not_describe_cannot_be_pointed_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    game = replace(game_from(doors(), "doors.toml"), window=WindowMatch())
    with (
        a_desk(tmp_path, monkeypatch),
        pytest.raises(
            ValueError, match=r"doors is played with the mouse.*under \[window\], then: playfield play doors.t"
        ),
    ):
        Onlooker(game, keys_of(game.actions))
