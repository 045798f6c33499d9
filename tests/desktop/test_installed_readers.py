"""Readers in Python: only of installed packages, only once enabled by name, and by nothing that a file could say."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from desktop.children import children
from desktop.needs import has_compiler, has_display
from desktop.packages import MODULE, installed
from playfield.cli.commands import run_command
from playfield.games.desktop.game_file import game_from, shipped_games
from playfield.games.desktop.installed_readers import NotEnabled, enabled_file, function_of
from playfield.games.desktop.readers import Packaged, Readings, Region, Unreadable, WindowState

STATE = WindowState(sizes=(), titles=(), running=True, still_steps=0)
REFGAME = shipped_games()["refgame"].read_text()


@pytest.fixture(name="canary", autouse=True)
def a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    with installed(tmp_path, monkeypatch) as canary:
        yield canary


def command(*arguments: str) -> int:
    return run_command(list(arguments))


def asking(name: str, region: str = "lamp") -> Path:
    """The reference game, of which the lamp is read by a package."""
    path = Path("mine.toml")
    text = REFGAME.replace('name = "refgame"', 'name = "mine"')
    before = '[readers.over]\nkind = "pixels"\nregion = "lamp"\ncolour = [88, 168, 255]\neach = 1152\n'
    assert before in text
    path.write_text(text.replace(before, f'[readers.over]\nkind = "python"\nname = "{name}"\nregion = "{region}"\n'))
    return path


def imported(canary: Path) -> bool:
    return canary.exists() or MODULE in sys.modules


@pytest.mark.parametrize(
    "arguments",
    [
        ("games", "show", "mine.toml"),
        ("games", "readers"),
        ("games", "doctor", "mine.toml"),
        ("games", "launch", "mine.toml", "--steps", "1"),
        ("games", "check", "mine.toml", "--steps", "1"),
        ("games", "capture", "mine.toml", "--steps", "1"),
        ("games", "calibrate", "mine.toml", "--region", "score", "--steps", "1"),
        ("play", "mine.toml"),
        ("train", "dqn_desktop", "mine.toml", "--frames", "1"),
    ],
)
def test_a_strangers_file_imports_nothing_whatever_is_done_with_it(
    arguments: tuple[str, ...], canary: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    asking("lamps-blue")
    before = children()
    code = command(*arguments)
    said = capsys.readouterr()
    assert not imported(canary)
    assert children() <= before
    if arguments[1] in ("show", "readers"):
        assert code == 0
        return
    told = said.out if arguments[1] == "doctor" else said.err
    sentence = (
        "the reader 'lamps-blue' is code of the package lamps-for-games, which runs only once you have allowed it: "
        "playfield games enable-reader lamps-blue"
    )
    assert sentence in told
    assert code == (1 if arguments[1] == "doctor" else 2)
    if arguments[1] != "doctor":
        assert said.err.count("\n") == 1, said.err


@pytest.mark.parametrize(
    "name", [f"{MODULE}:blue", "../lamps", "", "lamps blue", "os.system()", f"{MODULE}/blue", "-lamps", "a" * 101]
)
def test_a_file_can_name_no_module(name: str, canary: Path):
    with pytest.raises(ValueError, match=r"readers\.over: name must be that of a reader"):
        game_from(asking(name).read_text(), "mine.toml")
    assert not imported(canary)


def test_a_module_by_its_plain_name_is_no_reader(canary: Path):
    with pytest.raises(NotEnabled, match=f"the reader '{MODULE}' is in no package that is installed; install the one"):
        function_of(MODULE)
    assert not imported(canary)


@pytest.mark.parametrize("entry", ['package = "lamps-for-games"', "enabled = true", 'module = "os"'])
def test_a_file_can_enable_nothing(entry: str, canary: Path):
    path = asking("lamps-blue")
    path.write_text(path.read_text().replace('kind = "python"', f'kind = "python"\n{entry}'))
    with pytest.raises(ValueError, match=r"readers\.over has no entry"):
        game_from(path.read_text(), "mine.toml")
    # Nor can what a file puts into its game's home, or into its environment: both are the game's and not ours.
    home = '[[launch.home]]\npath = ".config/playfield/readers.json"\ntext = \'{"lamps-blue": "lamps-for-games"}\'\n'
    text = asking("lamps-blue").read_text().replace("[screen]", home + "\n[screen]", 1)
    assert command("games", "launch", str(_written(text)), "--steps", "1") == 2
    assert not imported(canary)


def _written(text: str) -> Path:
    path = Path("other.toml")
    path.write_text(text)
    return path


def test_readers_are_listed_enabled_and_disabled_without_being_imported(
    canary: Path, capsys: pytest.CaptureFixture[str]
):
    line = f"lamps-blue  lamps-for-games 1.2, {MODULE}:blue: "
    assert command("games", "readers") == 0
    assert line + "not enabled" in capsys.readouterr().out.splitlines()
    assert command("games", "enable-reader", "lamps-blue") == 0
    assert json.loads(enabled_file().read_text()) == {"lamps-blue": "lamps-for-games"}
    assert enabled_file().stat().st_mode & 0o022 == 0
    assert [path.name for path in enabled_file().parent.iterdir()] == ["readers.json"]
    capsys.readouterr()
    assert command("games", "readers") == 0
    said = capsys.readouterr().out.splitlines()
    assert line + "enabled" in said
    assert f"lamps-silent  lamps-for-games 1.2, {MODULE}:silent: not enabled" in said
    assert command("games", "disable-reader", "lamps-blue") == 0
    assert json.loads(enabled_file().read_text()) == {}
    assert not imported(canary)
    assert command("games", "disable-reader", "lamps-blue") == 2
    assert command("games", "enable-reader", "lamps-green") == 2
    assert "is in no package that is installed" in capsys.readouterr().err


def test_a_name_that_passes_to_another_package_is_not_enabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    enabled_file().parent.mkdir(parents=True)
    enabled_file().write_text('{"lamps-blue": "other-lamps"}')
    with pytest.raises(NotEnabled, match=r"as that of the package other-lamps, and now is that of lamps-for-games"):
        function_of("lamps-blue")
    with (
        installed(tmp_path / "second", monkeypatch, "other-lamps"),
        pytest.raises(NotEnabled, match=r"is in several packages \(lamps-for-games, other-lamps\); uninstall all"),
    ):
        function_of("lamps-blue")


@pytest.mark.parametrize("text", ["[]", '{"a": 1}', "{", '{"a": "b"}' + " " * (1 << 16)])
def test_a_file_of_enabled_readers_that_is_none_enables_nothing(text: str, canary: Path):
    enabled_file().parent.mkdir(parents=True)
    enabled_file().write_text(text)
    with pytest.raises(ValueError, match="does not say which readers are enabled; remove it, and enable them anew"):
        function_of("lamps-blue")
    assert not imported(canary)


def enable(*names: str) -> None:
    for name in names:
        assert command("games", "enable-reader", name) == 0


def test_an_enabled_reader_reads_its_region(canary: Path):
    enable("lamps-blue", "lamps-caught")
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:36, :32] = (88, 168, 255)
    picture[2, 50:53] = (240, 240, 240)
    readers = {
        "half": Packaged(name="lamps-blue", region="left"),
        "all": Packaged(name="lamps-blue"),
        "ink": Packaged(name="lamps-caught", region="right"),
    }
    regions = {"left": Region(left=0, top=0, width=16, height=40), "right": Region(left=40, top=0, width=20, height=40)}
    assert Readings(readers, regions).of(picture, STATE) == {"half": 0.5, "all": 1.0, "ink": 3.0}
    assert imported(canary)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("lamps-caught", "the reader 'x' cannot be read: nothing is written there"),
        ("lamps-vandal", "the reader 'x' cannot be read: its package's function failed .ValueError: .*read-only"),
        ("lamps-silent", "the reader 'x' cannot be read: its package's function said nan"),
    ],
)
def test_a_reader_that_fails_is_told_by_its_name(name: str, sentence: str):
    enable(name)
    picture = np.full((4, 4, 3), 7, np.uint8)
    with pytest.raises(Unreadable, match=sentence):
        Readings({"x": Packaged(name=name)}, {}).of(picture, STATE)
    assert (picture == 7).all()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("lamps-nothing", "'lamps-nothing' of the package lamps-for-games is no function; mend the package"),
        ("lamps-lost", "cannot be imported .AttributeError: .*lost.*disable-reader lamps-lost"),
    ],
)
def test_a_package_that_does_not_hold_what_it_says_is_told_before_a_game_is_started(
    name: str, sentence: str, monkeypatch: pytest.MonkeyPatch
):
    from playfield.games.desktop.game import DesktopGame

    def never(*arguments: object) -> None:
        raise AssertionError("a display was started")

    enable(name)
    monkeypatch.setattr("playfield.games.desktop.parts.OwnStage", never)
    with pytest.raises(ValueError, match=sentence):
        DesktopGame(game_from(asking(name).read_text(), "mine.toml"))


@has_display
@has_compiler
def test_a_packages_reader_in_a_real_window_reads_the_truth(capsys: pytest.CaptureFixture[str]):
    enable("lamps-blue")
    assert command("games", "check", str(asking("lamps-blue")), "--steps", "200") == 0
    assert capsys.readouterr().out.count("200 of 200") == 2
    with Path("checks/mine/steps.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["over"] for row in rows] == [row["true over"] for row in rows]
    assert {row["over"] for row in rows} == {"0", "1"}
