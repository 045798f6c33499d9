"""What other versions wrote: runs go on, models play, recordings teach; what is newer is refused by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cli.runs import resume
from playfield.cli.commands import run_command
from playfield.storage.checkpoint import sealed, unsealed
from playfield.storage.run import Run
from playfield.storage.tree import digest

GOLDEN = Path(__file__).with_name("golden")
VERSIONS = sorted(path.name for path in GOLDEN.iterdir() if (path / "expected.json").is_file())


@pytest.fixture(params=VERSIONS)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return shutil.copytree(GOLDEN / request.param, tmp_path / "of then")


@pytest.mark.parametrize("name", ["deep", "linear"])
def test_runs_of_then_come_back_bit_for_bit_and_go_on(name: str, written: Path) -> None:
    run = Run.open(written / name)
    loaded = run.load()
    assert loaded.warnings == ()
    assert digest(loaded.tree) == json.loads((written / "expected.json").read_text())[name]
    before = (written / name / "events.jsonl").read_bytes()
    frames = loaded.clock_frames + 200
    assert resume(written, name, frames=frames) == 0
    again = Run.open(written / name).load()
    assert again.clock_frames >= frames
    assert again.warnings == ()
    assert (written / name / "events.jsonl").read_bytes().startswith(before)


def test_a_model_of_then_plays(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["evaluate", str(written / "deep.playfield"), "--episodes", "2"]) == 0
    assert "CartPole" in capsys.readouterr().out


def test_a_recording_of_then_teaches(written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["demos", "show", str(written / "demos" / "catch")]) == 0
    assert "3 episodes" in capsys.readouterr().out
    small = ["torso=Mlp", "torso.hidden=[4]", "head.hidden=4", "memory.capacity=3000", "memory.start_frames=40"]
    recording = str(written / "demos" / "catch")
    options = ["--demonstrations", recording, "--frames", "60", "--episodes", "0", "--runs", str(tmp_path / "runs")]
    assert run_command(["train", "dqn_toy", "catch", *small, *options]) == 0


def test_a_format_of_tomorrow_is_refused_by_name(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (written / "deep" / "checkpoints").glob("*/manifest.json"):
        plain = json.loads(unsealed(path, path.read_bytes()))
        path.write_bytes(sealed(json.dumps({**plain, "format": 2}).encode()))
    assert run_command(["resume", "deep", "--frames", "600", "--runs", str(written)]) == 2
    said = capsys.readouterr().err
    assert "has format 2; this version of Playfield reads 1" in said
    assert "Traceback" not in said
