"""Each tracking service gets what it takes in its own words; packages and settings that lack are said in a sentence."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from playfield.sinks.comet import Comet
from playfield.sinks.mlflow import MLflow
from playfield.sinks.services import Service, begun, require
from playfield.sinks.tracker import Point, TrackedRun, Tracker
from playfield.sinks.weights_and_biases import WeightsAndBiases

from .services import fake_comet, fake_mlflow, fake_wandb, module

VARIABLES = (
    *("WANDB_PROJECT", "WANDB_DIR", "COMET_PROJECT_NAME", "COMET_OFFLINE_DIRECTORY"),
    *("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"),
)
ID = "0123456789abcdef0123456789abcdef"
RUN = TrackedRun(name="dqn-pong-s0", id=ID, folder=Path("/runs/dqn-pong-s0"), labels=("pong", "dqn"))
POINTS = [Point("loss", 0.5, 8), Point("epsilon", 0.25, 8), Point("loss", 0.125, 16)]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def tell(tracker: Tracker) -> None:
    """Everything that a run tells."""
    tracker.hyperparameters({"seed": 3, "recipe.name": "dqn"})
    tracker.metrics(POINTS)
    tracker.text("phase", "training")
    for name in ("curve.png", "film.mp4", "notes.txt"):
        tracker.artifact(Path("/results") / name)
    tracker.close()


def test_weights_and_biases(monkeypatch: pytest.MonkeyPatch):
    tape = fake_wandb(monkeypatch)
    tracker = WeightsAndBiases(RUN)
    assert tracker.known_as == ID
    tell(tracker)
    assert tape.calls == [
        (
            "init",
            {
                "project": "playfield",
                "name": "dqn-pong-s0",
                "id": ID,
                "resume": None,
                "tags": ["pong", "dqn"],
                "dir": "/runs/dqn-pong-s0",
                "settings": ("settings", {"console": "off"}),
            },
        ),
        ("define_metric", "frames"),
        ("define_metric", "*", {"step_metric": "frames"}),
        ("config", {"seed": 3, "recipe.name": "dqn"}, {"allow_val_change": True}),
        ("log", {"frames": 8, "loss": 0.5, "epsilon": 0.25}),
        ("log", {"frames": 16, "loss": 0.125}),
        ("summary", "phase", "training"),
        ("log", {"curve": ("image", "/results/curve.png")}),
        ("log", {"film": ("video", "/results/film.mp4", "mp4")}),
        ("save", "/results/notes.txt", {"base_path": "/results", "policy": "now"}),
        ("finish",),
    ]


def test_comet(monkeypatch: pytest.MonkeyPatch):
    tape = fake_comet(monkeypatch)
    tracker = Comet(RUN)
    assert tracker.known_as == ID
    tell(tracker)
    ((started,),) = tape.of("start")
    config = started.pop("experiment_config")
    assert started == {"project_name": "playfield", "experiment_key": ID, "mode": "create"}
    assert (config["name"], config["tags"]) == ("dqn-pong-s0", ["pong", "dqn"])
    assert config["offline_directory"] == "/runs/dqn-pong-s0/comet"
    assert not any(value for name, value in config.items() if name.startswith(("auto", "log", "parse")))
    assert [call for call in tape.calls if call[0] not in ("start", "get_key")] == [
        ("log_parameters", {"seed": 3, "recipe.name": "dqn"}),
        ("log_metrics", {"loss": 0.5, "epsilon": 0.25}, {"step": 8}),
        ("log_metrics", {"loss": 0.125}, {"step": 16}),
        ("log_other", "phase", "training"),
        ("log_image", "/results/curve.png", {"name": "curve.png"}),
        ("log_video", "/results/film.mp4", {"name": "film.mp4"}),
        ("log_asset", "/results/notes.txt", {"file_name": "notes.txt"}),
        ("end",),
    ]


def test_mlflow(monkeypatch: pytest.MonkeyPatch):
    tape = fake_mlflow(monkeypatch)
    tracker = MLflow(RUN, now=lambda: 1.5)
    assert tracker.known_as == "theirs-7"
    tell(tracker)
    assert tape.calls == [
        ("get_experiment_by_name", "playfield"),
        ("create_experiment", "playfield"),
        ("create_run", "made", {"run_name": "dqn-pong-s0"}),
        ("log_batch", "theirs-7", {"params": [("seed", "3"), ("recipe.name", "dqn")]}),
        (
            "log_batch",
            "theirs-7",
            {"metrics": [("loss", 0.5, 1500, 8), ("epsilon", 0.25, 1500, 8), ("loss", 0.125, 1500, 16)]},
        ),
        ("set_tag", "theirs-7", "phase", "training"),
        ("log_artifact", "theirs-7", "/results/curve.png"),
        ("log_artifact", "theirs-7", "/results/film.mp4"),
        ("log_artifact", "theirs-7", "/results/notes.txt"),
        ("set_terminated", "theirs-7"),
    ]


def test_mlflow_gets_no_more_at_once_than_it_takes(monkeypatch: pytest.MonkeyPatch):
    tape = fake_mlflow(monkeypatch)
    tracker = MLflow(RUN)
    tracker.hyperparameters({f"p{n}": "x" * 7000 for n in range(101)})
    tracker.metrics([Point("loss", 0.0, n) for n in range(2001)])
    batches = [named for _, named in tape.of("log_batch")]
    assert [len(one["params"]) for one in batches if "params" in one] == [100, 1]
    assert [len(one["metrics"]) for one in batches if "metrics" in one] == [1000, 1000, 1]
    assert {len(value) for one in batches for _, value in one.get("params", [])} == {6000}


def test_a_run_that_a_service_knows_is_gone_on_with(monkeypatch: pytest.MonkeyPatch):
    wandb, comet, mlflow = fake_wandb(monkeypatch), fake_comet(monkeypatch), fake_mlflow(monkeypatch)
    run = replace(RUN, known_as="known-1")
    assert [begun(service, run).known_as for service in ("wandb", "comet", "mlflow")] == ["known-1"] * 3
    ((given,),) = wandb.of("init")
    assert (given["id"], given["resume"]) == ("known-1", "allow")
    ((given,),) = comet.of("start")
    assert (given["experiment_key"], given["mode"]) == ("known-1", "get")
    assert mlflow.calls == [("update_run", "known-1", {"status": "RUNNING"})]


def test_projects_are_what_is_said_or_else_the_services_own(monkeypatch: pytest.MonkeyPatch):
    wandb, comet, mlflow = fake_wandb(monkeypatch), fake_comet(monkeypatch), fake_mlflow(monkeypatch)
    for name in VARIABLES:
        monkeypatch.setenv(name, f"of {name}")
    for run in (RUN, replace(RUN, project="mine")):
        for service in ("wandb", "comet", "mlflow"):
            begun(service, run)
    assert [given["project"] for (given,) in wandb.of("init")] == ["of WANDB_PROJECT", "mine"]
    assert [given["dir"] for (given,) in wandb.of("init")] == [None, None]
    assert [given["project_name"] for (given,) in comet.of("start")] == [None, "mine"]
    assert {given["experiment_config"]["offline_directory"] for (given,) in comet.of("start")} == {None}
    assert [given[0] for given in mlflow.of("create_run")] == ["of MLFLOW_EXPERIMENT_ID", "made"]
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID")
    begun("mlflow", RUN)
    assert mlflow.of("get_experiment_by_name") == [("mine",), ("of MLFLOW_EXPERIMENT_NAME",)]


PACKAGES: dict[Service, tuple[str, str, str]] = {
    "tensorboard": ("tensorboard", "TensorBoard", "'tensorboard>=2.18,<3'"),
    "wandb": ("wandb", "Weights & Biases", "'wandb>=0.19,<1'"),
    "comet": ("comet_ml", "Comet", "'comet_ml>=3.47,<4'"),
    "mlflow": ("mlflow", "MLflow", "'mlflow>=3,<4'"),
}


@pytest.mark.parametrize("service", PACKAGES)
def test_without_its_package_the_command_that_installs_it(service: Service, monkeypatch: pytest.MonkeyPatch):
    name, title, package = PACKAGES[service]
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, f"{name}.summary", None)
    for lacking in (lambda: require([service]), lambda: begun(service, RUN)):
        with pytest.raises(ModuleNotFoundError, match=rf"^{title} is not installed; .* -m pip install {package}$"):
            lacking()


@pytest.mark.parametrize(
    ("service", "advice"), [("wandb", "WANDB_MODE=offline does without one"), ("comet", "COMET_START_ONLINE=0")]
)
def test_a_service_that_does_not_begin_is_quoted_with_what_to_do(
    service: Service, advice: str, monkeypatch: pytest.MonkeyPatch
):
    def refuse(**_: object) -> None:
        raise RuntimeError("api_key\nnot configured")

    fake_wandb(monkeypatch)
    module(monkeypatch, "comet_ml", start=refuse, ExperimentConfig=dict)
    monkeypatch.setattr(sys.modules["wandb"], "init", refuse)
    with pytest.raises(ValueError, match=rf"does not begin: api_key not configured; .*{advice}"):
        begun(service, RUN)
