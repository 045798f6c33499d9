"""From frames to features by the lab's commands: what they write is what was asked, and bad input is one sentence."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from playfield.cli.commands import run_command
from playfield.features.frames import load
from playfield.features.latents import load_latents, split_of


def lab(*arguments: object) -> int:
    return run_command(["lab", *(str(argument) for argument in arguments)])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collected frames of Catch with latents of one epoch; tests that write take a copy."""
    out = tmp_path_factory.mktemp("lab")
    assert lab("collect", "catch", "--frames", 600, "--seed", 3, "--out", out, "--name", "c") == 0
    assert lab("autoencode", out / "c", "--latents", 4, "--epochs", 2, "--test-share", 0.4) == 0
    return out / "c"


def test_collected_frames_say_what_they_are_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("collect", "catch", "--frames", 120, "--seed", 5, "--out", tmp_path) == 0
    found = load(tmp_path / "frames-catch")
    assert (found.about.game, found.about.seed, found.about.frames, found.about.episodes) == ("catch", 5, 120, 2)
    assert found.about.fingerprint["playfield"]
    said = capsys.readouterr().out
    assert "frames   120 of the emulator, 1 an action" in said
    assert "rows     123 of 48 x 48 x 1 pixels, 2 whole episodes" in said
    assert lab("collect", "catch", "--frames", 60, "--out", tmp_path) == 0
    assert (tmp_path / "frames-catch-2").is_dir()


def test_an_action_of_atari_is_four_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crop = ("--crop", 34, 194, 0, 160)
    assert lab("collect", "pong", "--frames", 80, "--size", 20, *crop, "--out", tmp_path, "--name", "p") == 0
    assert "frames   80 of the emulator, 4 an action" in capsys.readouterr().out
    found = load(tmp_path / "p")
    assert found.frame.shape == (21, 20, 20, 1)
    assert found.about.protocol["crop"] == [34, 194, 0, 160]


def test_an_autoencoder_is_written_with_its_split_and_errors(frames: Path) -> None:
    about = json.loads((frames / "latents" / "autoencoder.json").read_text())
    assert about["seed"] == 0
    assert about["split"]["test_share"] == 0.4
    assert len(about["split"]["test_episodes"]) == 4
    assert not set(about["split"]["test_episodes"]) & set(about["split"]["train_episodes"])
    assert [error["epoch"] for error in about["errors"]] == [1, 2]
    assert about["errors"][1]["test"] < about["errors"][0]["test"]
    latents = load_latents(frames / "latents")
    assert (latents.game, latents.autoencoder.spec.bottleneck.latents) == ("catch", 4)
    assert split_of(frames / "latents", load(frames)).test_episodes == tuple(about["split"]["test_episodes"])
    for name in ("losses.png", "reconstructions.png"):
        with Image.open(frames / "latents" / name) as picture:
            assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 10


def test_features_are_compared_on_the_same_budget(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ("--frames", 120, "--seeds", 2, "--seed", 7, "--sweeps", 2, "--episodes", 2)
    settings = ("fixed.alpha=0.2", "grid.rows=3", "grid.columns=3", "latents.encoder.tiles=3")
    assert lab("features", frames, *settings, *short, "--learner", "sarsa_lambda", "--out", tmp_path / "f") == 0
    about = json.loads((tmp_path / "f" / "features.json").read_text())
    assert about["seeds"] == [7, 8]
    assert about["contest"]["fixed"]["alpha"] == 0.2
    assert list(about["prediction"]) == ["latents", "grid", "constant"]
    assert all(len(errors) == 3 for errors in about["prediction"].values())
    cells = [(cell["sight"], cell["learner"], cell["seed"]) for cell in about["control"]]
    assert cells == [(sight, "sarsa_lambda", seed) for sight in ("latents", "grid") for seed in (7, 8)]
    assert all(len(cell["greedy_scores"]) == 2 for cell in about["control"])
    # Two whole episodes of 55 frames each fit into every run.
    found = rows(tmp_path / "f" / "episodes.csv")
    assert [(row["sight"], row["seed"], row["frames"]) for row in found] == [
        (sight, seed, ended) for sight in ("latents", "grid") for seed in "78" for ended in ("55", "110")
    ]
    assert {path.name for path in (tmp_path / "f").iterdir()} == {
        "features.json", "episodes.csv", "features.png", "prediction.png",
    }  # fmt: skip
    said = capsys.readouterr().out
    assert "control: 120 emulator frames a run; greedy, 2 whole games each" in said
    assert "latents, sarsa_lambda, seed 8: greedy" in said
    assert "of all seeds from 7 to 8: mean and standard error" in said
    assert "game     catch, toy: frame skip 1" in said


def test_what_runs_away_is_a_gap_and_the_rest_is_kept(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("fixed.predict_alpha=900", "fixed.alpha=900", "gamma=1", "lambda_=0")
    short = ("--frames", 600, "--seeds", 1, "--sweeps", 2, "--episodes", 2, "--learner", "sarsa_lambda")
    assert lab("features", frames, *settings, *short, "--out", tmp_path / "f") == 0
    about = json.loads((tmp_path / "f" / "features.json").read_text())
    latents, grid = about["control"]
    assert (latents["diverged_at"], len(latents["greedy_scores"])) == (None, 2)
    assert 0 < grid["diverged_at"] < 600
    assert grid["greedy_scores"] == []
    assert about["prediction"]["grid"][1:] == [None, None]
    assert None not in about["prediction"]["latents"]
    said = capsys.readouterr().out
    assert "the weights ran away (beyond a million) with fixed.predict_alpha=900; give a smaller one" in said
    assert f"ran away (beyond a million) after {grid['diverged_at']:,} frames with fixed.alpha=900; give a" in said
    assert "grid       sarsa_lambda       greedy    none" in said
    assert "nan" not in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("collect", "ponk"), "there is no game 'ponk'; the nearest are: pong"),
        (("collect", "gym:CartPole-v1"), "shows 4 numbers and no pixels"),
        (("collect", "catch", "--frames", 0), "--frames must be 1 or more"),
        (("collect", "catch", "--frames", 10**9), "1,000,000,000 frames of catch would be 2,304 GB"),
        (("collect", "catch", "--seed", -1), "the seed must be 0 or greater"),
        (("collect", "catch", "--size", 42), "--size is for the games of the Atari emulator"),
        (("collect", "pong", "--size", 0), "frame_size must be height and width from 1 x 1"),
        (("collect", "pong", "--protocol", "natur"), "there is no protocol 'natur'"),
        (("collect", "catch", "--name", "../x"), "cannot be the name of a run"),
    ],
)
def test_what_cannot_be_collected_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[object, ...], sentence: str
) -> None:
    assert lab(*arguments, "--out", tmp_path) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("autoencode", "--latents", 0), "--latents must be 2, 4, 6 or more for points"),
        (("autoencode", "--latents", 3), "--latents must be 2, 4, 6 or more for points"),
        (
            ("autoencode", "--latents", 0, "--bottleneck", "dense"),
            "--latents, and channels and units of Dense, must be",
        ),
        (("autoencode", "--test-share", 1), "--test-share must lie between 0 and 1"),
        (("autoencode", "--epochs", 0), "--epochs and --batch must be 1 or more"),
        (("autoencode", "--seed", -1), "the seed must be 0 or greater"),
        (("features", "--seeds", 0), "--seeds and --sweeps must be 1 or more"),
        (("features", "--frames", 0), "--frames and --episodes must be 1 or more"),
        (("features", "--learner", "sarsa_lamda"), "there is no learner 'sarsa_lamda'; the nearest are: sarsa_lambda"),
        (("features", "alpha"), "'alpha' is no setting; write PATH=VALUE"),
        (("features", "gama=1"), "there is no setting 'gama'; the nearest are: gamma"),
        (("features", "fixed.alpha=0"), "alpha must be above 0"),
        (("features", "grid.rows=99"), "a grid of 99 x 12 is finer than frames of 48 x 48"),
        (("features", "latents.encoder=Tabular"), "this world has no numbered states"),
    ],
)
def test_bad_settings_are_one_sentence(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[object, ...], sentence: str
) -> None:
    command, *rest = arguments
    assert lab(command, frames, *rest, "--out", tmp_path / "x") == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def _another_game(folder: Path) -> None:
    about = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(json.dumps({**about, "game": "toy_pong"}))


def _cut(name: str) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:-50])

    return cut


@pytest.mark.parametrize(
    ("command", "damage", "sentence"),
    [
        ("autoencode", _cut("frames.npz"), "is no recording that can be read"),
        (
            "autoencode",
            lambda folder: (folder / "about.json").unlink(),
            "holds no collected frames; `playfield lab collect GAME`",
        ),
        ("autoencode", lambda folder: (folder / "x").mkdir(), "exists, and nothing is overwritten"),
        ("features", lambda folder: (folder / "x").mkdir(), "exists, and nothing is overwritten"),
        (
            "features",
            lambda folder: shutil.rmtree(folder / "latents"),
            "holds no latents; `playfield lab autoencode FRAMES`",
        ),
        ("features", _cut("latents/autoencoder.safetensors"), "is not a safetensors file"),
        ("features", _another_game, "were learnt from other frames than these of toy_pong"),
    ],
)
def test_damaged_files_are_one_sentence(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, damage: Callable[[Path], None],
    sentence: str,
) -> None:  # fmt: skip
    folder = tmp_path / "c"
    shutil.copytree(frames, folder)
    damage(folder)
    before = sorted(folder.rglob("*"))
    assert lab(command, folder, "--out", folder / "x") == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert sorted(folder.rglob("*")) == before


def test_too_few_episodes_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("collect", "catch", "--frames", 60, "--out", tmp_path, "--name", "c") == 0
    assert lab("autoencode", tmp_path / "c") == 2
    assert "hold 1 whole episode of catch, and a split by whole episodes needs 2" in capsys.readouterr().err
    assert not (tmp_path / "c" / "latents").exists()
