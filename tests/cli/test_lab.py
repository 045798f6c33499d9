"""The lab's commands: what they write is what was played, and bad input is one sentence."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from playfield.cli.commands import run_command
from playfield.linear.encoders import TileCoding
from playfield.linear.learners import Sarsa
from playfield.linear.play import LinearRun, Setup
from playfield.linear.worlds import MountainCar
from playfield.rng import Rng
from playfield.settings import from_plain


def lab(*arguments: object) -> int:
    return run_command(["lab", *(str(argument) for argument in arguments)])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_writes_the_episodes_that_its_seeds_play(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("run", "sarsa", "mountaincar", "--alpha", "0.6", "--episodes", 3, "--runs", 2, "--out", tmp_path) == 0
    folder = tmp_path / "sarsa-mountaincar"
    setup = Setup(world=MountainCar(), encoder=TileCoding(), learner=Sarsa(alpha=0.6))
    played = [LinearRun(setup, Rng(seed).numpy("lab")).play(3).steps for seed in (0, 1)]
    found = rows(folder / "episodes.csv")
    assert [(row["seed"], row["episode"]) for row in found] == [(s, e) for s in "01" for e in "123"]
    assert [int(row["steps"]) for row in found] == [int(x) for steps in played for x in steps]
    assert [float(row["reward"]) for row in found] == [-float(x) for steps in played for x in steps]
    about = json.loads((folder / "setup.json").read_text())
    assert from_plain(Setup, about["setup"]) == setup
    assert about["world"] == {"name": "mountaincar", "max_steps": 10_000}
    with Image.open(folder / "learning.png") as picture:
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 10
    assert "cut off after 10,000 steps" in capsys.readouterr().out


def test_a_gymnasium_world_is_named_with_its_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("run", "sarsa", "gym:MountainCar-v0", "--episodes", 2, "--runs", 1, "--out", tmp_path)
    assert lab(*arguments) == 0
    about = json.loads((tmp_path / "sarsa-gym-MountainCar-v0" / "setup.json").read_text())
    assert about["world"] == {"name": "gym:MountainCar-v0", "max_steps": 200}
    assert [row["steps"] for row in rows(tmp_path / "sarsa-gym-MountainCar-v0" / "episodes.csv")] == ["200", "200"]
    assert "2 of 2 episodes were cut off after 200 steps" in capsys.readouterr().out


def test_a_figure_is_drawn_with_its_data(tmp_path: Path) -> None:
    assert lab("figure", "10.3", "--runs", 2, "--episodes", 4, "--out", tmp_path) == 0
    found = rows(tmp_path / "figure_10_3.csv")
    assert [row["curve"] for row in found] == ["n = 1, alpha = 0.5/8"] * 4 + ["n = 8, alpha = 0.3/8"] * 4
    setup = Setup(world=MountainCar(), encoder=TileCoding(), learner=Sarsa(alpha=0.5))
    steps = np.array([LinearRun(setup, Rng(seed).numpy("lab")).play(4).steps for seed in (0, 1)])
    assert [float(row["mean"]) for row in found[:4]] == list(steps.mean(0))
    assert [float(row["standard_error"]) for row in found[:4]] == pytest.approx(list(steps.std(0, ddof=1) / 2**0.5))
    assert (tmp_path / "figure_10_3.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "sarsa", "mountancar"), "there is no world 'mountancar'; the nearest are: mountaincar"),
        (("run", "sara", "mountaincar"), "there is no learner 'sara'; the nearest are: sarsa"),
        (("run", "sarsa", "mountaincar", "--n", 3), "--n means nothing to Sarsa, which has alpha, gamma"),
        (("run", "sarsa", "mountaincar", "--alpha", 0), "alpha must be above 0"),
        (("run", "sarsa", "mountaincar", "--runs", 0), "--runs and --threads must be 1 or more"),
        (("run", "sarsa", "mountaincar", "learner.alpha"), "'learner.alpha' is no setting; write PATH=VALUE"),
        (("run", "sarsa", "mountaincar", "--encoder", "tabular"), "this world has no numbered states; use TileCoding"),
        (("run", "actor_critic", "cliff", "--policy", "epsilon_greedy"), "give it the policy softmax"),
        (("run", "sarsa", "gym:CartPole-v1"), "observes numbers without limits; give a range for each, for instance"),
        (("run", "sarsa", "gym:CartPole-v1", "--ranges", "3:1"), "'3:1' is no range; write LOW:HIGH"),
        (
            ("run", "sarsa", "gym:CartPole-v1", "--ranges", "0:1"),
            "observes 4 numbers; give as many ranges, not 1",
        ),
        (("run", "sarsa", "gym:MountainCarContinuous-v0"), "Playfield plays discrete actions"),
        (("run", "sarsa", "gym:CartPole-v9"), "there is no Gymnasium environment"),
        (("figure", "10.5"), "there is no figure '10.5'; the nearest are: 10."),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[object, ...], sentence: str
) -> None:
    assert lab(*arguments, "--out", tmp_path) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_weights_that_run_away_are_told_with_the_step_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("run", "sarsa", "mountaincar", "--alpha", 3, "--runs", 2, "--episodes", 5, "--out", tmp_path) == 2
    said = capsys.readouterr().err
    assert "with --alpha 3 the weights ran away" in said
    assert "the usual bound here is about 1" in said
    assert not list(tmp_path.iterdir())


def test_a_full_index_table_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("run", "sarsa", "mountaincar", "--size", 50, "--runs", 1, "--episodes", 1, "--out", tmp_path) == 0
    assert "the index table was full in 1 of 1 runs" in capsys.readouterr().out
