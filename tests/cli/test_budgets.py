"""Budgets as people type them: what is said before a training, what is refused, and what a resume keeps."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
import torch

from cli.runs import SCALE, resume
from playfield import budgets
from playfield.budgets import BUDGETS, Evidence, Measured
from playfield.cli.commands import run_command
from playfield.recipes import RECIPES
from scaled import overrides

BAD = [
    (("train", "pong", "--budget", "10min"), r"no budget '10min'; there are: 10min-cpu, "),
    (
        ("train", "dqn", "pong", "--budget", "overnight"),
        r"`playfield train GAME --budget overnight`, or `.* --minutes 600`",
    ),
    (
        ("train", "catch", "--budget", "overnight", "--minutes", "5"),
        r"says --minutes 600 already: leave one of them out",
    ),
    (("train", "pomg", "--budget", "overnight"), r"no game 'pomg'; the nearest are: pong"),
    (("train", "dqn"), r"say what is to be played: playfield train dqn pong; or .* train pong --budget 10min-cpu"),
    (
        ("train", "pong"),
        r"pong is a game; .*: playfield train \w+ pong; or .*: playfield train pong --budget 10min-cpu",
    ),
    (("train", "catch"), r"catch is a game; .*: playfield train dqn_toy catch; .* train catch --budget 10min-cpu"),
    (("train", "sarsa"), r"say what is to be played: playfield train sarsa gym:MountainCar-v0; or "),
    (("train", "gym:CartPole-v1"), r"for instance: playfield train dqn_classic gym:CartPole-v1 --minutes 10"),
    (("train", "overnight"), r"overnight is a budget; .*: playfield train pong --budget overnight"),
    (("train", "dqm"), r"there is no recipe 'dqm'; the nearest are: dqn, "),
    (
        ("budgets", "10min-cpu"),
        r"10min-cpu is a budget, not a game: .*`playfield train pong --budget 10min-cpu` uses it",
    ),
    (("train", "gym:CartPole-v1", "--budget", "10min-cpu"), r"train dqn_classic gym:CartPole-v1 --minutes 10"),
    (
        ("train", "catch", "--budget", "1h-gpu"),
        r"catch asks for no GPU: type `playfield train catch --budget 10min-cpu`",
    ),
    (("train", "pong", "--budget", "overnight", "--device", "cuda"), r"overnight is for cpu, and --device says cuda: "),
    (("train", "pong", "--budget", "1h-gpu", "--device", "cpu"), r"1h-gpu is for cuda, and --device says cpu: leave"),
    (("budgets", "pomg"), r"no game 'pomg'; the nearest are: pong"),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD, ids=lambda value: "")
def test_what_contradicts_a_budget_gets_one_sentence(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(list(arguments)) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert re.search(sentence, told.err), told.err


def test_what_is_advised_where_a_game_is_named_alone_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["train", "catch"]) == 2
    advice = re.findall(r"playfield (train [\w -]+?)(?:;|\n)", capsys.readouterr().err)
    assert advice == ["train dqn_toy catch", "train catch --budget 10min-cpu"]
    for command in advice:
        assert run_command([*command.split(), "--dry-run"]) == 0


def test_a_budget_of_a_gpu_says_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert run_command(["train", "pong", "--budget", "1h-gpu"]) == 2
    assert "1h-gpu needs a CUDA GPU; on this machine use --budget 10min-cpu or overnight" in capsys.readouterr().err


def test_a_budget_is_told_before_it_begins_and_a_resume_keeps_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = Measured(
        budget="10min-cpu",
        game="catch",
        recipe="dqn_toy",
        seed=0,
        score=4.5,
        episodes=30,
        protocol="toy",
        hardware="two cores",
    )
    found = Evidence(scores=[row, dataclasses.replace(row, seed=1, score=4.75)])
    monkeypatch.setattr(budgets, "shipped_evidence", lambda: found)
    small = overrides(RECIPES["dqn_toy"], SCALE)
    common = ["--threads", "1", "--episodes", "0", "--frames", "150", "--name", "run", "--runs", str(tmp_path)]
    assert run_command(["train", "--budget", "10min-cpu", "catch", *small, *common]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == (
        "budget   10min-cpu: dqn_toy for 10 minutes; expected 4.5 to 4.75 "
        "(measured: 2 seeds, means of 30 games each, toy, two cores)"
    )
    assert told[1] == "note: what is expected is of the recipe as it is, without settings of your own"
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (about["recipe"]["name"], about["game"], about["plan"]["minutes"]) == ("dqn_toy", "catch", 10.0)
    assert resume(tmp_path, "run", frames=300) == 0
    plan = json.loads((tmp_path / "run" / "run.json").read_text())["plan"]
    assert (plan["minutes"], plan["frames"]) == (10.0, 300)


def test_budgets_are_listed_with_what_each_chooses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(budgets, "shipped_evidence", Evidence)
    assert run_command(["budgets"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in BUDGETS)
    assert run_command(["budgets", "catch"]) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith(
        "budget   10min-cpu: dqn_toy for 10 minutes; expected not measured (the recipe for toy games"
    )
    assert second.startswith("budget   1h-gpu: 1h-gpu is for Atari games, and catch asks for no GPU")
    assert third.startswith("budget   overnight: dqn_toy for 600 minutes; expected not measured")


def test_the_hour_on_a_gpu_is_spent_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert run_command(["train", "pong", "--budget", "1h-gpu"]) == 2  # this far, and no card is really there
    told = capsys.readouterr()
    assert "budget   1h-gpu: " in told.out
    assert "--device cuda" in told.err
