"""Runs of linear learners are runs like any other: evaluated, compared, studied; what is about networks is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.runs import outcome, resume, train
from playfield.cli.commands import run_command
from playfield.cli.runs import known
from playfield.recipes import LINEAR_RECIPES, LinearRecipe
from playfield.recipes.linear_recipe import Learnt
from playfield.storage.run import Run

CLIFF = ("encoder=Tabular", "learner.alpha=0.5")


def playfield(*arguments: object) -> int:
    return run_command([str(argument) for argument in arguments])


def test_a_run_is_evaluated_plotted_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (
        "gym:CliffWalking-v1",
        *CLIFF,
        "policy.epsilon=0.1",
        "--frames",
        20_000,
        "--episodes",
        3,
        "--name",
        "c",
    )
    assert playfield("train", "q_learning", *arguments, "--runs", tmp_path) == 0
    said = capsys.readouterr().out
    assert "weights  192, of which 1 decide an action's value at a time" in said
    assert "mean score          -13.00" in said
    assert (tmp_path / "c" / "results" / "learning_curve.png").is_file()
    assert playfield("runs", "--runs", tmp_path) == 0
    assert "q_learning" in capsys.readouterr().out
    assert playfield("evaluate", "c", "--episodes", 2, "--seed", 4, "--runs", tmp_path) == 0
    assert "mean score          -13.00" in capsys.readouterr().out
    recipe = known(Run.open(tmp_path / "c")).recipe
    assert recipe == LINEAR_RECIPES["q_learning"].with_overrides([*CLIFF, "policy.epsilon=0.1"])


def test_a_study_trains_linear_recipes_side_by_side(tmp_path: Path) -> None:
    arguments = ("--recipes", "sarsa,q_learning", "--games", "gym:MountainCar-v0", "--seeds", "0..1", "--frames", 2000)
    folder = ("--studies", tmp_path, "--episodes", 2)
    assert playfield("study", "hill", *arguments, *folder) == 0
    names = {path.name for path in (tmp_path / "hill" / "runs").iterdir() if path.is_dir()}
    assert names == {f"{r}-gym-MountainCar-v0-s{s}" for r in ("sarsa", "q_learning") for s in (0, 1)}
    kept = json.loads((tmp_path / "hill" / "study.json").read_text())
    assert {each["recipe"]["type"] for each in kept["variants"]} == {"LinearRecipe"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train", "sarsa", "catch"), "linear learners need a vector or a numbered state to observe, and catch shows"),
        (("train", "sarsa", "catch", "view=Learnt"), "view=Learnt needs the latents of an autoencoder"),
        (("train", "sarsa", "gym:CartPole-v1"), "without limits; give a range for each"),
        (
            ("train", "sarsa", "gym:CartPole-v1", "view.ranges=[[0,1]]"),
            "observes 4 numbers; give as many ranges, not 1",
        ),
        (("train", "sarsa", "gym:CartPole-v1", "view=Grid"), "view=Grid is for pixels"),
        (
            ("train", "sarsa", "catch", "--observe-with", "x", "view=Grid", "encoder=OneHot"),
            "learns from its beginning",
        ),
        (("train", "sarsa", "gym:CliffWalking-v1", "encoder=Tabular", "learner=ActorCritic"), "need each other"),
        (("train", "dqn_toy", "catch", "--features", "nowhere"), "--features are for linear learners; dqn_toy learns"),
        (("train", "sarsa", "catch", "--features", "nowhere"), "nowhere"),
        (("train", "sarsa", "catch", "learner.alpha=-1"), "alpha must be above 0"),
        (("ablate", "sarsa", "--games", "catch"), "sarsa is a linear learner: it has no network"),
        (("import", "x.zip", "x.playfield", "--recipe", "sarsa", "--game", "catch"), "it has no network"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    folder = {"train": ("--runs",), "ablate": ("--studies",)}.get(arguments[0], ())
    assert playfield(*arguments, *((*folder, tmp_path / "out") if folder else ())) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_weights_that_run_away_stop_a_run_with_the_usual_bound(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("gym:MountainCar-v0", "learner.alpha=9", "learner.trace=accumulating", "--frames", 3000, "--name", "a")
    assert playfield("train", "sarsa_lambda", *arguments, "--runs", tmp_path) == 2
    said = capsys.readouterr().err
    assert "with learner.alpha=9 the weights ran away" in said
    assert "the usual bound here is about 1 - lambda = 0.1" in said
    # The run is still there, so it says of itself what became of it, until it gets further than that.
    assert playfield("runs", "--runs", tmp_path) == 0
    assert "a: training ended at" in " ".join(capsys.readouterr().out.split())
    assert playfield("resume", "a", "--runs", tmp_path) == 2
    found = capsys.readouterr()
    assert "the usual bound here is about 1 - lambda = 0.1; the same settings lead there again" in found.out
    assert "the weights ran away" in found.err
    run = Run.open(tmp_path / "a")
    with run.writing():
        run.save(run.load().tree, 1)
    assert run.gave_up is None


def test_a_network_is_asked_for_where_only_one_will_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("sarsa", tmp_path, "s", 300)
    assert playfield("export", "s", tmp_path / "s.playfield", "--runs", tmp_path) == 2
    assert "sarsa is a linear learner: it has no network" in capsys.readouterr().err
    assert playfield("doctor", "s", "--runs", tmp_path) == 0


def test_a_run_sees_by_features_that_it_keeps(tmp_path: Path) -> None:
    """Two halves are one whole, and the folder of the features may be gone by then."""
    assert playfield("lab", "collect", "catch", "--frames", 400, "--out", tmp_path) == 0
    frames = tmp_path / "frames-catch"
    assert playfield("lab", "autoencode", frames, "--latents", 4, "--epochs", 1) == 0
    features = frames / "latents"
    common = {"features": features, "extra": ("learner.gamma=0.9",)}
    linear("whole", tmp_path, 300, **common)
    linear("halves", tmp_path, 160, **common)
    features.rename(frames / "gone")
    assert resume(tmp_path, "halves", frames=300) == 0
    assert outcome(tmp_path, "halves") == outcome(tmp_path, "whole")
    recipe = known(Run.open(tmp_path / "whole")).recipe
    assert isinstance(recipe, LinearRecipe)
    assert recipe.view == Learnt()
    assert playfield("evaluate", "whole", "--episodes", 1, "--runs", tmp_path) == 0


def linear(name: str, root: Path, frames: int, features: Path, extra: tuple[str, ...]) -> None:
    arguments = ("sarsa_lambda", "catch", *extra, "--features", features, "--frames", frames, "--episodes", 0)
    assert playfield("train", *arguments, "--threads", 1, "--name", name, "--runs", root) == 0
