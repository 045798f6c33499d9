"""Pages as games: ours, with every way that a page has of taking time and chance, and the browser's own dinosaur."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from desktop.needs import has_chromium, has_display
from playfield.extras import apt_install
from playfield.games.desktop.browser import Browser
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import GameFile, game_from, read_game, shipped_games
from playfield.games.desktop.games import desktop_games
from playfield.games.desktop.javascript_clock import JavascriptClock
from playfield.games.desktop.requirements import lacking
from playfield.games.desktop.windows import NoWindow, WindowMatch

CATCH = Path(__file__).parent / "pages" / "catch.toml"


def value(game: DesktopGame, expression: str) -> Any:
    assert isinstance(game.program, Browser)
    return game.program.page.value(expression)


@pytest.fixture(name="game", scope="module")
def a_game() -> Iterator[DesktopGame]:
    with closing(DesktopGame(read_game(CATCH))) as game:
        yield game


def course(game: DesktopGame, seed: int, steps: int, truth: str) -> tuple[list[bytes], list[Any], list[Any]]:
    """The pictures of an episode, what was read from them, and what the page itself thinks."""
    game.reset(seed)
    pictures, read, true = [game.seen.tobytes()], [game.readings()], [value(game, truth)]
    for action in np.random.default_rng(3).integers(0, len(game.file.actions), steps).tolist():
        game.step(action)
        pictures.append(game.seen.tobytes())
        read.append(game.readings())
        true.append(value(game, truth))
    return pictures, read, true


TRUTH = "({caught, over: Number(over)})"


@has_display
@has_chromium
def test_an_episode_comes_back_pixel_by_pixel_in_another_process(game: DesktopGame):
    first, read, true = course(game, 7, 80, TRUTH)
    assert len(set(first)) == 81
    assert read == true
    again, _, _ = course(game, 7, 80, TRUTH)
    assert [a == b for a, b in zip(first, again, strict=True)] == [True] * 81
    other, _, _ = course(game, 8, 80, TRUTH)
    assert sum(a == b for a, b in zip(first, other, strict=True)) < 20


@has_display
@has_chromium
def test_what_is_read_is_what_the_page_thinks_until_it_is_over(game: DesktopGame):
    game.reset(1)
    rewards, over = 0.0, False
    for step in range(240):
        balls = value(game, "balls.map((ball) => [ball.x, ball.y])")
        lowest = max(balls, key=lambda ball: ball[1], default=[240, 0])[0]
        away = lowest - 34 - value(game, "paddle")
        outcome = game.step(0 if abs(away) < 20 else 1 if away < 0 else 2)
        assert game.readings() == value(game, TRUTH), step
        rewards += outcome.reward
        if over := outcome.terminated:
            break
    assert over
    assert rewards == value(game, "caught") > 5


@has_display
@has_chromium
def test_a_key_is_held_for_exactly_its_step(game: DesktopGame):
    game.reset(2)
    places = [value(game, "paddle")]
    for action in (1, 1, 0, 2):
        game.step(action)
        places.append(value(game, "paddle"))
    # 400 pixels a second: three frames of a sixtieth make twenty.
    assert np.diff(places).round(6).tolist() == [-20, -20, 0, 20]


@has_display
@has_chromium
def test_a_page_that_crashes_is_cut_off_and_begins_again(game: DesktopGame):
    game.reset(2)
    game.step(1)
    seen = game.seen
    assert isinstance(game.program, Browser)
    game.program.page.ask("Page.crash")
    outcome = game.step(0)
    assert (outcome.terminated, outcome.truncated, outcome.reward) == (False, True, 0.0)
    assert not game.is_running
    game.reset(2)
    game.step(1)
    assert np.array_equal(game.seen, seen)


@has_display
@has_chromium
def test_the_dinosaur_runs_the_same_way_twice_and_its_counter_is_read():
    truth = "Number(Runner.getInstance().distanceMeter.digits.join(''))"
    with closing(DesktopGame(read_game(shipped_games()["dino"]))) as game:
        first, read, true = course(game, 5, 30, truth)
        again, _, _ = course(game, 5, 30, truth)
        other, _, _ = course(game, 6, 30, truth)
    assert [each["score"] for each in read] == true
    assert true[-1] > true[0] > 0
    assert [a == b for a, b in zip(first, again, strict=True)] == [True] * 31
    assert first != other


@has_display
@has_chromium
def test_a_page_can_be_played_in_real_time():
    file = read_game(CATCH)
    with closing(DesktopGame(replace(file, timing=replace(file.timing, clock="real")))) as game:
        game.reset(1)
        assert value(game, "typeof playfieldClock") == "undefined"
        places = [value(game, "paddle")]
        for action in (1, 2):
            for _ in range(4):
                game.step(action)
            places.append(value(game, "paddle"))
        assert places[1] < places[0]
        assert places[2] > places[1]
        begun = value(game, "performance.now()")
        time.sleep(0.05)
        assert value(game, "performance.now()") > begun
        assert game.pace.take()["late_worst_ms"] >= 0.0


@pytest.mark.parametrize("end", ["closed", "killed"])
@has_display
@has_chromium
def test_nothing_is_left_running(end: str):
    """SIGKILL leaves no time to tidy up: a browser ends with the pipe to it, its display with the last to look."""
    code = (
        "import sys, time\n"
        "from playfield.games.desktop.games import desktop_games\n"
        "import numpy as np\n"
        f"games = desktop_games({str(CATCH)!r}, 1)\n"
        "games.begin(np.random.default_rng(0))\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
        "games.close()\n"
    )
    folder = Path(tempfile.mkdtemp())  # a short name, as everywhere but in tests
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == b"ready\n"
        assert len(of_folder(folder)) > 4
        if end == "killed":
            agent.kill()
    until = time.monotonic() + 30.0
    while of_folder(folder) and time.monotonic() < until:
        time.sleep(0.1)
    assert of_folder(folder) == []
    if end == "closed":
        assert agent.returncode == 0
        assert [each for each in folder.iterdir() if "chromium" in each.name or "playfield" in each.name] == []
    shutil.rmtree(folder)


def of_folder(folder: Path) -> list[int]:
    """Processes that know of a folder by their arguments or their environment; those that have ended know nothing."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            known = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue
        if f"{folder}/playfield-".encode() in known:
            found.append(int(process.name))
    return found


def catch(before: str, after: str) -> GameFile:
    text = CATCH.read_text()
    assert before in text
    return game_from(text.replace(before, after), "catch.toml")


@has_display
@has_chromium
def test_a_page_that_hangs_is_lost_after_the_time_that_its_file_says_and_begins_again():
    file = read_game(CATCH)
    with closing(DesktopGame(replace(file, timing=replace(file.timing, hang_ms=300_000)))) as game:
        game.reset(2)
        clock = game.clock
        assert isinstance(clock, JavascriptClock)
        assert clock._hang_seconds == 300.0
        clock._hang_seconds = 0.5  # only now: a loaded machine needs longer to begin
        value(game, "addEventListener('keydown', () => { for (;;); }), 0")
        outcome = game.step(1)
        assert re.search("catch-page has not come to rest within 0.5 s", outcome.lost or "")
        game.reset(2)
        assert game.step(1).lost is None


@has_display
@has_chromium
def test_a_page_without_its_window_is_told_to_mend_its_own_entries():
    file = read_game(CATCH)
    timing = replace(file.timing, appear_ms=50, hang_ms=5000)
    file = replace(file, window=WindowMatch(title="no such page"), timing=timing)
    with closing(DesktopGame(file)) as game, pytest.raises(NoWindow, match=r"mend launch\.url or \[window\]"):
        game.reset(0)


@has_display
@has_chromium
def test_a_page_that_does_not_load_is_one_sentence():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, and nobody listens
        url = f"http://127.0.0.1:{held.getsockname()[1]}/"
        with closing(DesktopGame(catch('"catch.html"', f'"{url}"'))) as game:
            sentence = f"the page {url} of catch-page cannot be played .net::ERR_CONNECTION_REFUSED.; mend launch.url"
            with pytest.raises(NoWindow, match=sentence):
                game.reset(0)


def test_without_chromium_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    which = shutil.which
    monkeypatch.setattr("shutil.which", lambda name, **more: None if "chrom" in name else which(name, **more))
    sentence = f"the game dino needs the program chromium, which is not here: {apt_install('chromium')}"
    file = read_game(shipped_games()["dino"])
    with pytest.raises(ValueError, match=sentence):
        DesktopGame(file)
    assert sentence in [each.how for each in lacking(file)]


def test_a_page_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shutil.which", lambda name, **more: f"/usr/bin/{name}")
    shutil.copy(CATCH, tmp_path / "catch.toml")
    with pytest.raises(ValueError, match=r"the page .*catch\.html of catch-page is not there; mend launch\.url"):
        DesktopGame(read_game(tmp_path / "catch.toml"))


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('"javascript"', '"virtual"', 'a page takes no virtual clock: set timing.clock to "javascript", or to "real"'),
        ('"javascript"', '"suspend"', "a page takes no suspend clock"),
        ('url = "catch.html"', 'command = ["xjump"]', 'the clock "javascript" is for a page: give launch.url, or set'),
        ('"catch.html"', '"javascript:alert(1)"', "launch: url begins with 'javascript:'; it may begin with http:, "),
        (
            'url = "catch.html"',
            'url = "catch.html"\nlasting = true',
            "a page has its own display, and each episode a new page",
        ),
        ("[screen]", '[screen]\nplace = "here"', "a page has its own display"),
    ],
)
def test_what_a_page_may_not_say_is_one_sentence(before: str, after: str, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        catch(before, after)


def test_a_page_counts_by_what_it_says_and_not_by_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class NoGame:
        def __init__(self, file: GameFile, *more: object) -> None:
            self.file = file

        def halt(self) -> None: ...

        def close(self) -> None: ...

    monkeypatch.setattr("playfield.games.desktop.games.DesktopGame", NoGame)

    def digest(folder: Path) -> object:
        with closing(desktop_games(str(folder / "catch.toml"), 1)) as games:
            return games.spec.protocol["file"]

    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    for name in ("catch.toml", "catch.html"):
        shutil.copy(CATCH.with_name(name), elsewhere)
    assert read_game(elsewhere / "catch.toml").launch.page_file == elsewhere / "catch.html"
    assert digest(elsewhere) == digest(CATCH.parent)
    (elsewhere / "catch.html").write_text("another page")
    assert digest(elsewhere) != digest(CATCH.parent)
