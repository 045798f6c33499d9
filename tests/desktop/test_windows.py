"""Real windows: the reference game on a display of ours, pressed by XTEST and seen by its pixels."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from desktop.needs import has_compiler, has_display
from playfield.games.desktop.game import DesktopGame, Hung
from playfield.games.desktop.game_file import GameFile, game_from, read_game, shipped_games
from playfield.games.desktop.games import desktop_games
from playfield.games.desktop.x11 import NoWindow
from playfield.games.films import film
from playfield.games.protocol import nature
from playfield.rng import Rng

pytestmark = [has_display, has_compiler]

REFGAME = shipped_games()["refgame"]
STAY, LEFT, RIGHT = range(3)


def refgame(**changes: str) -> GameFile:
    """The reference game with other texts in its file."""
    text = REFGAME.read_text()
    for before, after in changes.values():
        assert before in text
        text = text.replace(before, after)
    return game_from(text, "refgame.toml")


@pytest.fixture(name="game", scope="module")
def a_game() -> Iterator[DesktopGame]:
    game = DesktopGame(read_game(REFGAME))
    yield game
    game.close()


def actions(count: int, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(0, 3, count).tolist()


def pictures(game: DesktopGame, seed: int, played: list[int]) -> list[np.ndarray]:
    game.reset(seed)
    found = [game.picture()]
    for action in played:
        game.step(action)
        found.append(game.picture())
    return found


def test_an_episode_comes_back_pixel_by_pixel_in_another_process(game: DesktopGame):
    played = actions(60)
    first = pictures(game, 7, played)
    assert len({each.tobytes() for each in first}) > 40
    for again in (pictures(game, 7, played), pictures(opened(), 7, played)):
        assert [np.array_equal(a, b) for a, b in zip(first, again, strict=True)] == [True] * 61
    other = pictures(game, 8, played)
    assert sum(np.array_equal(a, b) for a, b in zip(first, other, strict=True)) < 30


_OPEN: list[DesktopGame] = []


def opened(file: GameFile | None = None) -> DesktopGame:
    """A game that is closed after the test."""
    _OPEN.append(DesktopGame(file or read_game(REFGAME)))
    return _OPEN[-1]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while _OPEN:
        _OPEN.pop().close()


def test_what_is_read_is_what_the_game_thinks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    truth = tmp_path / "truth.jsonl"
    monkeypatch.setenv("PLAYFIELD_TRUTH", str(truth))
    game = opened()
    game.reset(3)
    rewards, outcome = 0.0, None
    for action in actions(400, seed=1):
        outcome = game.step(action)
        rewards += outcome.reward
        last = json.loads(truth.read_text().splitlines()[-1])
        assert game.readings() == {"caught": float(last["caught"]), "over": float(last["over"])}
        if outcome.terminated:
            break
    assert outcome is not None
    assert outcome.terminated
    assert not outcome.truncated
    assert rewards == last["caught"] > 0
    assert last["fallen"] == 20


def test_keys_move_the_paddle_while_they_are_held(game: DesktopGame):
    def paddle() -> int:
        row = game.picture()[-8, :, :].astype(int)
        return int(np.flatnonzero((row == (88, 168, 255)).all(1))[0]) // 16

    game.reset(1)
    places = [paddle()]
    for action in (LEFT, LEFT, STAY, RIGHT):
        game.step(action)
        places.append(paddle())
    assert places == [6, 4, 2, 2, 4]


def test_a_tape_opens_an_episode_where_it_was_left():
    games = desktop_games("refgame", 2)
    try:
        step = games.begin(Rng(3).numpy("episodes"))
        tapes = [(int(seed), bytearray()) for seed in step.seed]
        for action in actions(25):
            both = np.array([action, (action + 1) % 3])
            games.send(both)
            step = games.recv()
            for tape, taken in zip(tapes, both, strict=True):
                tape[1].append(int(taken))
        from playfield.events import Tape

        again = games.resume(Rng(3).numpy("episodes"), [Tape(seed=s, actions=bytes(a)) for s, a in tapes])
        assert (again.frame == step.frame).all()
        assert again.frame.shape == (2, 48, 48, 1)
        assert again.frame[0].std() > 1
    finally:
        games.close()


def test_a_film_shows_the_window():
    from playfield.events import Tape

    shots = list(film("refgame", nature(), Tape(seed=5, actions=bytes(actions(10)))))
    assert len(shots) == 11
    assert shots[0].shape == (336, 256, 3)


def test_nothing_is_left_running():
    game = DesktopGame(read_game(REFGAME))
    game.reset(0)
    process, display, folder = game._process, game._display, game._folder
    assert process is not None
    assert display is not None
    game.close()
    assert process.poll() is not None
    assert not display.is_alive
    assert not folder.exists()


def test_a_game_that_crashes_is_cut_off_and_begins_again(game: DesktopGame):
    game.reset(0)
    game.step(LEFT)
    seen = game.picture()
    assert game._process is not None
    os.kill(game._process.pid, signal.SIGKILL)
    game._process.wait()
    outcome = game.step(STAY)
    assert (outcome.terminated, outcome.truncated, outcome.reward) == (False, True, 0.0)
    game.reset(0)
    outcome = game.step(LEFT)
    assert (outcome.terminated, outcome.truncated) == (False, False)
    assert np.array_equal(game.picture(), seen)


def test_a_game_whose_end_is_to_be_gone_ends():
    reader = ("[readers.over]", '[readers.dead]\nkind = "gone"\n\n[readers.over]')
    game = opened(refgame(over=('over = ["over"]', 'over = ["over", "dead"]'), reader=reader))
    game.reset(0)
    assert game._process is not None
    os.kill(game._process.pid, signal.SIGKILL)
    game._process.wait()
    outcome = game.step(STAY)
    assert (outcome.terminated, outcome.truncated) == (True, False)


PROGRAM = '"-m", "playfield.games.desktop.refgame"'


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        (
            {"title": ("^Playfield reference game$", "^Another$"), "ms": ("step_ms = 100", "appear_ms = 500")},
            NoWindow,
            "no window of refgame appeared .title '.Another.'; shown windows: 'Playfield reference game'",
        ),
        ({"program": (PROGRAM, '"-c", "raise SystemExit(\'no data\')"')}, NoWindow, "last words: no data"),
        (
            {"region": ("left = 196, top = 12", "left = 236, top = 12")},
            ValueError,
            "'lamp' .48 x 24 at 236, 12. lies outside the window, which is 256 x 336",
        ),
        ({"program": (PROGRAM, '"-c", "while True: pass"')}, Hung, "refgame has not come to rest within 1 s"),
    ],
)
def test_what_does_not_work_is_one_sentence(
    changes: dict[str, tuple[str, str]], error: type[Exception], sentence: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("playfield.games.desktop.game.HANG_SECONDS", 1.0)
    game = opened(refgame(**changes))
    with pytest.raises(error, match=sentence):
        game.reset(0)


def test_a_program_that_is_not_there_is_told_with_its_package():
    text = REFGAME.read_text().replace('command = ["{python}"', 'package = "xjump"\ncommand = ["no-such-program"')
    with pytest.raises(ValueError, match="needs the program no-such-program, which is not here: apt-get install xjump"):
        DesktopGame(game_from(text, "x"))


def test_without_xvfb_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    which = shutil.which
    monkeypatch.setattr("shutil.which", lambda name: None if name == "Xvfb" else which(name))
    from playfield.games.desktop.own_display import NoDisplayServer

    with pytest.raises(NoDisplayServer, match="apt-get install xvfb"):
        DesktopGame(read_game(REFGAME))
