"""Game files: what they may say, and one sentence for what they may not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from playfield.games.desktop.game_file import PYTHON, game_from, read_game, shipped_games, typed_name
from playfield.games.desktop.games import game_file
from playfield.games.desktop.readers import Digits, Pixels, Region

SMALL = """
name = "it"
over = ["gone"]
[launch]
command = ["{python}", "-c", "pass"]
[regions]
top = {left = 0, top = 1, width = 20, height = 3}
[[axes]]
name = "move"
choices = [{label = "STAY"}, {label = "GO", keys = ["Left", "space"]}]
[readers.gone]
kind = "gone"
[readers.score]
kind = "digits"
region = "top"
[[rewards]]
reader = "score"
"""


def test_a_small_file_is_a_game():
    game = game_from(SMALL, "it.toml")
    assert (game.name, game.over, game.launch.command) == ("it", ("gone",), (PYTHON, "-c", "pass"))
    assert game.regions == {"top": Region(left=0, top=1, width=20, height=3)}
    assert game.readers["score"] == Digits(region="top")
    assert [action.label for action in game.actions] == ["STAY", "GO"]
    assert game.actions[1].choices[0].keys == ("Left", "space")
    assert game.rewards[0].scale == 1.0
    assert game.timing.step_ms == 50


def test_axes_are_told_where_their_choices_are_combined():
    hands = '[[axes]]\nname = "hands"\nchoices = [{label = "a"}, {label = "b"}, {label = "c"}]\n[readers.gone]'
    two = SMALL.replace("[readers.gone]", hands)
    assert game_from(SMALL, "it.toml").factors == ()
    game = game_from(two, "it.toml")
    assert game.factors == (2, 3)
    assert [action.label for action in game.actions][:4] == ["STAY + a", "STAY + b", "STAY + c", "GO + a"]
    assert game_from('combine = "concatenation"\n' + two, "it.toml").factors == ()


@pytest.mark.parametrize("name", shipped_games())
def test_shipped_files_are_games(name: str):
    assert read_game(shipped_games()[name]).name == name


def test_refgame_reads_its_lamp():
    lamp = read_game(shipped_games()["refgame"]).readers["over"]
    assert isinstance(lamp, Pixels)
    assert lamp.each == 48 * 24


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('name = "it"', "name = 3", "it.toml: name should be a text in quotes, not 3"),
        ('name = "it"', 'nome = "it"', "a game file has no entry 'nome'; the nearest are: name"),
        ("width = 20", 'width = "20"', r"regions.top.width should be a whole number, not '20'"),
        ("width = 20", "width = 0", "regions.top: a region needs"),
        ("width = 20", "width = 20, depth = 2", "regions.top has no entry 'depth'"),
        ("left = 0, ", "", "regions.top leaves out left"),
        ('kind = "digits"', 'kind = "ocr"', r"readers.score.kind should be one of bar, digits, gone, .*, not 'ocr'"),
        (
            'region = "top"',
            'region = "tip"',
            "readers.score.region is 'tip', and there is no such region; there are: top",
        ),
        ('over = ["gone"]', 'over = ["gine"]', "there is no reader 'gine'; there are: gone, score"),
        ('reader = "score"', 'reader = "scare"', "there is no reader 'scare'"),
        (
            '["{python}", "-c", "pass"]',
            "[]",
            "launch: a game is come to by one of command, steam, url and attach, and none is given",
        ),
        ("[[axes]]", "[axes]", "axes should be a list"),
        ('name = "move"', 'name = "move"\nspeed = 2', r"axes\[0\] has no entry 'speed'"),
        ('keys = ["Left", "space"]', "keys = [1]", r"axes\[0\].choices\[1\].keys\[0\] should be a text in quotes"),
        ('name = "it"', 'name = "it', "is not TOML"),
        ('over = ["gone"]', "combine = 'sum'", "combine should be one of 'product', 'concatenation'"),
        ('over = ["gone"]', "sight = {size = [84]}", "sight.size should be a list of 2, not of 1"),
        ('over = ["gone"]', "most_steps = true", "most_steps should be a whole number, not True"),
        ('over = ["gone"]', "lives = 'lamps'", "there is no reader 'lamps'"),
        ('name = "it"', 'name = "it"\ntyped = "other"', "a game file has no entry 'typed'"),
        (
            'name = "move"',
            'name = "move"\nrange = [-1, 1]',
            r"axes\[0\] \('move'\) says 'range', .* cut it into choices",
        ),
        (
            'name = "move"',
            'name = "move"\ncontinuous = true',
            "says 'continuous', and axes that are continuous are not",
        ),
        ('name = "move"', 'kind = "continuous"', r"axes\[0\] \('without a name'\) says 'kind'"),
        ('{label = "STAY"}', '{label = "STAY", low = -1.0}', r"axes\[0\] \('move'\) says 'low'"),
        ('name = "move"', 'name = "move"\nkind = ["range"]', r"axes\[0\] has no entry 'kind'"),
        ('name = "move"', 'name = "move"\ntype = {of = "range"}', r"axes\[0\] has no entry 'type'"),
        ('kind = "digits"', 'kind = ["digits"]', r"readers.score.kind should be one of .*, not \['digits'\]"),
        (
            'kind = "digits"',
            'kind = {of = "digits"}',
            r"readers.score.kind should be one of .*, not \{'of': 'digits'\}",
        ),
    ],
)
def test_what_a_file_may_not_say_is_one_sentence(before: str, after: str, sentence: str):
    assert before in SMALL
    with pytest.raises(ValueError, match=sentence) as error:
        game_from(SMALL.replace(before, after), "it.toml")
    assert str(error.value).startswith("it.toml")


def test_a_file_names_no_code():
    marker = SMALL + '\n[readers.evil]\nkind = "os.system"\n'
    before = set(sys.modules)
    with pytest.raises(ValueError, match=r"readers\.evil\.kind should be one of"):
        game_from(marker, "it.toml")
    assert set(sys.modules) == before


@pytest.mark.parametrize("way", ['url = "it.html"', "steam = 480", 'attach = {title = "it"}'])
def test_only_a_program_has_a_home_that_files_are_put_in(way: str):
    home = f'{way}\nhome = [{{path = "settings", text = "easy"}}]'
    said = f"launch: home is for a program that command starts: a game of {way.split()[0]} has no home"
    with pytest.raises(ValueError, match=said):
        game_from(SMALL.replace('command = ["{python}", "-c", "pass"]', home), "it.toml")


def test_a_game_is_called_as_it_was_typed(tmp_path: Path):
    path = tmp_path / "my games" / "first.toml"
    path.parent.mkdir()
    path.write_text(SMALL)
    game = read_game(path)
    assert game.name == "it"
    assert typed_name(game) == f"'{path}'"
    assert typed_name(game_from(SMALL, "it")) == "it.toml"  # as `games new` would call it
    assert typed_name(game_file("refgame")) == typed_name(read_game(shipped_games()["refgame"])) == "refgame"
    assert (game, repr(game)) == (game_from(SMALL, "it"), repr(game_from(SMALL, "it")))  # it is no part of the game


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path):
    path = tmp_path / "huge.toml"
    path.write_bytes(b"#" * (2 << 20))
    with pytest.raises(ValueError, match="larger than 1,048,576 bytes"):
        read_game(path)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ('[window]\ntitle = "^(Mine"', r"window: title is no regular expression: missing \)"),
        ('[window]\ngroup = "*"', "window: group is no regular expression: nothing to repeat"),
        ('[readers.menu]\nkind = "window"\ntitle = "["', "readers.menu: title is no regular expression"),
    ],
)
def test_a_pattern_that_is_none_is_refused_when_the_file_is_read(table: str, sentence: str):
    text = 'name = "it"\n[launch]\ncommand = ["it"]\n[[axes]]\nname = "a"\nchoices = [{label = "STAY"}]\n' + table
    with pytest.raises(ValueError, match=sentence):
        game_from(text, "it.toml")
