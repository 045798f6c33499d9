"""What the commands print and write, and what bad input gets: one sentence and exit code 2, never a traceback."""

from __future__ import annotations

import errno
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import pytest

from cli.runs import train
from playfield.cli.commands import one_sentence, run_command, without_overrides
from playfield.cli.counts import count
from playfield.cli.look import protocol_named, same_actions
from playfield.games.make import make_games
from playfield.recipes import RECIPES, recipe_from_json
from playfield.storage.run import Run


def playfield(*arguments: object) -> int:
    return run_command([str(a) for a in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with one run that was trained and evaluated."""
    root = tmp_path_factory.mktemp("runs")
    train("dqn_toy", root, "one", 400)
    assert playfield("evaluate", "one", "--episodes", 3, "--runs", root) == 0
    return root


BAD_INPUT = [
    (("train", "dqn", "pomg"), r"no game 'pomg'; the nearest are: pong, \w+, \w+"),
    (("train", "dnq", "pong"), r"no recipe 'dnq'; the nearest are: dqn, \w+, \w+"),
    (("train", "dqn", "pong", "memory.nstep=3"), r"no setting 'memory\.nstep'; the nearest are: memory\.n_step, "),
    (("train", "dqn", "pong", "memory.n_step"), r"write path=value"),
    (("train", "dqn", "pong", "memory.n_step=many"), r"memory\.n_step must be a whole number, not 'many'"),
    (("train", "dqn", "pong", "memory.n_step=0"), r"memory\.n_step must be 1 or more"),
    (("train", "dqn", "pong", "bootstrap=Settled"), r"only a Rollout memory delivers"),
    (("train", "pqn", "pong", "bootstrap=Double"), r"nothing to bootstrap"),
    (("train", "dqn", "gym:Pendulum-v1"), r"Playfield plays discrete actions"),
    (("train", "dqn", "gym:CartPole-v1"), r"shows vectors; use torso=Mlp"),
    (("train", "dqn", "gym:CartPol-v1"), r"nearest are: CartPole-v1"),
    (("train", "dqn", "pong", "--protocol", "sticky"), r"no protocol 'sticky'; choose one of: nature, machado"),
    (("train", "dqn", "pong", "--name", "../up"), r"cannot be the name of a run"),
    (("train", "dqn", "pong", "--frames", "0"), r"--frames.* must be 1 or more"),
    (("train", "dqn", "pong", "--frames", "1e30"), r"--frames must be at most"),
    (("train", "dqn_toy", "catch", "memory.capacity=10_000_000_000"), r"lower memory\.capacity"),
    (("watch", "gym:CartPole-v1"), r"gym:CartPole-v1 is a game, not a run; .*--policy random"),
    (("video", "pong"), r"pong is a game, not a run; .*--policy random"),
    (("train", "none.json", "pong"), r"no recipe file none\.json"),
    (("train", "dqn", "pong", "protocol.actions=['FLY']"), r"has no action FLY|must be"),
    (
        ("train", "dqn_toy", "catch", "--protocol", "machado"),
        r"catch has rules of its own; --protocol is for the games",
    ),
    (("evaluate", __file__), r"test_commands\.py is neither a run nor a model of Playfield, which ends in \.playfield"),
    (("train", "dqn_toy", "catch", "memory.capacity=1e99"), r"memory\.capacity must lie between"),
    (("train", "dqn_toy", "catch", "memory.capacity=1e11"), r"memory\.capacity must be at most 10,000,000,000"),
    (("train", "pqn", "pong", "memory.steps=1e11"), r"the memory would take .* GB, more than there is; lower"),
    (
        ("train", "dqn", "pong", "memory.batch=1e99"),
        r"memory\.batch must lie between -9,223.* and 9,223.*,807$",
    ),
    (
        ("train", "dqn", "pong", "head.hidden=1e9"),
        r"a layer of 6 units over 1,000,000,000 inputs .* head\.hidden",
    ),
    (
        ("train", "dqn", "pong", "memory.stack=1e9"),
        r"a layer of 32 channels over 1,0.* of 8 x 8.*memory\.stack",
    ),
    (("train", "dqn_toy", "catch", "--name", "../x", "--dry-run"), r"cannot be the name of a run"),
    (("train", "dqn_toy", "catch", "memory.n_step=1e9"), r"too few for memory\.n_step=1000000000 and memory\.stack"),
    (
        ("train", "dqn", "pong", "optimizer.lr=nan"),
        r"must be Exponential or Linear or Piecewise or a number, not 'nan'",
    ),
    (("record", "catch", "--policy", "random", "--minutes", "nan"), r"must be finite numbers above 0"),
    (("lab", "run", "sarsa", "mountaincar", "--episodes", "9" * 30), r"--episodes times --runs must be at most"),
    (("train", "dqn_toy", "catch", "--seed", "10_000_000_000_000_000_000"), r"the seed must be at most 9,223,372,036"),
    (("train", "dqn_adam", "pong", "head.hidden=100000"), r"would take 5\.0 GB, and a checkpoint holds 4\.3 GB"),
    (("recipes", "diff"), r"write `playfield recipes`, `recipes NAME`, `recipes diff A B`"),
    (("resume", "nothing"), r"no run 'nothing'"),
    (("evaluate", "nothing"), r"no run 'nothing'"),
    (("video", "nothing"), r"no run 'nothing'"),
    (("plot",), r"name at least one run"),
    (("compare",), r"name at least one run"),
    (("recipes", "diff", "dqn"), r"recipes diff A B"),
    (("games", "zzz"), r"no game's name contains 'zzz'"),
    (("train", "dqn", "toy_pong"), r"frames of 24x24 pixels are too small.*use torso=Mlp"),
    (("train", "dqn_toy", "catch", "--runs", "/proc/x"), r"'/proc/x.*' cannot be used: .*; choose another"),
    (("study", "--recipes", "rainbow", "--games", "toy_pong"), r"rainbow cannot play toy_pong: frames of 24x24"),
    (("video", "pomg", "--policy", "random"), r"'pomg' is neither a game nor a run; the nearest games are: pong"),
    (("trian", "dqn", "pong"), r"no command `playfield trian`; the nearest are: train, .*: playfield --help"),
    (("games", "lanch", "refgame"), r"no command `playfield games lanch`; the nearest are: launch, .* games --help"),
    (("games", "chek", "--steps", "9"), r"no command `playfield games chek`; the nearest are: check, "),
    (("demos", "shw"), r"no command `playfield demos shw`; the nearest are: show, .*: playfield demos --help"),
    (("lab", "swep"), r"no command `playfield lab swep`; the nearest are: sweep, .*: playfield lab --help"),
    (
        ("import", "a.playfield", "b.playfield", "--recipe", "dqn", "--game", "pong"),
        r"a\.playfield.* cannot be used|a\.playfield is missing",
    ),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD_INPUT, ids=[" ".join(a) for a, _ in BAD_INPUT])
def test_bad_input_gets_one_sentence(
    arguments: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert playfield(*arguments) == 2
    error = capsys.readouterr().err
    assert re.search(sentence, error), error
    assert error.count("\n") == 1
    assert "Traceback" not in error
    assert not (tmp_path / "runs").exists(), "a mistake must leave nothing behind"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"hello": 5}', r"mine\.json: this does not say what it is: .type.: .LinearRecipe or Recipe. is missing"),
        ('{"type": [1', r"mine\.json: this is not a recipe in JSON: .*recipes json"),
        (
            "\ufeff{}",
            r"mine\.json: this begins with a byte-order mark, which JSON has not; save it as UTF-8 without one",
        ),
        ('{"\udcff"', r"mine\.json: this is not text in UTF-8 from byte 3 on; save it as UTF-8 .*recipes json"),
    ],
)
def test_a_file_that_is_no_recipe_is_named(
    text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.json").write_bytes(text.encode(errors="surrogateescape"))
    assert playfield("train", tmp_path / "mine.json", "catch", "--runs", tmp_path) == 2
    error = capsys.readouterr().err
    assert re.search(sentence, error), error
    assert error.count("\n") == 1


WRONG_OPTIONS = [
    (("--frames", "abc"), "--frames: 'abc' is not a whole number such as 1_000_000, 200k or 10M"),
    (("--frames", "nan"), "--frames: 'nan' is not a whole number such as 1_000_000, 200k or 10M"),
    (("--frames", "1e400"), "--frames: '1e400' is not a whole number such as 1_000_000, 200k or 10M"),
    (("--episodes", "few"), "--episodes: 'few' is not a whole number"),
    (("--minutes", "long"), "--minutes: 'long' is not a number"),
    (("--over", "all"), "--over: 'all' is not a whole number"),
    (("--save-every-minutes", "often"), "--save-every-minutes: 'often' is not a number"),
    (("--budget",), "--budget needs a value after it"),
    (("--minutes", "--dry-run"), "--minutes needs a value after it"),
]


@pytest.mark.parametrize(("option", "sentence"), WRONG_OPTIONS, ids=[" ".join(option) for option, _ in WRONG_OPTIONS])
def test_an_option_without_the_value_it_needs_is_told_in_words(
    option: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for columns in ("40", "80"):
        monkeypatch.setenv("COLUMNS", columns)
        assert playfield("train", "dqn_toy", "catch", *option) == 2
        assert capsys.readouterr().err == f"playfield: {sentence}; `playfield train --help` explains the options\n"


def test_the_name_of_an_option_that_is_none_still_comes_with_suggestions(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        playfield("train", "dqn_toy", "catch", "--minuts", "4")
    said = capsys.readouterr().err
    assert "Perhaps you meant" in said
    assert "--minutes" in said


def test_a_name_that_exists_is_never_overwritten(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted((p, p.stat().st_mtime_ns) for p in (trained / "one").rglob("*"))
    arguments = ("train", "dqn_toy", "catch", "--name", "one", "--runs", trained)
    assert playfield(*arguments) == 2
    error = capsys.readouterr().err
    assert "playfield resume one" in error
    assert "--name" in error
    assert sorted((p, p.stat().st_mtime_ns) for p in (trained / "one").rglob("*")) == before


def test_an_evaluation_leaves_table_curve_and_film(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert playfield("evaluate", "one", "--episodes", 4, "--seed", 5, "--runs", trained) == 0
    printed = capsys.readouterr().out
    evaluations = (trained / "one" / "results" / "evaluations.jsonl").read_text().splitlines()
    scores = json.loads(evaluations[-1])["scores"]
    assert len(scores) == 4
    assert f"{sum(scores) / 4:,.2f}" in printed
    assert re.search(r"episodes\s+4\b", printed)
    assert (trained / "one" / "results" / "learning_curve.png").read_bytes()[:4] == b"\x89PNG"
    film = trained / "one" / "results" / "best_game.mp4"
    reader = imageio_ffmpeg.read_frames(str(film))
    assert min(next(reader)["size"]) >= 160
    reader.close()


def test_the_same_evaluation_gives_the_same_scores(trained: Path) -> None:
    for _ in range(2):
        playfield("evaluate", "one", "--episodes", 3, "--seed", 9, "--runs", trained)
    rows = (trained / "one" / "results" / "evaluations.jsonl").read_text().splitlines()
    assert rows[-1] == rows[-2]


@pytest.mark.parametrize("view", ["net", "motion"])
def test_films_of_what_the_network_sees(view: str, trained: Path) -> None:
    out = trained / f"{view}.mp4"
    assert playfield("video", "one", "--view", view, "--scale", 1, "--out", out, "--runs", trained) == 0
    reader = imageio_ffmpeg.read_frames(str(out))
    width, height = next(reader)["size"]
    reader.close()
    stack, side = RECIPES["dqn_toy"].memory.stack, 48 * 3
    assert height == side
    assert width >= (stack * side if view == "net" else side)


def test_random_play_can_be_filmed_without_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "random.mp4"
    assert playfield("video", "catch", "--policy", "random", "--out", out) == 0
    assert "random play" in capsys.readouterr().out
    assert imageio_ffmpeg.count_frames_and_secs(str(out))[0] == 56  # 5 fruits of 11 steps, and the first picture


def test_a_training_episode_can_be_filmed(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = trained / "first.mp4"
    assert playfield("video", "one", "--episode", 1, "--out", out, "--runs", trained) == 0
    assert "training episode 1" in capsys.readouterr().out
    assert playfield("video", "one", "--episode", 10_000, "--runs", trained) == 2


def test_runs_lists_what_is_there(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert playfield("runs", "--runs", trained) == 0
    printed = capsys.readouterr().out
    assert "one" in printed
    assert "400" in printed


@pytest.mark.parametrize("name", ["one", "dqn_adam-freeway-s0-2", "gravitar_prioritized-montezuma_revenge-s10-a" * 2])
def test_names_and_numbers_of_runs_stay_whole_on_a_narrow_screen(
    name: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained / "one", tmp_path / name)
    monkeypatch.setenv("COLUMNS", "80")
    assert playfield("runs", "--runs", tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line.strip("│").split("│") for line in lines if name in line]
    assert row[0].strip() == name
    newest = Run.open(tmp_path / name).checkpoints()[-1]
    assert row[2].strip() == f"{newest.frames:,}"
    assert re.fullmatch(r"[0-9.]+ MB", row[5].strip())
    if len(name) <= 21:
        assert max(map(len, lines)) <= 80


def test_recipes_are_shown_compared_and_written_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    playfield("recipes", "diff", "dqn", "double")
    printed = capsys.readouterr().out
    assert re.search(r"bootstrap\W+Greedy\W+Double", printed)
    assert "memory" not in printed
    playfield("recipes", "json", "double")
    path = tmp_path / "mine.json"
    path.write_text(capsys.readouterr().out)
    assert recipe_from_json(path.read_text()) == RECIPES["double"]


def test_compare_takes_runs_of_one_recipe_together(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("dqn_toy", trained, "two", 400, seed=1)
    playfield("evaluate", "two", "--episodes", 3, "--runs", trained)
    capsys.readouterr()
    assert playfield("compare", "one", "two", "--runs", trained) == 0
    printed = capsys.readouterr().out
    assert "IQM" in printed
    assert "dqn_toy" in printed


def test_training_stops_at_a_mean_over_complete_episodes_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """D2-B14: one lucky episode must not stop a run; D0-B5, D4-B10: it must stop."""
    train("dqn_toy", tmp_path, "run", 100_000, until_score=-5.0, over=6)
    rows = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert sum(row["event"] == "EpisodeEnded" for row in rows) == 6
    assert "the last 6 episodes scored" in capsys.readouterr().out


def test_doctor_reports_what_issue_two_asks(capsys: pytest.CaptureFixture[str]) -> None:
    assert playfield("doctor") == 0
    printed = capsys.readouterr().out
    for word in ("Python", "PyTorch", "threads", "device", "ale-py", "ROMs", "disk", "TensorBoard"):
        assert word in printed


def test_a_missing_optional_package_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pygame", None)
    assert playfield("watch", "catch", "--policy", "random", "--games", 1) == 2
    assert "-m pip install 'pygame-ce>=2.5,<3'" in capsys.readouterr().err


def test_watch_shows_a_whole_game(monkeypatch: pytest.MonkeyPatch) -> None:
    from playfield.sinks import window

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    shown: list[tuple[int, ...]] = []
    real = window.Window.show

    def spy(self: window.Window, frame, caption: str = "") -> bool:
        shown.append(frame.shape)
        return real(self, frame, caption)

    monkeypatch.setattr(window.Window, "show", spy)
    assert playfield("watch", "catch", "--policy", "random", "--games", 1, "--scale", 1) == 0
    assert len(shown) == 56


@pytest.mark.parametrize(
    ("text", "number"), [("1e6", 1_000_000), ("10M", 10_000_000), ("200k", 200_000), ("1_000", 1000)]
)
def test_counts_are_read_as_people_write_them(text: str, number: int) -> None:
    assert count(text) == number


def test_a_count_that_is_not_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="not a whole number"):
        count("1.5")


def test_overrides_may_stand_after_options_and_options_may_hold_an_equals_sign() -> None:
    arguments = ["train", "dqn", "pong", "--name", "games=3", "memory.n_step=2", "--frames", "10", "games=2"]
    kept, overrides = without_overrides(arguments)
    assert kept == ["train", "dqn", "pong", "--name", "games=3", "--frames", "10"]
    assert overrides == ["memory.n_step=2", "games=2"]


def test_other_rules_leave_an_agent_the_actions_it_was_trained_with() -> None:
    """A net with 6 outputs under the 18 actions of `machado` would be scored with a permuted joystick."""
    own = RECIPES["dqn"].protocol
    names = ("NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE")
    other = same_actions(protocol_named("machado", own), own, names)
    assert other.repeat_action_probability == 0.25
    games = make_games("pong", other, 1)
    assert games.spec.actions == names
    games.close()
    assert same_actions(own, own, names) == own


def test_recipes_with_other_settings_are_not_compared_as_seeds(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("dqn_toy", trained, "other", 200, extra=("memory.n_step=5",))
    playfield("evaluate", "other", "--episodes", 3, "--runs", trained)
    capsys.readouterr()
    playfield("compare", "one", "other", "--runs", trained)
    assert "n_step=5" in re.sub(r"\s|│", "", capsys.readouterr().out)


def test_random_play_of_a_game_is_not_mistaken_for_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catch").mkdir()
    assert playfield("video", "catch", "--policy", "random", "--out", tmp_path / "r.mp4") == 0


def test_a_loss_that_is_no_number_stops_the_run_and_is_never_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = playfield(
        *("train", "dqn_toy", "catch", "--frames", 3000, "--episodes", 0, "--name", "wild", "--runs", tmp_path),
        *("memory.start_frames=100", "optimizer.lr=1e30", "optimizer.clip_norm=none", "--save-every-frames", 50),
    )
    assert code == 2
    assert "the loss became" in capsys.readouterr().err
    for weights in Run.open(tmp_path / "wild").load().tree["agent"]["learner"]["network"].values():
        assert bool(weights.isfinite().all())


@pytest.mark.parametrize("arguments", ["--help", "recipes"])  # the one is printed by tyro, the other by rich
def test_a_reader_who_stops_reading_is_no_error(arguments: str) -> None:
    command = f"{sys.executable} -m playfield {arguments} | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_device_is_told_with_the_way_out() -> None:
    told = one_sentence(OSError(errno.ENOSPC, "No space left on device"))
    assert told == "no space is left on the disk or device that is written to; make room there, or write elsewhere"


def test_a_checkpoint_that_is_not_there_is_told_with_those_that_are(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ", ".join(manifest.checkpoint for manifest in Run.open(trained / "one").checkpoints())
    assert there
    assert playfield("evaluate", "one", "--checkpoint", "foo", "--runs", trained) == 2
    assert capsys.readouterr().err == f"playfield: the run 'one' has no checkpoint 'foo'; it has: {there}\n"


def test_a_training_that_ends_before_it_learns_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--frames", 300, "--episodes", 0, "--name", "short", "--runs", tmp_path)
    sentence = "note: dqn_toy learns nothing in {} frames, because it only observes for the first {}: raise --frames"
    assert playfield("train", "dqn_toy", "catch", "memory.start_frames=300", *options) == 0
    assert sentence.format(300, 300) in capsys.readouterr().out
    assert playfield("doctor", "short", "--runs", tmp_path) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("learnt yet") == 9
    assert sentence.format(300, 300) in said
    options = ("--frames", 301, "--episodes", 0, "--name", "enough", "--runs", tmp_path)
    assert playfield("train", "dqn_toy", "catch", "memory.start_frames=300", *options) == 0
    assert "learns nothing" not in capsys.readouterr().out


def test_a_limit_behind_the_run_is_refused_and_the_old_one_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("dqn_toy", tmp_path, "one", 400)
    assert playfield("resume", "one", "--frames", 200, "--runs", tmp_path) == 2
    assert "--frames 200 lies behind the run, of which 400 frames are played" in capsys.readouterr().err
    assert Run.open(tmp_path / "one").about.plan["frames"] == 400


def test_a_recipe_does_not_differ_from_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert playfield("recipes", "diff", "dqn", "dqn") == 0
    assert capsys.readouterr().out == "dqn and dqn do not differ\n"
    assert playfield("recipes", "diff", "dqn", "rainbow") == 0
    told = [line.split("│")[1:4] for line in capsys.readouterr().out.splitlines() if "│" in line]
    rows = {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in told}
    assert rows["head.bias"] == ["each", "-"]
    assert rows["optimizer.clip_norm"] == ["none", "10.0"]


WRITES = {"video": ".mp4", "plot": ".png or .svg", "compare": ".png or .svg"}


@pytest.mark.parametrize("command", WRITES)
def test_a_file_that_is_there_is_never_replaced(
    command: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ending = WRITES[command].split(" ")[0]
    mine, text = tmp_path / f"mine{ending}", tmp_path / "thesis.tex"
    for path in (mine, text):
        path.write_text("precious")
    for path, sentence in (
        (mine, "exists and is not overwritten: choose another name, or move it away"),
        (text, f"thesis.tex cannot be written: its name must end in {WRITES[command]}"),
        (tmp_path / "no" / mine.name, "there is no folder"),
    ):
        assert playfield(command, "one", "--out", path, "--runs", trained) == 2
        assert sentence in capsys.readouterr().err
    assert (mine.read_text(), text.read_text()) == ("precious", "precious")
    assert playfield(command, "one", "--out", tmp_path / f"new{ending}", "--runs", trained) == 0
    assert (tmp_path / f"new{ending}").stat().st_size > 1000


def test_a_film_or_picture_of_no_run_takes_a_free_name(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("random_catch.mp4", "learning_curves.png", "learning_curves-2.png"):
        (tmp_path / name).write_text("precious")
    assert playfield("video", "catch", "--policy", "random") == 0
    shutil.copytree(trained / "one", trained / "beside")
    assert playfield("plot", "one", "beside", "--runs", trained) == 0
    shutil.rmtree(trained / "beside")
    assert {path.name for path in tmp_path.iterdir() if path.stat().st_size > 1000} == {
        "random_catch-2.mp4",
        "learning_curves-3.png",
    }


def test_a_run_that_has_lost_its_checkpoints_is_told_so(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained / "one", tmp_path / "one")
    shutil.rmtree(tmp_path / "one" / "checkpoints")
    random = ("--policy", "random")
    for command, *options in (("resume",), ("evaluate",), ("plot",), ("video",), ("video", *random)):
        assert playfield(command, "one", *options, "--runs", tmp_path) == 2
        said = capsys.readouterr().err
        assert "the run 'one' has lost its checkpoints: put the folder" in said
        assert "--name one-2" in said


def test_an_interrupted_closing_evaluation_says_how_to_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("playfield.cli.train.report", interrupted)
    train_it = ("train", "dqn_toy", "catch", "--frames", 40, "--episodes", 1, "--name", "r", "--runs", tmp_path)
    assert playfield(*train_it) == 130
    again = f"playfield evaluate r --runs {tmp_path}"
    assert f"the run is saved whole; make them with: {again}" in capsys.readouterr().out
    assert playfield("resume", "r", "--runs", tmp_path) == 0
    assert f"`{again}` plays what was learnt" in capsys.readouterr().out
