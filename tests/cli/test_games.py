"""The commands of desktop games, with the reference game in a real window; bad input is one sentence."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from desktop.commands import TWO_WINDOWS, one_sentence
from desktop.commands import nothing_left as nothing_left
from desktop.needs import has_compiler, has_display
from playfield.cli.commands import run_command
from playfield.extras import apt_install
from playfield.games.desktop import virtual_clock
from playfield.games.desktop.game_file import read_game, shipped_games
from playfield.games.desktop.games import desktop_games
from playfield.games.desktop.readers import Digits

REFGAME = shipped_games()["refgame"].read_text()
PROGRAM = '"-m", "playfield.games.desktop.refgame"'
PATTERNS = re.compile(r"\[readers\.caught\.patterns\]\n(\d = .*\n)+")


LEAVES = """
import playfield.games.desktop.refgame as refgame
class World(refgame.World):
    def tick(self, direction):
        super().tick(direction)
        if self.fallen == 1: raise SystemExit
refgame.World = World
refgame.main()
"""
"""The reference game, which ends its process once the first ball has fallen: after less than a second."""


def games(*arguments: object) -> int:
    return run_command(["games", *(str(argument) for argument in arguments)])


def mine(*changes: tuple[str, str]) -> Path:
    """The reference game as a file of one's own, with other texts in it."""
    text = REFGAME.replace('name = "refgame"', 'name = "mine"')
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path = Path("mine.toml")
    path.write_text(text)
    return path


def ends(question: str) -> str:
    """A person who presses Ctrl-D."""
    raise EOFError(question)


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_the_file_itself_is_shown_byte_by_byte(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    path = mine()
    path.write_bytes(b"# caf\xe9, as Latin-1 has it\n" + path.read_bytes())
    assert games("show", path, "--toml") == 0
    assert capsysbinary.readouterr().out == path.read_bytes()


def test_plain_games_lists_and_so_does_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["games"]) == 0
    plain = capsys.readouterr()
    assert games("list") == 0
    assert capsys.readouterr().out == plain.out
    assert {"pong", "catch", "refgame"} <= set(plain.out.split())
    assert "refgame is a desktop game and can" in plain.err


def test_list_says_what_a_desktop_game_lacks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    which = shutil.which
    monkeypatch.setattr("shutil.which", lambda name, **rest: None if name == "Xvfb" else which(name, **rest))
    assert games("list", "refgame") == 0
    assert (
        f"refgame is a desktop game and cannot be played here (Xvfb: {apt_install('xvfb')}" in capsys.readouterr().err
    )
    assert games("doctor", "refgame") == 1
    assert re.search(rf"Xvfb +missing: {apt_install('xvfb')}", capsys.readouterr().out)


def test_show_tells_a_file_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert games("show", "refgame") == 0
    said = capsys.readouterr().out
    for line in (
        "game      refgame: twenty balls fall; +1 for each that the paddle catches",
        "launch    {python} -m playfield.games.desktop.refgame",
        "clock     virtual, 100 ms of the game a step",
        "region    score: 110 x 48 at 0, 0",
        "action    1: LEFT (Left)",
        "reward    1 for each by which caught grows",
        "ends      where one is not 0: over; after 400 steps",
    ):
        assert line in said.splitlines()
    assert re.search(r"reader +caught: digits, region score, .*patterns 0123456789", said)


def test_show_tells_a_command_as_a_shell_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert games("show", "xjump") == 0
    launched = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("launch"))
    command = launched.removeprefix("launch").partition(";")[0]
    assert shlex.split(command) == ["xjump", "-xrm", "XJump*font: fixed", "-xrm", "XJump*record.font: fixed"]


def test_show_prints_a_file_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    path = mine(("most_steps = 400", "most_steps = 40  # few"))
    assert games("show", path, "--toml") == 0
    assert capsys.readouterr().out == path.read_text()
    assert games("show", "refgame", "--toml") == 0
    assert capsys.readouterr().out == REFGAME
    path.write_text("name = ")
    assert games("show", path, "--toml") == 2
    assert "mine.toml is not TOML" in one_sentence(capsys)


# python-xlib leaves its sockets open where nobody answers.
@pytest.mark.filterwarnings("ignore:.*socket:pytest.PytestUnraisableExceptionWarning")
def test_a_display_that_does_not_answer_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    path = mine(("[screen]", '[screen]\nplace = "here"'), ("step_ms = 100", 'step_ms = 100\nclock = "real"'))
    for display in (":4077", None):
        if display is None:
            monkeypatch.delenv("DISPLAY")
        else:
            monkeypatch.setenv("DISPLAY", display)
        assert games("launch", path) == 2
        error = one_sentence(capsys)
        assert re.search("the display :4077 cannot be reached" if display else "DISPLAY is not set", error)
        assert 'set screen.place to "own", or type this in a terminal on your desktop' in error


@has_display
@has_compiler
class TestInAWindow:
    def test_launch_warns_of_a_clock_that_only_stops_the_game(self, capsys: pytest.CaptureFixture[str]) -> None:
        path = mine(("step_ms = 100", 'step_ms = 100\nclock = "suspend"'))
        assert games("launch", path, "--steps", 2) == 0
        assert "note: mine.toml is stopped between steps, but its clock is not" in capsys.readouterr().err
        for told in (1, 0):  # once for the games of a training, and for those that it evaluates on
            desktop_games("./mine.toml", 1).close()
            assert capsys.readouterr().err.count("note: ./mine.toml is stopped") == told

    def test_launch_plays_and_tells_how_it_ended(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert games("launch", "refgame", "--steps", 5) == 0
        said = capsys.readouterr().out
        assert "'Playfield reference game', 256 x 336 at 0, 0" in said
        assert "end       the episode goes on" in said
        assert games("launch", mine(("most_steps = 400", "most_steps = 3"))) == 0
        said = capsys.readouterr().out
        assert "played    3 steps of 100 ms" in said
        assert "end       cut off after most_steps = 3" in said

    def test_capture_writes_pictures_of_a_region(self) -> None:
        assert games("capture", "refgame", "--steps", 4, "--every", 2, "--region", "lamp") == 0
        assert games("capture", "refgame", "--steps", 1) == 0
        folder = Path("captures")
        assert sorted(path.name for path in (folder / "refgame-lamp").iterdir()) == [
            "000000.png", "000002.png", "000004.png",
        ]  # fmt: skip
        assert size(folder / "refgame-lamp" / "000000.png") == (48, 24)
        assert size(folder / "refgame" / "000000.png") == (256, 336)

    def test_check_compares_every_step_with_the_truth(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert games("check", "refgame", "--steps", 200) == 0
        said = capsys.readouterr().out
        assert said.count("200 of 200") == 2
        with Path("checks/refgame/steps.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 200
        assert [row["caught"] for row in rows] == [row["true caught"] for row in rows]
        assert {row["episode"] for row in rows} == {"0", "1"}
        assert size(Path("checks/refgame/regions.png"))[0] == 512

    def test_check_finds_a_reader_of_the_wrong_colour(self, capsys: pytest.CaptureFixture[str]) -> None:
        wrong = mine(("colour = [88, 168, 255]", "colour = [16, 18, 28]"), ("each = 1152", "each = 576"))
        assert games("check", wrong, "--steps", 5) == 1
        assert (
            "warning: the reader 'over' was wrong at 5 steps, first step 0: read 2, true 0" in capsys.readouterr().out
        )

    def test_check_goes_on_where_digits_cannot_be_read(self, capsys: pytest.CaptureFixture[str]) -> None:
        file = mine()
        file.write_text(PATTERNS.sub("", file.read_text()))
        assert games("check", file, "--steps", 5) == 1
        said = capsys.readouterr().out
        assert "3 of 3 digits are of an unknown pattern at step 0 (5 of 5 steps)" in said
        assert "playfield games calibrate mine.toml --region score" in said
        assert games("launch", file, "--steps", 5) == 2
        assert "playfield games check mine.toml shows what it sees" in one_sentence(capsys)

    def test_calibrate_learns_digits_that_then_read(self, capsys: pytest.CaptureFixture[str]) -> None:
        file = mine()
        shipped = read_game(file).readers["caught"]
        assert isinstance(shipped, Digits)
        file.write_text(PATTERNS.sub("", file.read_text()))
        arguments = ("calibrate", file, "--region", "score", "--as", "digits", "--steps", 200)
        assert games(*arguments) == 0
        said = capsys.readouterr().out
        glyphs = int(re.search(r"(\d+) glyphs to be named", said)[1])
        assert f"--glyphs '{'?' * glyphs}'" in said
        assert Path("calibrations/mine-score/glyphs.png").is_file()
        assert games(*arguments, "--glyphs", "0123456789"[:glyphs]) == 0
        learnt = read_game(file).readers["caught"]
        assert isinstance(learnt, Digits)
        assert dict(learnt.patterns) == {digit: shipped.patterns[digit] for digit in learnt.patterns}
        assert len(learnt.patterns) == glyphs > 1
        assert games("check", file, "--steps", 150) == 0
        assert capsys.readouterr().out.count("150 of 150") == 2

    def test_calibrate_says_how_glyphs_are_named_where_nobody_answers_any_more(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = mine()
        file.write_text(PATTERNS.sub("", before := file.read_text()))
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("builtins.input", ends)
        assert games("calibrate", file, "--region", "score", "--steps", 40) == 2
        error = one_sentence(capsys)
        assert re.search(r"nobody answers any more; name them with: playfield games .* --glyphs '\?+', with", error)
        assert file.read_text() == PATTERNS.sub("", before)

    def test_calibrate_corrects_what_was_named_wrongly(self, capsys: pytest.CaptureFixture[str]) -> None:
        file = mine()
        file.write_text(PATTERNS.sub("", file.read_text()))
        arguments = ("calibrate", file, "--region", "score", "--steps", 100)
        assert games(*arguments) == 0
        glyphs = int(re.search(r"(\d+) glyphs to be named", capsys.readouterr().out)[1])
        right = "0123456789"[:glyphs]
        wrong = right[:-1] + "9"
        assert games(*arguments, "--glyphs", wrong) == 0
        assert "replaced" not in capsys.readouterr().out
        assert games(*arguments) == 0
        said = capsys.readouterr().out
        assert f"sheet     calibrations/mine-score-2/glyphs.png: {glyphs} glyphs, whose names are in this order" in said
        assert f"mine.toml --region score --steps 100 --seed 0 --policy random --glyphs {wrong}" in said
        assert games(*arguments, "--glyphs", right + "0") == 2
        assert f"there are {glyphs} (none lacks one); to name all of them anew" in one_sentence(capsys)
        assert games(*arguments, "--glyphs", right) == 0
        assert f"replaced  glyph {glyphs} was 9, and is {right[-1]}\n" in capsys.readouterr().out
        learnt = read_game(file).readers["caught"]
        assert isinstance(learnt, Digits)
        assert "".join(learnt.patterns) == right
        assert games("check", file, "--steps", 100) == 0
        assert capsys.readouterr().out.count("100 of 100") == 2

    def test_calibrate_leaves_a_shipped_file_alone(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert games("calibrate", "refgame", "--region", "score", "--steps", 20) == 0
        assert "known     all of them" in capsys.readouterr().out
        assert shipped_games()["refgame"].read_text() == REFGAME
        assert games("calibrate", "refgame", "--region", "tip") == 2
        assert "refgame has no region 'tip'; it has: score, lamp, field" in one_sentence(capsys)

    def test_new_writes_a_file_that_can_be_played(self, capsys: pytest.CaptureFixture[str]) -> None:
        command = f"{sys.executable} -m playfield.games.desktop.refgame"
        arguments = ("new", "ball", "--argv", command, "--keys", "Left", "Right", "x", "--steps", 20)
        assert games(*arguments) == 0
        said = capsys.readouterr().out
        assert "keys      without any effect: x; take them out of [[axes]], or look longer" in said
        file = read_game(Path("ball.toml"))
        assert file.window.title == "^Playfield reference game$"
        assert [action.label for action in file.actions] == ["STAY", "LEFT", "RIGHT", "X"]
        assert {"field", "player", "writing_1"} <= set(file.regions)
        score = file.regions["writing_1"]
        assert (score.left, score.top, score.width, score.height) == (10, 2, 91, 43)
        assert size(Path("ball.png"))[0] == 512
        assert games("launch", "ball.toml", "--steps", 5) == 0
        assert "the episode goes on" in capsys.readouterr().out
        before = Path("ball.toml").read_bytes()
        assert games(*arguments) == 2
        assert "ball.toml is there already" in one_sentence(capsys)
        assert Path("ball.toml").read_bytes() == before

    def test_new_names_a_window_by_the_title_that_it_keeps(self) -> None:
        command = f"{sys.executable} -m pygame.examples.aliens"  # its window is pygame's for a moment
        assert games("new", "invaders", "--argv", command, "--keys", "Left", "--steps", 10) == 0
        assert read_game(Path("invaders.toml")).window.title == "^Pygame Aliens$"
        assert games("launch", "invaders.toml", "--steps", 5) == 0

    def test_a_game_that_ends_by_itself_is_begun_again(self, capsys: pytest.CaptureFixture[str]) -> None:
        leaves = (PROGRAM, f'"-c", """{LEAVES}"""')
        gone = ("[readers.over]", '[readers.gone]\nkind = "gone"\n\n[readers.over]')
        file = mine(leaves, gone, ('over = ["over"]', 'over = ["gone"]'))
        assert games("doctor", file, "--steps", 30) == 0
        said = capsys.readouterr().out
        assert re.search(r"speed +[1-9]", said)
        assert "exactness" in said
        assert 'advice        clock = "virtual": seed and actions are the whole episode' in said
        file.write_text(PATTERNS.sub("", file.read_text()))
        assert games("calibrate", file, "--region", "score", "--steps", 40) == 0
        looked = int(re.search(r"looked +(\d+) times", capsys.readouterr().out)[1])
        assert looked >= 40  # before the first step of every episode too, and not at where it is gone

    def test_new_quotes_the_file_in_the_command_that_it_tells(self, capsys: pytest.CaptureFixture[str]) -> None:
        command = f"{sys.executable} -m playfield.games.desktop.refgame"
        assert games("new", "spiel é", "--argv", command, "--keys", "Left", "--steps", 2) == 0
        told = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("now "))
        assert shlex.split(told.partition("then: ")[2]) == ["playfield", "games", "check", "spiel é.toml"]

    def test_doctor_proves_that_a_game_repeats_itself(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert games("doctor", "refgame", "--steps", 20) == 0
        said = capsys.readouterr().out
        assert re.search(r"tick +the picture changes every 50 ms of the game", said)
        assert re.search(r"key to pixel +50 ms of the game", said)
        assert re.search(r"3 fresh processes of one seed show the same 21 pictures, .* another seed differs", said)
        assert re.search(r'advice +clock = "virtual": seed and actions are the whole episode', said)

    @pytest.mark.parametrize(
        ("command", "changes", "sentence"),
        [
            (
                ("launch",),
                [("^Playfield reference game$", "^Another$"), ("step_ms = 100", "appear_ms = 500")],
                r"no window of mine appeared .*mend launch.command or \[window\], then: playfield games launch mine",
            ),
            (
                ("capture",),
                [(PROGRAM, f'"-c", {TWO_WINDOWS!r}'.replace("'", '"""')), ("^Playfield reference game$", "^Two")],
                r"is what 2 windows are: .*say more under \[window\], then: playfield games launch mine.toml",
            ),
            (
                ("launch",),
                [("left = 196, top = 12", "left = 236, top = 12")],
                "'lamp' .* lies outside the window, which is 256 x 336; .*: playfield games launch mine.toml",
            ),
            (
                ("launch",),
                [("height = 336\n\n[window]", "height = 300\n\n[window]")],
                r"does not fit on its display; set \[screen\] to 256 x 336 or more, then: playfield games launch mine",
            ),
            (
                ("launch",),
                [(PROGRAM, '"-c", "while True: pass"'), ("step_ms = 100", "step_ms = 100\nhang_ms = 1000")],
                "mine has not come to rest within 1 s.*: playfield games doctor mine.toml",
            ),
            *(
                (
                    command,
                    [('["Left"]', '["Lift"]')],
                    "mine.toml, the choice 'LEFT' of the axis 'move': there is no key 'Lift'; names are .*, then: pl",
                )
                for command in (("launch",), ("show",), ("show", "--toml"))
            ),
            (
                ("check",),
                [("[regions]", '[[begin]]\nms = 9\n[[begin]]\nkeys = ["a", "Enter"]\n[regions]')],
                r"mine.toml, \[\[begin\]\], step 2: there is no key 'Enter'; .*then: playfield games launch mine.toml",
            ),
            (
                ("check",),
                [('["Left"]', '["F5"]'), ('["Right"]', '["F6"]')],
                r"no action changes anything in 20 steps .*mend \[\[begin\]\] or \[\[axes\]\], then: playfield games",
            ),
            (("capture", "--region", "tip"), [], "mine.toml has no region 'tip'; it has: score, lamp, field"),
            (("capture", "--steps", "0"), [], "--steps must be 1 or more, not 0"),
        ],
    )
    def test_what_does_not_work_is_one_sentence_with_the_next_command(
        self,
        command: tuple[str, ...],
        changes: list[tuple[str, str]],
        sentence: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        name, *rest = command
        assert games(name, mine(*changes), *rest) == 2
        error = one_sentence(capsys)
        assert re.search(sentence, error), error

    def test_new_without_a_window_says_what_to_try(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert games("new", "nothing", "--argv", "sleep 100") == 2
        assert "no window of nothing appeared" in (error := one_sentence(capsys))
        assert "try --window TITLE, or another --argv" in error
        assert not list(Path.cwd().iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("launch", "refgame", "--steps", "1000000000000"),
            "--steps must be at most 10,000,000, not 1,000,000,000,000",
        ),
        (("check", "refgame", "--steps", "1000000000000"), "--steps must be at most 10,000,000"),
        (("doctor", "refgame", "--steps", "1000000000000"), "--steps must be at most 10,000,000"),
        (("calibrate", "refgame", "--region", "score", "--steps", "10000001"), "--steps must be at most 10,000,000"),
        (("capture", "refgame", "--steps", "9000000", "--every", "999999999"), "--every must be at most 10,000,000"),
        (("launch", "nope.toml"), "there is no game file nope.toml; list those .*: playfield games list"),
        (("doctor", "pong"), "pong is no desktop game: those are .*lbreakout2.*, and files ending in .toml"),
        (("launch", "refgam"), "refgam is no desktop game: those are refgame, "),
        (("new", "refgame", "--argv", "x"), "a game 'refgame' comes with Playfield; choose another name"),
        (("new", "it", "--argv", "no-such-program"), "needs the program no-such-program, which is not here"),
        (("new", "it"), "without a terminal, `games new` needs --argv"),
        (("new", "it", "--argv", "x", "--begin", "Return:soon"), "'Return:soon' is no step of a beginning"),
        (("new", "a/b/c", "--argv", "x"), "'a/b/c' cannot be the name of a game: .* is named by --out FOLDER"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert games(*arguments) == 2
    assert re.search(sentence, one_sentence(capsys))
    assert not list(Path.cwd().iterdir())


def test_the_file_of_that_name_is_pointed_at(capsys: pytest.CaptureFixture[str]) -> None:
    mine()
    assert games("launch", "mine") == 2
    assert "mine is no desktop game: " in (error := one_sentence(capsys))
    assert "; but there is a file mine.toml: name it so" in error


@has_display
@has_compiler
@pytest.mark.parametrize(
    ("lacking", "package"), [("Xvfb", "apt-get install xvfb"), ("cc", "apt-get install gcc libc6-dev")]
)
@pytest.mark.parametrize("command", [("games", "launch"), ("games", "check"), ("train", "dqn_desktop")])
def test_what_is_not_installed_is_named_with_its_package(
    command: tuple[str, ...],
    lacking: str,
    package: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """On a machine whose PATH holds the one and not the other, and on which no clock was ever built."""
    path, there = tmp_path_factory.mktemp("bin"), {"Xvfb", "cc"} - {lacking}
    for name in there:
        (path / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(path / "cache"))
    virtual_clock.library.cache_clear()
    try:
        assert run_command([*command, "refgame"]) == 2
    finally:
        virtual_clock.library.cache_clear()
    assert one_sentence(capsys).rstrip().endswith(package)
    assert not list(Path.cwd().iterdir())  # no run was begun that could not go on
