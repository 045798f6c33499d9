"""Real windows: the reference game on a display of ours, pressed by XTEST and seen by its pixels."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from desktop.needs import has_compiler, has_display
from playfield.games.desktop.clocks import Hung
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import GameFile, game_from, read_game, shipped_games
from playfield.games.desktop.games import desktop_games
from playfield.games.desktop.own_stage import OwnStage
from playfield.games.desktop.programs import OwnProgram
from playfield.games.desktop.windows import NoWindow, Window, outermost
from playfield.games.each import EachGame
from playfield.games.films import film
from playfield.games.games import GameSpec
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
        assert again.frame.shape == (2, 36, 32, 1)
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
    process, display, folder = process_of(game), game.stage, game._folder
    assert isinstance(display, OwnStage)
    game.close()
    assert process.poll() is not None
    assert not display.is_alive
    assert not folder.exists()


def process_of(game: DesktopGame) -> subprocess.Popen[bytes]:
    assert isinstance(game.program, OwnProgram)
    return game.program.process


def kill(game: DesktopGame) -> None:
    """End its process, as a crash would."""
    process_of(game).kill()
    process_of(game).wait()


def test_a_game_that_crashes_is_cut_off_and_begins_again(game: DesktopGame):
    game.reset(0)
    game.step(LEFT)
    seen = game.picture()
    kill(game)
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
    kill(game)
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
        (
            {"program": (PROGRAM, '"-c", "while True: pass"'), "ms": ("step_ms = 100", "hang_ms = 1000")},
            Hung,
            "refgame has not come to rest within 1 s",
        ),
    ],
)
def test_what_does_not_work_is_one_sentence(changes: dict[str, tuple[str, str]], error: type[Exception], sentence: str):
    game = opened(refgame(**changes))
    with pytest.raises(error, match=sentence):
        game.reset(0)


def test_a_program_that_is_not_there_is_told_with_its_package():
    text = REFGAME.read_text().replace('command = ["{python}"', 'package = "xjump"\ncommand = ["no-such-program"')
    with pytest.raises(ValueError, match=r"the program no-such-program, which is not here: .*apt-get install xjump"):
        DesktopGame(game_from(text, "x"))


def test_without_xvfb_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    which = shutil.which
    monkeypatch.setattr("shutil.which", lambda name: None if name == "Xvfb" else which(name))
    from playfield.games.desktop.own_display import NoDisplayServer

    with pytest.raises(NoDisplayServer, match="apt-get install xvfb"):
        DesktopGame(read_game(REFGAME))


def test_nothing_is_left_running_where_the_agent_is_killed(tmp_path: Path):
    """SIGKILL leaves no time to tidy up: a game ends with whoever started it, its display with the last to look."""
    code = (
        "import sys, time\n"
        "from playfield.games.desktop.games import desktop_games\n"
        "import numpy as np\n"
        "games = desktop_games('refgame', 2)\n"
        "games.begin(np.random.default_rng(0))\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == b"ready\n"
        assert len(of_folder(tmp_path)) == 4
        agent.kill()
    until = time.monotonic() + 20.0
    while of_folder(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    assert of_folder(tmp_path) == []


def of_folder(folder: Path) -> list[int]:
    """Processes that know of a folder of ours by their arguments or their environment."""
    found: list[int] = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            known = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue
        if f"{folder}/playfield-".encode() in known:
            found.append(int(process.name))
    return found


def test_copies_at_play_in_threads_are_the_same_games_as_one_after_the_other():
    def frames(executor: Executor | None) -> list[bytes]:
        solos = [DesktopGame(read_game(REFGAME)) for _ in range(2)]
        spec = replace(toys_spec(), games=2)
        games = EachGame(spec, solos, executor)
        try:
            found = [games.begin(Rng(4).numpy("episodes")).frame.tobytes()]
            for action in actions(30):
                games.send(np.array([action, 2 - action]))
                found.append(games.recv().frame.tobytes())
            return found
        finally:
            games.close()

    assert frames(ThreadPoolExecutor(2)) == frames(None)


def toys_spec() -> GameSpec:
    games = desktop_games("refgame", 1)
    games.close()
    return games.spec


def test_a_smaller_window_of_the_same_size_is_no_second_one():
    def window(number: int, left: int, width: int, pid: int | None = None) -> Window:
        return Window(
            number=number, title="it", group="", left=left, top=0, width=width, height=10, mapped=True, pid=pid
        )

    outer, same, inside, beside = window(1, 0, 10), window(2, 0, 10), window(3, 2, 5), window(4, 10, 10)
    assert outermost([outer, same, inside]) == [outer]
    assert outermost([inside, outer]) == [outer]
    assert outermost([outer, same, beside]) == [outer, beside]
    ours, part, theirs = window(5, 0, 10, pid=7), window(6, 0, 5, pid=7), window(7, 2, 5, pid=8)
    assert outermost([ours, part, theirs]) == [ours, theirs]


def test_a_game_finds_its_settings_in_its_home():
    settings = '[[launch.home]]\npath = ".it/conf"\nencoding = "latin-1"\ntext = "speed\u00bb3"\n\n[screen]'
    game = DesktopGame(refgame(home=("[screen]", settings)))
    _OPEN.append(game)
    game.reset(0)
    home = Path(os.fsdecode(environment_of(game)["HOME"]))
    assert (home / ".it" / "conf").read_bytes() == b"speed\xbb3"
    with pytest.raises(ValueError, match=r"launch\.home.*path must lie below the home, which '\.\./conf' does not"):
        refgame(home=("[screen]", settings.replace(".it/conf", "../conf")))


def environment_of(game: DesktopGame) -> dict[str, bytes]:
    pairs = Path(f"/proc/{game.program.pid}/environ").read_bytes().split(b"\0")
    return {key.decode(): value for key, _, value in (pair.partition(b"=") for pair in pairs if pair)}
