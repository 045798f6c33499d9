"""`games new`: every way to come to a game, each with a real one; what cannot go together; a file that tells all."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from desktop.commands import TWO_WINDOWS, one_sentence
from desktop.commands import nothing_left as nothing_left
from desktop.desk import Desk, a_desk, wait_for
from desktop.needs import has_chromium, has_compiler, has_display
from playfield.cli.commands import run_command
from playfield.cli.games import new
from playfield.cli.games.ways import WAYS, told_in_options
from playfield.games.desktop.game_file import Timing, read_game
from playfield.games.desktop.shared_display import DisplayTaken

REFGAME = f"{sys.executable} -m playfield.games.desktop.refgame"
PAGES = Path(__file__).parents[1] / "desktop" / "pages"
SHORT = ("--keys", "Left", "Right", "--steps", "20")


@pytest.fixture(autouse=True)
def no_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sits at a terminal or at a Wayland desktop."""
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)


@pytest.fixture(name="desk")
def the_desk(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with a_desk(tmp_path_factory.mktemp("desk"), monkeypatch) as desk:
        yield desk


def games_new(*arguments: object) -> int:
    return run_command(["games", "new", "it", *(str(argument) for argument in arguments)])


def launched() -> int:
    return run_command(["games", "launch", "it.toml", "--steps", "3"])


@has_display
@has_compiler
def test_keys_that_do_nothing_are_told_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert games_new("--argv", REFGAME, "--keys", "x", "y", "--steps", 5) == 0
    silent = "keys      without any effect: x, y; is it at a menu? Then remove it.toml and it.png, and do it again"
    assert silent in capsys.readouterr().out
    Path("it.toml").unlink()
    assert games_new("--argv", REFGAME) == 2  # no picture is written over, whosever it is
    assert "it.png is there already" in one_sentence(capsys)
    Path("it.png").unlink()
    assert games_new("--argv", REFGAME, "--keys", "Left", "y", "--steps", 5) == 0
    assert "keys      without any effect: y; take them out of [[axes]]" in capsys.readouterr().out


@has_display
@has_compiler
def test_a_program_gets_the_virtual_clock() -> None:
    assert games_new("--argv", REFGAME, *SHORT) == 0
    file = read_game(Path("it.toml"))
    assert (file.screen.place, file.timing.clock) == ("own", "virtual")
    assert "first seen after step 1" in Path("it.toml").read_text()
    assert launched() == 0


@has_display
def test_a_program_in_another_clock_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert games_new("--argv", REFGAME, "--clock", "suspend", *SHORT) == 0
    said = capsys.readouterr()
    assert "note: it.toml is stopped between steps, but its clock is not" in said.err
    assert said.err.endswith('clock = "virtual" is exact: playfield games doctor it.toml\n')
    assert "keys      in real time nobody can tell what one does: playfield games capture it.toml" in said.out
    file, text = read_game(Path("it.toml")), Path("it.toml").read_text()
    assert (file.screen.place, file.timing.clock) == ("own", "suspend")
    assert "first seen" not in text
    assert "player" not in file.regions  # what keys move cannot be told apart from what moves by itself
    assert "field" in file.regions


@has_display
@has_compiler
def test_a_program_of_this_folder_is_found_from_its_home() -> None:
    Path("mygame.py").write_text("from playfield.games.desktop.refgame import main\nmain()\n")
    Path("run.sh").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    Path("run.sh").chmod(0o755)
    assert games_new("--argv", "./run.sh mygame.py", *SHORT) == 0
    here = Path.cwd()
    assert read_game(Path("it.toml")).launch.command == (str(here / "run.sh"), str(here / "mygame.py"))


@has_display
@has_chromium
def test_a_page_gets_the_clock_of_pages(capsys: pytest.CaptureFixture[str]) -> None:
    Path("page").mkdir()
    Path("page/catch.html").write_bytes((PAGES / "catch.html").read_bytes())
    assert games_new("--url", "page/catch.html", "--screen", 512, 240, "--out", "page", *SHORT) == 0
    assert tomllib.loads(Path("page/it.toml").read_text())["launch"] == {"url": "catch.html"}
    file = read_game(Path("page/it.toml"))
    assert (file.screen.place, file.timing.clock, file.window.is_empty) == ("own", "javascript", True)
    assert {"field", "player", "writing_1"} <= set(file.regions)
    assert run_command(["games", "launch", "page/it.toml", "--steps", "3"]) == 0
    assert "512 x 240 at 0, 0" in capsys.readouterr().out


@has_display
@has_chromium
def test_a_page_that_does_not_load_is_told_with_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert games_new("--url", "http://127.0.0.1:9/", *SHORT) == 2
    error = one_sentence(capsys).rstrip()
    assert "the page http://127.0.0.1:9/ of it cannot be played (net::ERR_" in error
    assert error.endswith("; try another --url")
    assert not list(Path.cwd().iterdir())


@has_display
@pytest.mark.parametrize("by", ["--attach-title", "--attach-group", "--attach-pid"])
def test_a_window_that_is_there_is_attached_to_and_left(
    desk: Desk, by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with desk.refgame() as process:
        value = {"--attach-title": "reference game$", "--attach-group": "refgame", "--attach-pid": process.pid}[by]
        assert games_new(by, value, *SHORT) == 0
        file = read_game(Path("it.toml"))
        assert (file.screen.place, file.timing.clock) == ("here", "real")
        attach = file.launch.attach
        assert attach is not None
        assert value in (attach.title, attach.group, attach.pid)
        assert "field" in file.regions
        assert launched() == 0
        assert process.poll() is None
    assert desk.held() == []


@has_display
def test_a_program_on_the_display_of_the_person(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    assert games_new("--argv", REFGAME, "--place", "here", *SHORT) == 0
    file = read_game(Path("it.toml"))
    assert (file.screen.place, file.timing.clock, file.launch.environment) == ("here", "real", {})
    assert file.window.title == "^Playfield reference game$"
    assert launched() == 0
    assert desk.shown() == []


@has_display
def test_steam_is_asked_for_its_app(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steam = tmp_path / "bin" / "steam"
    steam.parent.mkdir()
    steam.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\nexec {REFGAME}\n')
    steam.chmod(0o755)
    monkeypatch.setenv("PATH", f"{steam.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    try:
        assert games_new("--steam", 480, "--window", "reference game", *SHORT) == 0
        assert (tmp_path / "asked").read_text() == "-applaunch 480\n"
        file = read_game(Path("it.toml"))
        assert (file.launch.steam, file.screen.place, file.timing.clock) == (480, "here", "real")
        assert file.window.title == "reference game"
        (window,) = desk.shown()  # it is Steam's, and stays when we go
    finally:
        for each in desk.shown():
            if each.pid is not None:
                os.kill(each.pid, signal.SIGKILL)
    assert window.title == "Playfield reference game"


@has_display
@has_compiler
@pytest.mark.parametrize("way", ["", "program"])
def test_a_terminal_is_asked_for_the_way(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, asked = [way, REFGAME, "Left space"], list[str]()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: (asked.append(question), answers.pop(0))[1])
    assert games_new("--steps", 10) == 0
    assert asked == [
        "how does one come to it, by program, page, window, steam (program): ",
        "program and arguments: ",
        "keys, apart by blanks (Left Right Up Down space): ",
    ]
    assert [action.label for action in read_game(Path("it.toml")).actions] == ["STAY", "LEFT", "SPACE"]


@has_display
def test_a_terminal_is_asked_for_a_window(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = ["window", "Playfield reference", ""]
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answers.pop(0))
    with desk.refgame():
        assert games_new("--steps", 5) == 0
    attach = read_game(Path("it.toml")).launch.attach
    assert attach is not None
    assert attach.title == "Playfield reference"


@has_display
@has_compiler
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--argv", "two.py"), "any window is what 2 windows are: .*; try --window TITLE, or another --argv$"),
        (("--argv", REFGAME, "--screen", 200, 200), r"does not fit on its display; try --screen 256 x? ?336$"),
        (("--argv", REFGAME, "--keys", "Lift"), "there is no key 'Lift'; names are .*; mend --keys or --begin$"),
        (("--argv", REFGAME, "--begin", "Enter"), "there is no key 'Enter'; names are .*; mend --keys or --begin$"),
        (("--argv", "no-such-program"), "needs the program no-such-program, which is not here; try --window TITLE, or"),
        (("--argv", "sleep 100"), "no window of it appeared .*; try --window TITLE, or another --argv$"),
    ],
)
def test_what_goes_wrong_is_told_with_the_option(
    arguments: tuple[object, ...],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    script = tmp_path_factory.mktemp("script") / "two.py"
    script.write_text(TWO_WINDOWS)
    given = [f"{sys.executable} {script}" if word == "two.py" else word for word in arguments]
    assert games_new(*given) == 2
    error = one_sentence(capsys)
    assert re.search(sentence, error.rstrip()), error
    assert not list(Path.cwd().iterdir())


@has_display
def test_a_window_that_is_not_there_is_told_with_the_option(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert games_new("--attach-title", "Nothing") == 2
    instead = "try another --attach-title, --attach-group or --attach-pid, once the game is there"
    assert one_sentence(capsys).rstrip().endswith(f"(title 'Nothing'; shown windows: none); {instead}")
    with desk.refgame(), desk.refgame():
        wait_for(lambda: [window.title for window in desk.shown()].count("Playfield reference game") == 2)
        assert games_new("--attach-title", "Playfield") == 2
        error = one_sentence(capsys).rstrip()
        assert "title 'Playfield' is what 2 windows are: 'Playfield reference game' (256 x 336), " in error
        assert error.endswith(instead)
    assert not list(Path.cwd().iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--argv", "x", "--url", "y"), "by one way, not by --argv and --url: leave out all but one"),
        (("--steam", 3, "--attach-pid", 4), "not by --steam and --attach-title"),
        (
            ("--argv", "x", "--clock", "javascript"),
            "--argv with --place own goes with --clock virtual or real or suspend",
        ),
        (
            ("--argv", "x", "--place", "here", "--clock", "virtual"),
            "with --clock real or suspend, not with virtual: give",
        ),
        (
            ("--url", "http://x", "--clock", "virtual"),
            "--url with --place own goes with --clock javascript or real, not",
        ),
        (("--url", "http://x", "--place", "here"), "--url goes with --place own, not with here: leave --place out"),
        (("--steam", 3, "--clock", "suspend"), "--steam with --place here goes with --clock real, not with suspend"),
        (("--attach-title", "x", "--place", "own"), "--attach-title goes with --place here, not with own"),
        (("--attach-title", "x", "--window", "y"), "--window is for --argv and --steam, not for --attach-title"),
        (("--attach-pid", 4, "--screen", 64, 64), "--screen is for a game's own display, not for yours: leave it out"),
        (("--attach-title", "(x"), "title is no regular expression"),
        (("--url", "no.html"), "there is no page no.html; give --url the path of a file, or an address with http"),
        (("--url", "ftp://x"), "url begins with 'ftp:'; it may begin with http:"),
        (("--steam", -3), "-3 is no number of an app"),
        (("--argv", "'x"), r'--argv "\'x" starts no program \(No closing quotation\); write it as in a shell'),
        (("--argv", ""), "--argv '' starts no program"),
        ((), "without a terminal, `games new` needs --argv, --url, --steam or --attach-title"),
    ],
)
def test_what_cannot_go_together_is_one_sentence(
    arguments: tuple[object, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert games_new(*arguments) == 2
    error = one_sentence(capsys)
    assert re.search(sentence, error), error
    assert not list(Path.cwd().iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--attach-title", "x"), "here (DISPLAY is not set); type this in a terminal on your desktop"),
        (
            ("--argv", REFGAME, "--place", "here"),
            "here (DISPLAY is not set); give --place own, or type this in a terminal on your desktop",
        ),
    ],
)
def test_without_a_display_the_advice_is_about_options(
    arguments: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    assert games_new(*arguments) == 2
    assert one_sentence(capsys).rstrip().endswith(sentence)


@has_display
def test_a_display_on_which_another_process_plays_is_told_with_the_option(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "import time\nfrom playfield.games.desktop.shared_display import DisplayLock\n"
    code += "kept = DisplayLock('other')\nprint('there', flush=True)\ntime.sleep(600)\n"
    (tmp_path / "runtime").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "there\n"
            assert games_new("--argv", REFGAME, "--place", "here") == 2
            assert one_sentence(capsys).rstrip().endswith(", or give --place own")
            assert games_new("--attach-title", "x") == 2
            error = one_sentence(capsys)
            assert f"process {other.pid} plays on your display" in error
            assert "own" not in error
        finally:
            other.kill()
    with pytest.raises(DisplayTaken, match=r"^x, or give --place own$"), told_in_options(WAYS["program"]):
        raise DisplayTaken('x, or set screen.place to "own"')  # it stays what it was


@has_display
def test_a_window_that_leaves_the_display_is_told_without_a_file(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path_factory.mktemp("script") / "aside.py"
    script.write_text(TWO_WINDOWS.replace("(0, 0)", "(-20, 0)"))
    with subprocess.Popen([sys.executable, str(script)], env=desk.environment) as process:
        try:
            wait_for(lambda: len(desk.shown()) == 2)
            assert games_new("--attach-title", "Two a") == 2
        finally:
            process.kill()
    assert one_sentence(capsys).rstrip().endswith("does not fit on its display; move it, then try again")


@has_display
@has_compiler
def test_a_program_that_takes_no_clock_of_ours_is_told_with_the_option(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path_factory.mktemp("static") / "static.c"
    source.write_text("#include <unistd.h>\nint main() { for (;;) pause(); }\n")
    subprocess.run(["cc", "-static", "-o", str(source.with_suffix("")), str(source)], check=True)
    monkeypatch.setattr(new, "Timing", partial(Timing, hang_ms=1000))
    assert games_new("--argv", source.with_suffix("")) == 2
    error = one_sentence(capsys).rstrip()
    assert error.endswith("it takes no clock of ours (a static program?); try --clock real"), error


def test_folders_of_a_command_are_written_as_whole_paths() -> None:
    """The program is run in a home of its own, from where `levels` would lead nowhere."""
    Path("levels").mkdir()
    launch = WAYS["program"].launch("game --data levels --name '' --mode fast", Path("."))
    assert launch.command == ("game", "--data", str(Path.cwd() / "levels"), "--name", "", "--mode", "fast")


def test_windows_has_no_display_of_our_own() -> None:
    assert [WAYS[name].place(None, "win32") for name in WAYS] == ["here", "own", "here", "here"]
    assert [WAYS[name].place(None, "linux") for name in WAYS] == ["own", "own", "here", "here"]
