"""Games on the display of a person: found, seen and touched there, and never played while the person is elsewhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from desktop.desk import TITLE, Desk, a_desk, refgame_here, text_here, wait_for
from desktop.needs import has_display
from playfield.games.desktop import attention
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import game_from
from playfield.games.desktop.games import desktop_games
from playfield.games.desktop.own_display import NoDisplayServer
from playfield.games.desktop.person_stage import XStage
from playfield.games.desktop.windows import NoWindow, WindowMatch

pytestmark = [has_display]

ATTACH = f'attach = {{title = "{TITLE}"}}'
STAY, LEFT, RIGHT = range(3)
TINY = ("torso=Mlp", "torso.hidden=[16]", "head.hidden=16", "memory.capacity=300", "memory.batch=8", "games=1")


@pytest.fixture(name="desk")
def the_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with a_desk(tmp_path, monkeypatch) as desk:
        yield desk


@pytest.fixture(name="told")
def what_is_told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Sentences to the person; the panic key is among them, and interrupts no test."""
    told: list[str] = []
    monkeypatch.setattr(attention, "say", told.append)
    monkeypatch.setattr(attention, "interrupt", lambda: told.append("interrupted"))
    return told


def test_a_window_is_seen_as_it_stands_there(desk: Desk):
    with desk.refgame() as process, closing(XStage()) as stage:
        window = stage.find(WindowMatch(title=TITLE))
        assert window is not None
        assert (window.width, window.height) == (256, 336)
        assert stage.find(WindowMatch(pid=process.pid)) == window
        assert stage.find(WindowMatch(title=TITLE, pid=os.getpid())) is None
        wait_for(lambda: len(np.unique(stage.grab(window))) > 5)
        os.kill(process.pid, signal.SIGSTOP)
        wait_for(lambda: np.array_equal(stage.grab(window), stage.grab(window)))
        stage.settle()
        there = desk.display.grab_region(window.left, window.top, window.width, window.height)
        assert np.array_equal(stage.grab(window), there)
        region = refgame_here().regions["score"]
        assert np.array_equal(stage.grab(window, region), region.of(there))
        process.kill()
        process.wait()
        wait_for(lambda: not desk.shown())
        with pytest.raises(NoWindow, match="was closed"):
            stage.grab(window)


def test_a_game_that_runs_already_is_played_and_left_as_it_was(desk: Desk, told: list[str]):
    with desk.refgame() as process:
        with closing(DesktopGame(refgame_here(launch=ATTACH))) as game:
            game.reset(0)
            assert game.program.pid == process.pid
            places: list[int] = []
            for action in (LEFT, LEFT, LEFT, RIGHT, RIGHT, RIGHT):
                game.step(action)
                assert desk.held() == [["Left"], ["Right"]][action == RIGHT]
                places.append(paddle(game))
            assert places[2] < places[0] or places[0] == 0
            assert places[5] > places[2]
            game.reset(1)  # the next episode is played in the same process
            assert game.program.pid == process.pid
            game.step(LEFT)
            assert desk.held() == ["Left"]
        assert desk.held() == []
        assert process.poll() is None
    assert told == []


def paddle(game: DesktopGame) -> int:
    row = game.seen[-8, :, :].astype(int)
    return int(np.flatnonzero((row == (88, 168, 255)).all(1))[0]) // 16


def test_the_pointer_goes_where_the_person_has_moved_the_window(desk: Desk, told: list[str]):
    with desk.refgame() as process, closing(DesktopGame(refgame_here(launch=ATTACH))) as game:
        game.reset(0)
        left, top = game.stage.corner(game.window)
        before = game.middle("score")
        moved: Any = desk.x11._display.create_resource_object("window", game.window.number)
        moved.configure(x=left + 40, y=top + 30)
        desk.x11.settle()
        wait_for(lambda: game.stage.corner(game.window) == (left + 40, top + 30))
        assert game.middle("score") == (before[0] + 40, before[1] + 30)
        process.kill()
        process.wait()
        wait_for(lambda: not desk.shown())
        with pytest.raises(NoWindow, match="was closed"):
            game.middle("score")


def test_a_game_that_the_person_closes_is_over(desk: Desk, told: list[str]):
    with desk.refgame() as process, closing(DesktopGame(refgame_here(launch=ATTACH))) as game:
        game.reset(0)
        process.kill()
        process.wait()
        wait_for(lambda: not desk.shown())
        outcome = game.step(LEFT)  # nobody waits for a window that is gone, and whoever has the focus gets no key
        assert (outcome.terminated, outcome.truncated) == (False, True)
        assert desk.held() == []


def test_nothing_is_played_while_the_person_is_elsewhere(desk: Desk, told: list[str]):
    with closing(DesktopGame(refgame_here())) as game:
        game.reset(0)
        game.step(LEFT)
        assert desk.held() == ["Left"]
        desk.look_elsewhere()
        played: list[bool] = []
        player = Thread(target=lambda: played.append(game.play(LEFT)))
        player.start()
        wait_for(lambda: bool(told))
        assert told == ["paused: the window of refgame is not focused"]
        assert desk.held() == []
        assert played == []
        game.pace.take()
        desk.x11.focus(game.window)
        player.join(60.0)
        assert played == [True]
        assert desk.held() == ["Left"]
        told_of = game.pace.take()
        assert told_of["paused_seconds"] > 0.0
    assert desk.held() == []


def test_who_wants_to_stop_need_not_come_back_first(desk: Desk, told: list[str]):
    with closing(DesktopGame(refgame_here())) as game:
        game.reset(0)
        desk.look_elsewhere()
        player = Thread(target=lambda: game.play(LEFT))
        player.start()
        wait_for(lambda: bool(told))
        game.pace.hurry()
        player.join(60.0)
        assert not player.is_alive()
        assert desk.held() == []


def test_the_panic_key_lets_go_of_everything_and_interrupts_once(desk: Desk, told: list[str]):
    with closing(DesktopGame(refgame_here())) as game:
        game.reset(0)
        game.step(LEFT)
        desk.press("F12", down=True)
        game.step(RIGHT)
        assert desk.held() == ["F12"]
        assert told == ["stopped: the panic key of refgame was pressed", "interrupted"]
        desk.press("F12", down=False)
        game.step(RIGHT)
        assert desk.held() == []  # the step under way when a training is asked to stop is the last, and is idle
        assert len(told) == 2


def test_a_training_that_is_stopped_by_the_panic_key_can_go_on(desk: Desk, tmp_path: Path):
    (tmp_path / "mine.toml").write_text(text_here())
    command = ("train", "dqn", "mine.toml", *TINY, "games=1", "--frames", "100000", "--name", "r", "--episodes", "0")
    training = subprocess.Popen(
        [sys.executable, "-m", "playfield", *command], cwd=tmp_path, env=desk.environment, stdout=subprocess.PIPE
    )
    try:
        wait_for(lambda: bool(desk.held()), 120.0)
        desk.press("F12", down=True)
        said, _ = training.communicate(timeout=120.0)
    finally:
        training.kill()
        training.communicate()
    assert b"stopped: the panic key of refgame was pressed" in said
    assert b"go on with: " in said
    assert training.returncode == 85
    assert desk.held() == ["F12"]
    assert desk.shown() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_no_key_stays_down_where_a_command_is_ended(desk: Desk, tmp_path: Path, number: signal.Signals):
    (tmp_path / "mine.toml").write_text(
        text_here(('{label = "STAY"}, ', ""), (', {label = "RIGHT"', ', {label = "OTHER"'))
    )
    said = tmp_path / "said"
    with said.open("w") as words:
        playing = subprocess.Popen(
            [sys.executable, "-m", "playfield", "games", "launch", "mine.toml", "--steps", "100000"],
            cwd=tmp_path, env=desk.environment, stdout=words, stderr=words,
        )  # fmt: skip
    try:
        wait_for(lambda: bool(desk.held()) or playing.poll() is not None, 120.0)
        assert playing.poll() is None, said.read_text()
        playing.send_signal(number)
        assert playing.wait(60.0) == {signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    finally:
        playing.kill()
        playing.wait()
    assert desk.held() == []
    assert desk.shown() == []


def test_steam_is_asked_for_a_game_which_stays_when_we_go(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    steam = tmp_path / "bin" / "steam"
    steam.parent.mkdir()
    steam.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/asked\nexec {sys.executable} -m playfield.games.desktop.refgame\n'
    )
    steam.chmod(0o755)
    monkeypatch.setenv("PATH", f"{steam.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    with closing(DesktopGame(refgame_here(launch="steam = 480"))) as game:
        game.reset(0)
        game.step(LEFT)
        assert (tmp_path / "asked").read_text() == "-applaunch 480\n"
        pid = game.program.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)  # which fails where it is gone


def test_one_copy_has_the_focus(desk: Desk, tmp_path: Path):
    (tmp_path / "mine.toml").write_text(text_here())
    with pytest.raises(ValueError, match="one copy has the focus, not 2: train with games=1"):
        desktop_games(str(tmp_path / "mine.toml"), 2)


def test_two_windows_of_that_title_are_told(desk: Desk):
    with desk.refgame(), desk.refgame(), closing(DesktopGame(refgame_here(launch=ATTACH))) as game:
        wait_for(lambda: [w.title for w in desk.shown()].count("Playfield reference game") == 2)
        with pytest.raises(NoWindow, match=r"is what 2 windows are: .*say more under launch.attach, then: playfield"):
            game.begin(0)


@pytest.mark.parametrize(
    ("launch", "changes", "error", "sentence"),
    [
        (ATTACH, (), NoWindow, r"no window of refgame is there \(title .*; shown windows: none\); start it, or mend l"),
        (
            None,
            ((TITLE, "^Another$"), ("step_ms = 50", "step_ms = 50\nappear_ms = 100")),
            NoWindow,
            r"no window of refgame appeared .*mend launch.command or \[window\], then: playf",
        ),
        (
            None,
            (("[screen]", '[screen]\npanic = "F99"'),),
            ValueError,
            "screen.panic: there is no key 'F99'; names are",
        ),
    ],
)
def test_what_does_not_work_is_one_sentence(
    desk: Desk,
    launch: str | None,
    changes: tuple[tuple[str, str], ...],
    error: type[Exception],
    sentence: str,
):
    with pytest.raises(error, match=sentence), closing(DesktopGame(refgame_here(*changes, launch=launch))) as game:
        game.begin(0)


def test_without_a_display_of_the_person_it_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(
        NoDisplayServer, match=r'DISPLAY is not set\); set screen.place to "own", or type this in a term'
    ):
        DesktopGame(refgame_here())


def test_without_steam_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="is started by Steam, which is not here"):
        DesktopGame(refgame_here(launch="steam = 480"))


def test_without_mss_it_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "mss", None)
    with pytest.raises(
        ModuleNotFoundError,
        match=r"games on your display need mss; install it with: .* -m pip install 'mss>=10.2,<11' ",
    ):
        DesktopGame(refgame_here())


@pytest.mark.parametrize(
    ("changes", "launch", "sentence"),
    [
        (
            (('place = "here"', 'place = "own"'),),
            ATTACH,
            "launch.attach is for games on your own display: set screen.pl",
        ),
        (
            (('clock = "real"', 'clock = "suspend"'),),
            ATTACH,
            "a game of launch.attach runs in real time: set timing.clo",
        ),
        (
            (('clock = "real"', 'clock = "virtual"'),),
            None,
            "the virtual clock needs a display of its own: set timing.cl",
        ),
        ((('clock = "real"', 'clock = "javascript"'),), None, 'the clock "javascript" is for a page: give launch.url'),
        ((("[screen]", '[screen]\npanic = "Left"'),), None, "screen.panic is 'Left', which is a key of the game"),
        ((), "steam = 3\n" + ATTACH, "by one of command, steam, url and attach, not by steam and attach"),
        ((), "attach = {}", "attach says nothing: give the title, group or pid of the window"),
    ],
)
def test_what_cannot_go_together_is_one_sentence(
    changes: tuple[tuple[str, str], ...], launch: str | None, sentence: str
):
    with pytest.raises(ValueError, match=sentence):
        game_from(text_here(*changes, launch=launch), "mine.toml")
