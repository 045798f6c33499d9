"""`lab sweep`: cells are what their runs play, nothing finished is lost or played twice, bad input is one sentence."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from playfield.cli.commands import run_command
from playfield.cli.lab import sweep, sweep_cells
from playfield.cli.lab.tables import ran_away
from playfield.cli.study import locked
from playfield.cli.training import RESUMABLE
from playfield.linear.encoders import Tabular, TileCoding
from playfield.linear.learners import Sarsa, SarsaLambda
from playfield.linear.play import Setup
from playfield.linear.policies import EpsilonGreedy
from playfield.linear.studies import Budget, Cell, play_cell
from playfield.linear.worlds import Cliff, MountainCar, RandomWalk
from playfield.settings import from_plain
from playfield.storage.files import replace_file

WALK = ("td_lambda", "walk5", "--over", "alpha=0.1,0.3", "--over", "lambda=0,0.5,0.9", "--episodes", 4, "--runs", 3)


def lab(*arguments: object) -> int:
    return run_command(["lab", "sweep", *(str(argument) for argument in arguments)])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def colours(path: Path) -> int:
    with Image.open(path) as picture:
        return len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def printed(said: str) -> list[list[str]]:
    """The rows of the printed table."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines() if line.startswith("│")]


def number(text: str) -> float:
    return float(text) if text else float("nan")


def walk_setups() -> list[Setup]:
    world = RandomWalk(states=5, left_reward=0.0)
    learners = [SarsaLambda(alpha=a, lambda_=z, trace="accumulating") for a, z in product((0.1, 0.3), (0.0, 0.5, 0.9))]
    return [Setup(world=world, encoder=Tabular(), learner=learner) for learner in learners]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep that was played without a break."""
    out = tmp_path_factory.mktemp("whole")
    assert lab(*WALK, "--seed", 5, "--out", out) == 0
    return out / "sweep-td_lambda-walk5"


@pytest.fixture
def unfinished(tmp_path: Path, whole: Path) -> Path:
    """The same, stopped before its last picture."""
    copy = tmp_path / "part"
    shutil.copytree(whole, copy)
    (copy / "curves.png").unlink()
    return copy


def go_on(folder: Path, *arguments: object) -> int:
    return lab(*WALK, "--seed", 5, "--name", folder.name, "--out", folder.parent, *arguments)


def test_every_cell_is_what_its_runs_play(whole: Path) -> None:
    played = [play_cell(setup, Budget(episodes=4, runs=3, first_seed=5)).errors for setup in walk_setups()]
    cells, curves = rows(whole / "cells.csv"), rows(whole / "curves.csv")
    swept = [(alpha, lambda_) for alpha in ("0.1", "0.3") for lambda_ in ("0.0", "0.5", "0.9")]
    assert [(row["alpha"], row["lambda"]) for row in cells] == swept
    assert [float(row["mean"]) for row in cells] == [errors.mean(1).mean() for errors in played]
    spread = [errors.mean(1).std(ddof=1) / 3**0.5 for errors in played]
    assert [float(row["standard_error"]) for row in cells] == pytest.approx(spread)
    assert {(row["runs"], row["diverged"], row["cut_off"], row["table_full"]) for row in cells} == {
        ("3", "0", "0.0", "0")
    }
    points = [(*pair, str(episode)) for pair in swept for episode in (1, 2, 3, 4)]
    assert [(row["alpha"], row["lambda"], row["episode"]) for row in curves] == points
    assert [float(row["mean"]) for row in curves] == [mean for errors in played for mean in errors.mean(0)]
    spreads = [float(row["standard_error"]) for row in curves]
    assert spreads == pytest.approx([x for errors in played for x in errors.std(0, ddof=1) / 3**0.5])
    assert colours(whole / "curves.png") > 10
    assert colours(whole / "sweep.png") > 10


def test_the_setup_says_all_that_is_needed_to_play_it_again(whole: Path) -> None:
    about = json.loads((whole / "setup.json").read_text())
    assert about["over"] == {"alpha": [0.1, 0.3], "lambda": [0.0, 0.5, 0.9]}
    assert [from_plain(Setup, plain) for plain in about["setups"]] == walk_setups()
    assert (about["episodes"], about["seeds"], about["measure"]) == (4, [5, 6, 7], "error")
    assert about["world"] == {"name": "walk", "max_steps": None}
    assert "numpy" in about["fingerprint"]


def test_the_last_episodes_and_those_cut_off_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--over", "max-steps=15,none", "--over", "policy.floor=0.05,0.1", "--epsilon", 0.1)
    length = ("--episodes", 120, "--runs", 2)
    assert lab("sarsa", "cliff", "learner.gamma=0.9", *arguments, *length, "--name", "c", "--out", tmp_path) == 0
    cells = rows(tmp_path / "c" / "cells.csv")
    swept = [(row["max_steps"], row["policy.floor"]) for row in cells]
    assert swept == [("15", "0.05"), ("15", "0.1"), ("none", "0.05"), ("none", "0.1")]
    for row, (limit, floor) in zip(cells, product((15, None), (0.05, 0.1)), strict=True):
        policy = EpsilonGreedy(epsilon=0.1, floor=floor)
        setup = Setup(world=Cliff(max_steps=limit), encoder=Tabular(), learner=Sarsa(gamma=0.9), policy=policy)
        cell = play_cell(setup, Budget(episodes=120, runs=2))
        assert float(row["mean"]) == cell.rewards.mean(1).mean()
        assert float(row["last_mean"]) == cell.rewards[:, 20:].mean(1).mean()
        assert float(row["cut_off"]) == cell.cut_off.mean()
    assert [float(row["cut_off"]) > 0 for row in cells] == [True, True, False, False]
    said = capsys.readouterr().out
    assert "world    cliff\n" in said
    assert "learner  Sarsa alpha=0.5 gamma=0.9\n" in said
    assert "policy   EpsilonGreedy epsilon=0.1 over_steps=None factor=1.0\n" in said
    assert "over     max_steps=15,none policy.floor=0.05,0.1: 4 cells of 2 runs, 120 episodes each\n" in said


def test_encoders_are_swept_by_their_names(tmp_path: Path) -> None:
    arguments = ("--over", "encoder=tabular,tiles", "--alpha", 0.3, "--episodes", 2, "--runs", 2, "--name", "e")
    assert lab("td_lambda", "walk5", *arguments, "--out", tmp_path) == 0
    cells = rows(tmp_path / "e" / "cells.csv")
    assert [row["encoder"] for row in cells] == ["tabular", "tiles"]
    world, learner = RandomWalk(states=5, left_reward=0.0), SarsaLambda(alpha=0.3, trace="accumulating")
    for row, encoder in zip(cells, (Tabular(), TileCoding()), strict=True):
        cell = play_cell(Setup(world=world, encoder=encoder, learner=learner), Budget(episodes=2, runs=2))
        assert float(row["mean"]) == cell.errors.mean(1).mean()
    assert sorted(files(tmp_path / "e")) == [".lock", "cells.csv", "curves.csv", "curves.png", "setup.json"]


def best(said: str) -> str:
    """The first row of the printed table."""
    return next(line for line in said.splitlines() if line.startswith("│")).split("│")[1].strip()


@pytest.mark.parametrize(
    ("world", "measure", "measured"),
    [
        ("walk5", None, "error"),
        ("mountaincar", None, "steps"),
        ("windy", None, "steps"),
        ("windy", "reward", "reward"),
        ("cliff", None, "reward"),
        ("cliff", "steps", "steps"),
        ("gym:MountainCar-v0", None, "reward"),
    ],
)
def test_what_is_measured_fits_the_world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: str, measure: str | None, measured: str
) -> None:
    monkeypatch.setattr(sweep, "play_cell", interrupted(0))
    asked = () if measure is None else ("--measure", measure)
    assert lab("sarsa", world, "--over", "alpha=0.1", *asked, "--name", "m", "--out", tmp_path) == RESUMABLE
    assert json.loads((tmp_path / "m" / "setup.json").read_text())["measure"] == measured


@pytest.mark.parametrize(
    ("arguments", "column", "sign"),
    [
        (("td_lambda", "walk5", "--over", "alpha=0.02,0.3,0.1"), "errors", 1),
        (("sarsa", "cliff", "--over", "alpha=0.02,0.5,0.1", "--epsilon", 0.1), "rewards", -1),
        (("sarsa", "cliff", "--over", "alpha=0.02,0.5,0.1", "--epsilon", 0.1, "--measure", "steps"), "steps", 1),
    ],
)
def test_the_best_comes_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[object, ...], column: str, sign: int
) -> None:
    assert lab(*arguments, "--episodes", 30, "--runs", 2, "--name", "b", "--out", tmp_path) == 0
    plain = json.loads((tmp_path / "b" / "setup.json").read_text())["setups"]
    cells = [play_cell(from_plain(Setup, each), Budget(episodes=30, runs=2)) for each in plain]
    means = [getattr(cell, column).mean() for cell in cells]
    texts = [f"alpha={each['learner']['alpha']}" for each in plain]
    order = [text for _, text in sorted(zip([sign * mean for mean in means], texts, strict=True))]
    assert [row[0] for row in printed(capsys.readouterr().out)] == order
    assert order != texts


def test_a_cell_whose_weights_run_away_is_a_gap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("td_lambda", "walk5", "--lambda", 0.8, "--over", "alpha=3,0.1", "--runs", 3, "--episodes", 12)
    assert lab(*arguments, "--name", "d", "--out", tmp_path) == 0
    learner = SarsaLambda(alpha=3.0, lambda_=0.8, trace="accumulating")
    setup = Setup(world=RandomWalk(states=5, left_reward=0.0), encoder=Tabular(), learner=learner)
    found = play_cell(setup, Budget(episodes=12, runs=3))
    away, sound = rows(tmp_path / "d" / "cells.csv")
    assert (away["diverged"], sound["diverged"]) == (str(found.diverged), "0")
    assert {away[name] for name in ("mean", "standard_error", "last_mean", "last_standard_error")} == {""}
    assert float(sound["mean"]) > 0
    curve = [number(row["mean"]) for row in rows(tmp_path / "d" / "curves.csv") if row["alpha"] == "3.0"]
    assert curve == pytest.approx(list(found.errors.mean(0)), nan_ok=True)
    first = int(np.isnan(curve).argmax()) + 1
    assert 1 < first <= 12
    said = capsys.readouterr().out
    assert printed(said)[1] == ["alpha=3.0", "ran away"]
    assert (
        "note: alpha=3.0 is left out of the pictures, because with --alpha 3 the weights ran away (beyond a million) "
        f"in {found.diverged} of 3 runs, first in episode {first}; give a smaller one: the usual bound here is "
        "about 1 - lambda = 0.2\n"
    ) in said


def test_the_usual_bound_is_one_without_accumulating_traces() -> None:
    setup = Setup(world=MountainCar(), encoder=TileCoding(), learner=SarsaLambda(alpha=3.0, trace="replacing"))
    said = ran_away(setup, diverged=2, runs=5, first=7)
    assert said.startswith("with --alpha 3 the weights ran away (beyond a million) in 2 of 5 runs, first in episode 7;")
    assert said.endswith("the usual bound here is about 1")


def test_a_sweep_of_which_nothing_is_sound_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("td_lambda", "walk5", "--lambda", 1, "--over", "alpha=5,6,7,8,9", "--episodes", 30, "--runs", 2)
    assert lab(*arguments, "--name", "d", "--out", tmp_path) == 0
    assert [row["diverged"] for row in rows(tmp_path / "d" / "cells.csv")] == ["2"] * 5
    said = capsys.readouterr().out
    assert said.count("is left out of the pictures") == 3
    assert "in 2 cells more the weights ran away" in said


def test_a_full_index_table_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("td_lambda", "walk5", "--encoder", "tiles", "--over", "size=10,4096", "--episodes", 2, "--runs", 2)
    assert lab(*arguments, "--alpha", 0.1, "--name", "t", "--out", tmp_path) == 0
    assert [row["table_full"] for row in rows(tmp_path / "t" / "cells.csv")] == ["2", "0"]
    assert "the index table was full in 1 of 2 cells, first in size=10" in capsys.readouterr().out


def interrupted(calls: int, function: Callable[..., object] | None = None) -> Callable[..., object]:
    """The function for so many calls, after which a person stops it; a file is then half written."""
    left = [calls]

    def work(*arguments: object) -> object:
        if not left[0]:
            if isinstance(path := arguments[0], Path):
                path.with_name(f"{path.name}.tmp-half").write_bytes(b"half")
            raise KeyboardInterrupt
        left[0] -= 1
        assert function is not None
        return function(*arguments)

    return work


# Two files are written after each of six cells: the sweep is stopped before and between those of several.
@pytest.mark.parametrize("writes", [0, 1, 2, 11])
def test_an_interrupted_sweep_goes_on_to_the_same_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, whole: Path, writes: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sweep_cells, "replace_file", interrupted(writes, replace_file))
        assert lab(*WALK, "--seed", 5, "--out", tmp_path) == RESUMABLE
    assert f"stopped  the same command with --name {whole.name} goes on" in capsys.readouterr().out
    played = count_cells(monkeypatch)
    assert go_on(tmp_path / whole.name, "--threads", 2) == 0
    assert played == walk_setups()[writes // 2 :]
    assert files(tmp_path / whole.name) == files(whole)


def count_cells(monkeypatch: pytest.MonkeyPatch) -> list[Setup]:
    """The set-ups of all cells that are played from here on."""
    played: list[Setup] = []

    def play(setup: Setup, budget: Budget) -> Cell:
        played.append(setup)
        return play_cell(setup, budget)

    monkeypatch.setattr(sweep, "play_cell", play)
    return played


def test_diverged_cells_are_read_back_as_they_were(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("td_lambda", "walk5", "--over", "alpha=0.5,9", "--lambda", 1, "--episodes", 30, "--runs", 2)
    assert lab(*arguments, "--name", "d", "--out", tmp_path) == 0
    said, before = capsys.readouterr().out, files(tmp_path / "d")
    assert "the weights ran away" in said
    (tmp_path / "d" / "curves.png").unlink()
    (tmp_path / "d" / "sweep.png").unlink()
    assert lab(*arguments, "--name", "d", "--out", tmp_path) == 0
    assert capsys.readouterr().out == said
    assert files(tmp_path / "d") == before


def test_what_is_finished_is_kept_as_it_was_found(unfinished: Path) -> None:
    table = unfinished / "cells.csv"
    lines = table.read_text().splitlines(keepends=True)
    fields = lines[1].split(",")
    lines[1] = ",".join([*fields[:2], "0.125", *fields[3:]])
    table.write_text("".join(lines[:3]))
    assert go_on(unfinished) == 0
    assert table.read_text() == "".join(lines)


def test_an_unfinished_sweep_is_remembered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "play_cell", interrupted(0))
    folder = tmp_path / "sweep-td_lambda-walk5"
    said = f"note: {folder} is not finished; the same command with --name sweep-td_lambda-walk5 goes on with it"
    for seed, remembered in ((0, False), (1, False), (0, True)):
        assert lab(*WALK, "--seed", seed, "--out", tmp_path) == RESUMABLE
        assert (said in capsys.readouterr().out) == remembered
    assert len(list(tmp_path.iterdir())) == 3
    (folder / "curves.png").touch()
    assert lab(*WALK, "--seed", 0, "--out", tmp_path) == RESUMABLE
    assert said not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--seed", 1), "is a sweep of other seeds; give this one another --name"),
        (("--gamma", 0.9), "is a sweep of other setups; give this one another --name"),
        (("--over", "gamma=0.9"), "is a sweep of other over, setups; give this one another --name"),
        ((), "is finished, and nothing is overwritten; choose another name with --name"),
    ],
)
def test_a_folder_of_something_else_is_left_alone(
    capsys: pytest.CaptureFixture[str], whole: Path, arguments: tuple[object, ...], sentence: str
) -> None:
    before = files(whole)
    assert go_on(whole, *arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert files(whole) == before


def test_tables_that_were_changed_are_refused(unfinished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    curves = unfinished / "curves.csv"
    text = curves.read_text()
    for changed in (text[: len(text) // 2], text.replace("0.3,0.5,2,", "0.3,0.5,3,"), text.replace("0.3,", "0.2,")):
        assert changed != text
        curves.write_text(changed)
        assert go_on(unfinished) == 2
        assert "are not as they were written, so this sweep cannot go on" in capsys.readouterr().err
    (unfinished / "setup.json").write_text("{")
    assert go_on(unfinished) == 2
    assert "setup.json is not as it was written; choose another name" in capsys.readouterr().err
    (unfinished / "setup.json").unlink()
    assert go_on(unfinished) == 2
    assert "exists and is no sweep; choose another name with --name" in capsys.readouterr().err


def test_two_processes_do_not_play_one_sweep(unfinished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with locked(unfinished):
        assert go_on(unfinished) == 2
    assert "another process works on" in capsys.readouterr().err


def test_cells_of_other_versions_are_told(unfinished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = unfinished / "setup.json"
    about = json.loads(path.read_text())
    about["fingerprint"] |= {"numpy": "1.0", "torch threads": 99}
    path.write_text(json.dumps(about))
    assert go_on(unfinished) == 0
    said = capsys.readouterr().out
    assert "note: numpy was 1.0 at save and is" in said
    assert "torch" not in said


CAR = ("sarsa", "mountaincar")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (CAR, "say what to sweep, for instance: --over alpha=0.1,0.2,0.5"),
        ((*CAR, "--over", "alpha"), "'alpha' says nothing to sweep; write NAME=VALUE,VALUE"),
        (
            (*CAR, "--over", "alpha=1", "tilings=4,8"),
            "tilings=4,8 has several values; write --over before every setting",
        ),
        ((*CAR, "--over", "alhpa=0.1"), "there is no setting 'alhpa'; the nearest are: alpha,"),
        ((*CAR, "--over", "floor=0.1"), "there is no setting 'floor'; the nearest are: policy.floor,"),
        ((*CAR, "--over", "policy.flor=0"), "there is no setting 'policy.flor'; the nearest are: policy.floor,"),
        ((*CAR, "--over", "runs=1,2"), "there is no setting 'runs'; the nearest are:"),
        ((*CAR, "--over", "learner=sarsa"), "there is no setting 'learner'; the nearest are:"),
        ((*CAR, "--over", "alpha=0.1,x"), "the cell alpha=x cannot be played: learner.alpha must be a number, not 'x'"),
        (
            (*CAR, "--over", "tilings=2.5"),
            "the cell tilings=2.5 cannot be played: encoder.tilings must be a whole number, not 2.5",
        ),
        ((*CAR, "--over", "policy=greedy"), "there is no policy 'greedy'; the nearest are: epsilon_greedy"),
        ((*CAR, "--over", "encoder=tiles,fourrier"), "there is no encoder 'fourrier'; the nearest are: fourier"),
        ((*CAR, "--over", "n=1,2"), "--n means nothing to Sarsa, which has alpha, gamma"),
        ((*CAR, "--over", "alpha=0.1,,0.2"), "'alpha=0.1,,0.2' leaves a value out"),
        ((*CAR, "--over", "alpha="), "'alpha=' leaves a value out"),
        ((*CAR, "--over", "alpha=0.1,0.10"), "--over makes the cell alpha=0.1 twice; give every value once"),
        ((*CAR, "--over", "alpha=0.1", "--over", "learner.alpha=0.2"), "learner.alpha is given twice in --over"),
        ((*CAR, "--over", "alpha=0.1", "--alpha", 0.2), "alpha cannot have one value and several"),
        ((*CAR, "learner.alpha=0.2", "--over", "alpha=0.1"), "alpha cannot have one value and several"),
        ((*CAR, "policy.floor=0", "--over", "policy.floor=0"), "policy.floor cannot have one value and several"),
        (
            (*CAR, "--over", "epsilon=0.2,0.1", "--over", "policy.floor=0.1,0.2"),
            "the cell epsilon=0.1 policy.floor=0.2 cannot be played: the floor of epsilon must not be above epsilon",
        ),
        ((*CAR, "--over", "encoder=tiles,tabular"), "the cell encoder=tabular cannot be played: this world has no"),
        (
            (*CAR, "--over", "encoder=tiles,fourier", "--over", "tilings=4"),
            "the cell encoder=fourier tilings=4 cannot be played: --tilings means nothing to Fourier",
        ),
        (("actor_critic", "cliff", "--over", "policy=softmax,epsilon_greedy"), "give it the policy softmax"),
        (("sara", "mountaincar", "--over", "alpha=0.1"), "there is no learner 'sara'; the nearest are: sarsa"),
        (("td", "walk5", "--over", "alpha=0.1", "--measure", "steps"), "a walk goes by chance whatever is learnt"),
        ((*CAR, "--over", "alpha=0.1", "--measure", "error"), "--measure error needs true values, which mountaincar"),
        (
            ("sarsa", "gym:MountainCar-v0", "--over", "alpha=0.1", "--measure", "steps"),
            "whether few steps are good in gym:MountainCar-v0 is not known",
        ),
        ((*CAR, "--over", "alpha=0.1", "--runs", 0), "--runs and --threads must be 1 or more"),
        ((*CAR, "--over", "alpha=0.1", "--name", ".."), "'..' cannot be the name of a run"),
    ],
)
def test_bad_input_is_one_sentence_before_anything_is_played(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[object, ...],
    sentence: str,
) -> None:
    played = count_cells(monkeypatch)
    assert lab(*arguments, "--out", tmp_path) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.startswith("playfield: ")
    assert said.count("\n") == 1
    assert not played
    assert not list(tmp_path.iterdir())
