"""Services and analytics as options of a training: told everything once, gone on with, and without influence."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cli.inprocess import TINY
from cli.runs import outcome, resume, train
from playfield.cli.commands import run_command
from sinks.services import fake_mlflow, fake_wandb


@pytest.fixture(autouse=True)
def settings_of_services(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_PROJECT", "WANDB_DIR", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_API_KEY", "hush-hush")


def analytics(root: Path, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (root / name / "analytics.jsonl").read_text().splitlines()]


def test_a_run_that_is_told_of_and_resumed_is_one_run_there_and_the_same_run_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb, mlflow = fake_wandb(monkeypatch), fake_mlflow(monkeypatch)
    train("dqn_toy", tmp_path, "alone", 600)
    train("dqn_toy", tmp_path, "told", 300, log=("wandb", "mlflow"), project="mine", analytics=1)
    resume(tmp_path, "told", frames=600)
    assert outcome(tmp_path, "told") == outcome(tmp_path, "alone")

    begun = [(given["id"], given["resume"], given["project"]) for (given,) in wandb.of("init")]
    run_id = json.loads((tmp_path / "told" / "run.json").read_text())["id"]
    assert begun == [(run_id, None, "mine"), (run_id, "allow", "mine")]
    assert len(mlflow.of("create_run")) == 1
    assert mlflow.of("update_run") == [("theirs-7", {"status": "RUNNING"})]
    ((hyperparameters, _),) = wandb.of("config")
    assert hyperparameters["recipe.name"] == "dqn_toy"
    assert (hyperparameters["game"], hyperparameters["seed"]) == ("catch", 0)
    assert {"protocol.frame_skip", "fingerprint.torch", "plan.frames"} <= hyperparameters.keys()

    ended = [row for row in _events(tmp_path / "told") if row["event"] == "EpisodeEnded"]
    scores = [(row["frames"], row["episode/score"]) for (row,) in wandb.of("log") if "episode/score" in row]
    assert scores == [(row["clock"]["frames"], row["score"]) for row in ended]
    points = [point for *_, named in mlflow.of("log_batch") for point in named.get("metrics", [])]
    assert [(frames, value) for key, value, _, frames in points if key == "episode/score"] == scores
    assert wandb.of("finish") == [(), ()]
    kept = [path for path in (tmp_path / "told").iterdir() if path.is_file()]
    assert not any(b"hush" in path.read_bytes() for path in kept)


def _events(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (path / "events.jsonl").read_text().splitlines()]


def test_analytics_go_on_after_a_crash_without_doubles(tmp_path: Path) -> None:
    train("dqn_toy", tmp_path, "whole", 500, analytics=1)
    train("dqn_toy", tmp_path, "cut", 230, analytics=1)
    with (tmp_path / "cut" / "analytics.jsonl").open("ab") as file:
        file.write(b'{"event":"REWARD","frames":231,"game":0,"rew')  # what came after the checkpoint, until the crash
    resume(tmp_path, "cut", frames=500)
    whole = (tmp_path / "whole" / "analytics.jsonl").read_bytes()
    assert (tmp_path / "cut" / "analytics.jsonl").read_bytes() == whole
    told = analytics(tmp_path, "whole")
    ended = [row for row in _events(tmp_path / "whole") if row["event"] == "EpisodeEnded"]
    totals = [(row["episode"], row["total_reward"]) for row in told if row["event"] == "TOTAL_REWARD"]
    assert totals == [(row["episode"], row["score"]) for row in ended]
    lengths = [row["episode_steps"] for row in told if row["event"] == "END_EPISODE"]
    assert lengths == [row["tape"]["steps"] for row in ended]  # type: ignore[index]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_end_of_a_training_is_told_with_its_picture_and_its_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wandb = fake_wandb(monkeypatch)
    command = ["train", "dqn_toy", "catch", *TINY, "--frames", "300", "--episodes", "2", "--threads", "1"]
    options = ["--log", "wandb", "--log", "tensorboard", "--analytics", "--name", "one", "--runs", str(tmp_path)]
    assert run_command([*command, *options]) == 0
    assert "evaluating, 2 of 2 games remain" in capsys.readouterr().err
    assert [text for key, text in wandb.of("summary") if key == "phase"] == ["observing", "training", "evaluating"]
    logged = [row for (row,) in wandb.of("log")]
    (score,) = [row["evaluation/score_mean"] for row in logged if "evaluation/score_mean" in row]
    (evaluated,) = (tmp_path / "one" / "results" / "evaluations.jsonl").read_text().splitlines()
    assert score == sum(json.loads(evaluated)["scores"]) / 2
    results = tmp_path / "one" / "results"
    assert logged[-2:] == [
        {"learning_curve": ("image", str(results / "learning_curve.png"))},
        {"best_game": ("video", str(results / "best_game.mp4"), "mp4")},
    ]
    assert len(list((tmp_path / "one" / "tensorboard").iterdir())) == 1
    modes = [row["mode"] for row in analytics(tmp_path, "one") if row["event"] == "AGENT_MODE"]
    assert modes == ["Observing - 50 Steps Remaining", "Training", "Evaluating"]

    assert run_command(["plot", "one", "--actions", "--runs", str(tmp_path)]) == 0
    assert (results / "actions.png").stat().st_size > 10_000
    (tmp_path / "one" / "analytics.jsonl").unlink()
    assert run_command(["plot", "one", "--actions", "--runs", str(tmp_path)]) == 2
    assert "train ... --analytics` writes it" in capsys.readouterr().err


def test_a_missing_package_is_told_before_a_run_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "comet_ml", None)
    command = ["train", "dqn_toy", "catch", "--log", "comet", "--runs", str(tmp_path / "runs")]
    assert run_command(command) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("playfield: Comet is not installed; install it with: ")
    assert not (tmp_path / "runs").exists()


def test_a_service_that_does_not_begin_is_a_sentence_and_can_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> None:
        raise RuntimeError("not logged in")

    fake_wandb(monkeypatch)
    monkeypatch.setattr(sys.modules["wandb"], "init", refuse)
    command = ["train", "dqn_toy", "catch", *TINY, "--frames", "120", "--episodes", "0", "--threads", "1"]
    assert run_command([*command, "--log", "wandb", "--name", "one", "--runs", str(tmp_path)]) == 2
    assert "Weights & Biases does not begin: not logged in; `wandb login`" in capsys.readouterr().err
    assert run_command(["resume", "one", "--log", "none", "--runs", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "one" / "run.json").read_text())["plan"]["log"] == []
