"""`--device`: refused where there is none, kept by the run, told where it changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cli.runs import outcome, resume, train
from playfield.cli import look
from playfield.cli import train as command
from playfield.cli.commands import run_command
from playfield.cli.training import Plan
from playfield.device import HOST, device_text
from playfield.recipes import RECIPES
from playfield.storage import fingerprint
from playfield.storage.run import Run

NO_CARD = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a graphics card here")


@NO_CARD
def test_a_card_that_is_not_there_is_refused_before_anything_is_made(tmp_path: Path):
    with pytest.raises(ValueError, match=r"--device cuda .*; --device cpu is always there"):
        train("dqn_toy", tmp_path, "run", 300, device="cuda")
    assert not (tmp_path / "run").exists()


def test_a_linear_learner_is_refused_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(command, "device_asked_for", lambda text: torch.device("cuda", 0))
    with pytest.raises(ValueError, match="sarsa is a linear learner, which is compiled for the processor"):
        train("sarsa", tmp_path, "run", 300, device="cuda")


@pytest.mark.parametrize("deterministic", [0, 1])
def test_only_who_begins_on_a_card_makes_the_process_deterministic(deterministic: int, monkeypatch: pytest.MonkeyPatch):
    asked: list[None] = []
    monkeypatch.setattr(command, "device_asked_for", lambda text: torch.device(text))
    monkeypatch.setattr(command, "use_deterministic_algorithms", lambda: asked.append(None))
    for device, times in (("cpu", 0), ("cuda:0", deterministic)):
        plan = Plan(frames=1, device=device, deterministic=bool(deterministic))
        assert command.device_of(plan, RECIPES["dqn"]) == torch.device(device)
        assert len(asked) == 0
        assert command.settled_device(plan, RECIPES["dqn"]) == torch.device(device)
        assert len(asked) == times


@NO_CARD
def test_a_run_keeps_its_device_and_says_where_it_goes_on_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    train("dqn_toy", tmp_path, "whole", 400)
    with monkeypatch.context() as patch:
        patch.setattr(command, "device_asked_for", lambda text: HOST)  # a card that calculates as we do
        patch.setattr(command, "device_text", lambda device: "Card, CUDA 1.0, bits may differ from run to run")
        train("dqn_toy", tmp_path, "moved", 300, device="cuda")
    run = Run.open(tmp_path / "moved")
    assert run.about.plan["device"] == "cuda"
    assert run.about.fingerprint["device"] == run.load().fingerprint["device"]
    with pytest.raises(ValueError, match="--device cuda"):  # as it began, and no silent change
        resume(tmp_path, "moved", frames=400)
    capsys.readouterr()
    resume(tmp_path, "moved", frames=400, device="cpu")
    told = capsys.readouterr().out
    assert "device was Card, CUDA 1.0, bits may differ from run to run at save and is cpu now" in told
    assert "so the run goes on, but not bit for bit" in told
    assert Run.open(tmp_path / "moved").about.plan["device"] == "cpu"
    assert outcome(tmp_path, "moved") == outcome(tmp_path, "whole")


@NO_CARD
def test_an_evaluation_asks_for_its_device_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    train("dqn_toy", tmp_path, "run", 300)
    assert run_command(["export", "run", str(tmp_path / "run.playfield"), "--runs", str(tmp_path)]) == 0
    monkeypatch.setattr(look, "find_run", lambda *_: pytest.fail("the run was looked for first"))
    monkeypatch.setattr(look, "open_model", lambda *_: pytest.fail("the model was opened first"))
    for name in ("run", tmp_path / "run.playfield"):
        assert run_command(["evaluate", str(name), "--device", "cuda", "--runs", str(tmp_path)]) == 2
        assert "--device cuda" in capsys.readouterr().err


def test_runs_of_before_there_was_a_choice_were_on_the_processor():
    now = fingerprint.take(device_text(HOST))
    assert now["device"] == "cpu"
    old = {name: value for name, value in now.items() if name != "device"}
    assert fingerprint.differences(old, now) == []
    assert fingerprint.differences(old, now | {"device": "Card"}) == ["device was cpu at save and is Card now"]
