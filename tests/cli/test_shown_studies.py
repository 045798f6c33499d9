"""Studies and searches whose runs begin with demonstrations, which are part of their plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.inprocess import TINY, InProcess
from cli.test_demonstrations import record
from playfield.cli.cells import Job
from playfield.cli.commands import run_command
from playfield.cli.training import RESUMABLE
from playfield.storage.run import Run
from playfield.study import Grid, Variant, grid_from_json

SHORT = (*TINY[:-1], "imitation.pretrain_updates=6")  # but the last, which dqfd explores without


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    assert record(tmp_path, "--policy", "random", "--frames", 200, "--name", "shown") == 0
    return tmp_path / "shown"


def study(root: Path, *arguments: object) -> int:
    return run_command(["study", "small", "--studies", str(root), *map(str, arguments)])


def wanted(shown: Path, *recipes: str) -> tuple[object, ...]:
    named = ("--recipes", ",".join(recipes), "--games", "catch", "--seeds", "0", "--frames", 60, "--episodes", 1)
    return (*named, "--demonstrations", shown, *SHORT)


def test_a_study_that_was_stopped_goes_on_with_its_demonstrations(
    shown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(job: Job) -> int | None:
        return RESUMABLE

    InProcess(code_of=stopped).take_over(monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert study(tmp_path, *wanted(Path("shown"), "dqfd")) == RESUMABLE
    children = InProcess().take_over(monkeypatch)
    monkeypatch.chdir(tmp_path.parent)  # a plan is found from everywhere
    assert study(tmp_path) == 0
    (job,) = children.jobs
    assert job.command[job.command.index("--demonstrations") + 1] == str(shown)
    run = Run.open(tmp_path / "small" / "runs" / "dqfd-catch-s0")
    assert run.about.plan["demonstrations"] == str(shown)
    assert "learns nothing" not in capsys.readouterr().out
    assert study(tmp_path, *wanted(tmp_path / "another", "dqfd")) == 2
    assert "is a study of other demonstrations" in capsys.readouterr().err


def test_a_search_gives_every_trial_its_demonstrations(
    shown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna", reason="tune needs: pip install 'optuna>=4,<5'")
    children = InProcess().take_over(monkeypatch)
    search = ["tune", "dqfd", "catch", *SHORT, "--name", "search", "--studies", str(tmp_path), "--frames", "60"]
    search += ["--episodes", "1", "--trials", "1", "--space", "optimizer.lr=log:1e-4..1e-3"]
    assert run_command([*search, "--demonstrations", str(shown)]) == 0
    assert [job.command[job.command.index("--demonstrations") + 1] for job in children.jobs] == [str(shown)]
    assert json.loads((tmp_path / "search" / "tune.json").read_text())["demonstrations"] == str(shown)
    said = capsys.readouterr().out
    assert said.count(f"--demonstrations {shown}") == 2  # of both commands that use what was found
    assert run_command(search) == 2
    assert "is a search of other demonstrations" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("study", "--recipes", "dqn_toy", "--games", "toy_pong"), "was recorded on catch, not on toy_pong"),
        (("study", "--recipes", "pqn", "--games", "catch"), "for recipes with a replay memory, which pqn has not"),
        (("study", "--recipes", "dqn_toy", "--games", "catch,toy_pong"), "of one game, and this study has several"),
        (("ablate", "dqfd", "torso=Mlp", "--games", "toy_pong"), "was recorded on catch, not on toy_pong"),
        (("tune", "dqn", "toy_pong", "--space", "memory.n_step=1..3"), "was recorded on catch, not on toy_pong"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_made(
    arguments: tuple[str, ...], sentence: str, shown: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    length = ("--frames", "60", "--studies", str(tmp_path / "studies"))
    assert run_command([*arguments, *length, "--demonstrations", str(shown)]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not (tmp_path / "studies").exists()


def test_a_plan_from_before_there_were_demonstrations_is_read() -> None:
    from playfield.recipes import RECIPES

    grid = Grid(variants=(Variant(name="dqn", recipe=RECIPES["dqn"]),), games=("catch",), seeds=(0,), frames=10)
    text = grid.to_json()
    assert grid_from_json(text) == grid
    plain = json.loads(text)
    assert plain.pop("demonstrations") is None
    assert grid_from_json(json.dumps(plain)) == grid
