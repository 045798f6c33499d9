"""What is wrong with a desktop game, on the command line: one sentence with what to type, and nothing left running."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from desktop.commands import TWO_WINDOWS
from desktop.commands import nothing_left as nothing_left
from desktop.needs import has_compiler, has_display
from playfield.cli.commands import run_command
from playfield.games.desktop.game_file import read_game, shipped_games
from playfield.games.desktop.readers import Looks

pytestmark = [has_display, has_compiler]

REFGAME = shipped_games()["refgame"].read_text()
PATTERNS = re.compile(r"\[readers\.caught\.patterns\]\n(\d = .*\n)+")
LIGHT = ("colour = [88, 168, 255]", "colour = [16, 18, 28]")
MENU = '''
name = "menu"
[launch]
command = ["{python}", "-c", """
import pygame
pygame.display.init()
screen = pygame.display.set_mode((64, 48))
pygame.display.set_caption("Menu")
screen.fill((0, 90, 0))
pygame.display.flip()
clock = pygame.time.Clock()
while True:
    pygame.event.get()
    clock.tick(20)
"""]
environment = {SDL_VIDEODRIVER = "x11", SDL_AUDIODRIVER = "dummy"}
[screen]
width = 64
height = 48
[sight]
size = [36, 32]
[[axes]]
name = "move"
choices = [{label = "STAY"}, {label = "LEFT", keys = ["Left"]}]
'''
TRAIN = ("train", "dqn_desktop", "mine.toml", "games=1", "--episodes", "0", "--frames")


def mine(*changes: tuple[str, str]) -> Path:
    text = REFGAME.replace('name = "refgame"', 'name = "mine"')
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return written(text)


def written(text: str) -> Path:
    path = Path("mine.toml")
    path.write_text(text)
    return path


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one sentence with which a command ends."""
    capsys.readouterr()
    assert run_command([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    (sentence,) = [line for line in error.splitlines() if line.startswith("playfield: ")]
    assert "Traceback" not in error
    return sentence


def test_a_game_that_begins_with_its_end_is_not_learnt_from(capsys: pytest.CaptureFixture[str]):
    mine(LIGHT)  # the lamp of the end seems lit while it is dark
    for command in (("games", "launch", "mine.toml"), (*TRAIN, "50")):
        assert re.search(
            r"mine is over before its first step \(over is 1\).*mend \[\[begin\]\] or \[readers\], then: "
            r"playfield games check mine.toml$",
            refused(capsys, *command),
        )
    assert run_command(["games", "check", "mine.toml", "--steps", "100"]) == 1
    said = capsys.readouterr().out
    assert "mine: 20 steps, 20 episodes" in said
    assert "warning: each of 20 episodes was over at its first step" in said


def test_digits_that_cannot_be_read_end_a_training(capsys: pytest.CaptureFixture[str]):
    path = mine()
    path.write_text(PATTERNS.sub("", path.read_text()))
    sentence = refused(capsys, *TRAIN, "50")
    assert sentence.endswith("playfield games check mine.toml shows what it sees")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            [("^Playfield reference game$", "^Another$"), ("step_ms = 100", "appear_ms = 500")],
            r"no window of mine appeared .*mend launch.command or \[window\], then: playfield games launch mine.toml$",
        ),
        (
            [
                ('"-m", "playfield.games.desktop.refgame"', f"\"-c\", '''{TWO_WINDOWS}'''"),
                ("^Playfield reference game$", "^Two"),
            ],
            r"is what 2 windows are: 'Two a' .*say more under \[window\], then: playfield games launch mine.toml$",
        ),
        (
            [("left = 196, top = 12", "left = 236, top = 12")],
            r"region 'lamp' .* lies outside the window, .*mend \[regions\], then: playfield games launch mine.toml$",
        ),
    ],
    ids=["no window", "two windows", "a region outside"],
)
def test_a_window_that_is_not_as_the_file_says_ends_a_training(
    changes: list[tuple[str, str]], sentence: str, capsys: pytest.CaptureFixture[str]
):
    mine(*changes)
    said = refused(capsys, *TRAIN, "50")
    assert re.search(sentence, said), said


def test_a_menu_that_nothing_leaves_ends_check_and_training(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("playfield.games.desktop.watching.LONG", 30)
    written(MENU)
    assert "no action changes anything in 20 steps (STAY, LEFT): the game may still be at its menu" in refused(
        capsys, "games", "check", "mine.toml"
    )
    assert re.search(
        r"the picture of menu has not changed in 30 steps.*then: playfield games check mine.toml$",
        refused(capsys, *TRAIN, "100"),
    )


def test_a_reader_that_never_changes_is_noted_in_check_and_training(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    for module in ("watching", "checking"):
        monkeypatch.setattr(f"playfield.games.desktop.{module}.LONG", 40)
    idle = ('kind = "pixels"\nregion = "lamp"', 'kind = "pixels"\nregion = "field"')
    mine(idle, ("colour = [88, 168, 255]", "colour = [1, 2, 3]"))
    sentence = (
        "the reader 'over' was 0 at all 40 steps: compare its region with the picture, or play otherwise: "
        "playfield games check mine.toml --policy scripted"
    )
    assert run_command(["games", "check", "mine.toml", "--steps", "40"]) == 1
    assert f"warning: {sentence}" in capsys.readouterr().out
    assert run_command([*TRAIN, "60"]) == 0
    noted = [line for line in capsys.readouterr().err.splitlines() if "the reader 'over'" in line]
    assert noted == [f"note: {sentence}"]


def test_a_recording_of_another_game_or_resolution_is_refused(capsys: pytest.CaptureFixture[str]):
    assert run_command(["record", "refgame", "--policy", "random", "--episodes", "1", "--name", "r"]) == 0
    mine()
    given = ("--demonstrations", "demos/r")
    assert "demos/r was recorded on refgame, not on mine.toml" in refused(capsys, *TRAIN, "50", *given)
    about = Path("demos/r/about.json")
    plain = json.loads(about.read_text())
    about.write_text(json.dumps({**plain, "frame_shape": [84, 84, 1]}))
    sentence = refused(capsys, "train", "dqn_desktop", "refgame", "--frames", "50", "--episodes", "0", *given)
    assert "was recorded with frames of (84, 84, 1)" in sentence
    assert "(36, 32, 1)" in sentence
    assert "record it anew" in sentence


def test_a_look_is_kept_and_read_again(capsys: pytest.CaptureFixture[str]):
    path = mine()
    calibrate = ("games", "calibrate", "mine.toml", "--region", "lamp", "--as", "looks")
    assert (
        "--as looks needs --step, after which the region looks so; see when with: playfield games capture"
        in refused(capsys, *calibrate)
    )
    assert "--step must lie between 0 and --steps, which is 9, not at 10" in refused(
        capsys, *calibrate, "--step", "10", "--steps", "9"
    )
    assert "--glyphs, --ink, --tolerance, --cell and --gap are for --as digits" in refused(
        capsys, *calibrate, "--step", "1", "--glyphs", "1"
    )
    assert run_command([*calibrate, "--step", "180", "--steps", "190"]) == 0
    said = capsys.readouterr().out
    first = int(re.search(r"shown     at (\d+) of 191 steps, first at step (\d+)", said)[2])
    assert 100 < first <= 180  # the lamp is lit once all balls have fallen
    learnt = read_game(path).readers["lamp"]
    assert isinstance(learnt, Looks)
    assert set(learnt.pattern) == {"f"}  # all of it is bright
    with Image.open("calibrations/mine-lamp/look.png") as image:
        assert np.unique(np.asarray(image)[0], axis=0).tolist() == [[88, 168, 255], [128, 128, 128], [255, 255, 255]]
    assert run_command(["games", "check", "mine.toml", "--steps", "200"]) == 0
    with Path("checks/mine/steps.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["lamp"] for row in rows] == [row["true over"] for row in rows]
    assert {row["lamp"] for row in rows} == {"0", "1"}
    capsys.readouterr()
    assert run_command([*calibrate, "--step", "0", "--steps", "3"]) == 0
    assert "note      it looks so at every step, so this tells nothing" in capsys.readouterr().out
    again = read_game(path).readers["lamp"]
    assert isinstance(again, Looks)
    assert set(again.pattern) == {"0"}
