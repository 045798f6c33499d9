"""`tune`: what is searched, that a search goes on where it stopped, and that nothing foreign is ever unpickled."""

from __future__ import annotations

import json
import pickle  # noqa: TID251 - to see that nobody uses it
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from cli.inprocess import TINY, InProcess
from playfield.cli.cells import Job
from playfield.cli.commands import run_command, without_overrides
from playfield.cli.search_space import Between, OneOf, dimension_from, space_from, text_of
from playfield.recipes import RECIPES
from playfield.settings import UnknownSetting
from playfield.sinks.evaluations import read_evaluations
from playfield.storage.run import Run

SPACE = ("optimizer.lr=log:1e-4..1e-2", "memory.n_step=1..5", "bootstrap=Greedy|Double")


def tune(root: Path, *extra: object, trials: int = 3) -> int:
    options = ("--frames", 200, "--episodes", 2, "--trials", trials, "--name", "search", "--studies", root)
    arguments = ("tune", "dqn_toy", "catch", *TINY, "--space", *SPACE, *options, *extra)
    return run_command([str(a) for a in arguments])


def trials(root: Path) -> dict[int, dict[str, object]]:
    lines = (root / "search" / "trials.jsonl").read_text().splitlines()
    return {row["trial"]: row for row in map(json.loads, lines)}


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("1..10", Between(low=1.0, high=10.0, log=False, whole=True)),
        ("log:16..1_024", Between(low=16.0, high=1024.0, log=True, whole=True)),
        ("0.5..1", Between(low=0.5, high=1.0, log=False, whole=False)),
        ("log:1e-5..1e-3", Between(low=1e-5, high=1e-3, log=True, whole=False)),
        ("Greedy|Double", OneOf(choices=("Greedy", "Double"))),
    ],
)
def test_a_space_is_read_and_written_as_people_write_it(text: str, dimension: Between | OneOf) -> None:
    assert dimension_from("x", text) == dimension
    assert dimension_from("x", dimension.text()) == dimension


@pytest.mark.parametrize("text", ["5", "a..b", "3..1", "log:0..1", "Greedy|", "A|A", "1..inf", "nan..1"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^x="):
        dimension_from("x", text)


def test_a_space_is_checked_against_the_recipe() -> None:
    recipe = RECIPES["dqn_toy"]
    assert list(space_from(recipe, SPACE)) == ["optimizer.lr", "memory.n_step", "bootstrap"]
    with pytest.raises(UnknownSetting, match=r"memory\.nstep"):
        space_from(recipe, ["memory.nstep=1..3"])
    with pytest.raises(ValueError, match="n_step must be 1 or more"):
        space_from(recipe, ["memory.n_step=0..3"])
    with pytest.raises(ValueError, match="only a Rollout memory"):
        space_from(recipe, ["bootstrap=Greedy|Settled"])
    with pytest.raises(ValueError, match="given twice"):
        space_from(recipe, ["memory.n_step=1..3", "memory.n_step=1..4"])


def test_proposed_numbers_are_short_and_stay_in_range() -> None:
    dimension = Between(low=1.00004e-5, high=1e-3, log=True, whole=False)
    assert text_of(dimension, 0.000123456789) == "0.0001235"
    assert float(text_of(dimension, 1.00004e-5)) == 1.00004e-5
    assert text_of(OneOf(choices=("Greedy",)), "Greedy") == "Greedy"
    assert text_of(Between(low=1, high=5, log=False, whole=True), 3) == "3"


def test_the_space_is_not_taken_for_overrides() -> None:
    arguments = ["tune", "dqn", "pong", "games=2", "--space", "memory.n_step=1..3", "--trials", "4", "memory.batch=8"]
    kept, overrides = without_overrides(arguments)
    assert kept == ["tune", "dqn", "pong", "--space", "memory.n_step=1..3", "--trials", "4"]
    assert overrides == ["games=2", "memory.batch=8"]


def test_trials_are_runs_and_the_best_is_a_command_to_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    children = InProcess().take_over(monkeypatch)
    assert tune(tmp_path) == 0
    printed = capsys.readouterr().out
    assert [job.stage for job in children.jobs] == ["train"] * 3
    rows = trials(tmp_path)
    for number, row in rows.items():
        run = Run.open(tmp_path / "search" / "runs" / f"trial-{number:04d}-catch-s0")
        recipe, values = run.about.recipe, row["values"]
        assert isinstance(values, dict)
        assert recipe["memory"]["n_step"] == values["memory.n_step"]
        assert recipe["bootstrap"]["type"] == values["bootstrap"]
        assert recipe["optimizer"]["lr"] == pytest.approx(values["optimizer.lr"], rel=1e-3)
        (evaluated,) = read_evaluations(run.path / "results" / "evaluations.jsonl")
        assert row["value"] == np.mean(evaluated.scores)
    best = max(rows, key=lambda number: (rows[number]["value"], -number))
    ((command, frames),) = re.findall(r"^playfield train dqn_toy catch (.*) --frames (\d+)$", printed, re.MULTILINE)
    recipe = Run.open(tmp_path / "search" / "runs" / f"trial-{best:04d}-catch-s0").about.recipe
    settings = command.replace("'", "").split()
    made = RECIPES["dqn_toy"].with_overrides(settings)
    assert json.loads(made.to_json()) == recipe
    assert int(frames) == Run.open(tmp_path / "search" / "runs" / f"trial-{best:04d}-catch-s0").about.plan["frames"]
    assert "partly luck" in printed
    assert "--seeds 1..5" in printed


def test_a_search_goes_on_as_if_it_had_never_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted in its second trial, cut in its last line, then given more trials."""

    def stopped(job: Job) -> int | None:
        return 85 if job.name.startswith("trial-0001") else None

    InProcess().take_over(monkeypatch)
    assert tune(tmp_path / "whole", trials=4) == 0
    InProcess(code_of=stopped).take_over(monkeypatch)
    assert tune(tmp_path / "cut", trials=2) == 85
    assert trials(tmp_path / "cut")[1]["state"] == "begun"
    with (tmp_path / "cut" / "search" / "trials.jsonl").open("a") as file:
        file.write('{"trial": 1, "val')
    again = InProcess().take_over(monkeypatch)
    assert tune(tmp_path / "cut", trials=4) == 0
    assert [job.name[:10] for job in again.jobs] == ["trial-0001", "trial-0002", "trial-0003"]
    assert trials(tmp_path / "cut") == trials(tmp_path / "whole")
    assert tune(tmp_path / "cut", trials=4) == 0
    assert len(again.jobs) == 3, "nothing is left to do"


def test_another_search_of_the_same_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    InProcess().take_over(monkeypatch)
    assert tune(tmp_path, trials=1) == 0
    assert tune(tmp_path, "--seed", 5) == 2
    assert "is a search of other seed" in capsys.readouterr().err


def test_hopeless_trials_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trial 5 scores below the median of the others at every look, so its process is told to stop."""
    looks: dict[str, int] = {}

    def row(run: Path) -> dict[str, float]:
        looks[run.name] = looks.get(run.name, 0) + 1
        score = -5.0 if run.name.startswith("trial-0005") else 1.0
        return {"frames": 20.0 * looks[run.name], "score_mean_last_30": score}

    class Slow:
        """A process that is looked at nine times before it ends."""

        def __init__(self, job: Job) -> None:
            self.child, self.polls, self.stopped = inner(job), 0, False

        def poll(self) -> int | None:
            self.polls += 1
            return 85 if self.stopped else self.child.poll() if self.polls > 9 else None

        def send_signal(self, sig: int, /) -> None:
            assert not self.stopped, "a second signal would stop it without saving"
            self.stopped = True

    inner = InProcess()
    from playfield.cli import tune as module
    from playfield.cli.cells import Crew

    monkeypatch.setattr(module, "newest_row", row)
    monkeypatch.setattr(module, "Crew", lambda jobs: Crew(jobs=jobs, launch=Slow, look_seconds=0.0))
    assert tune(tmp_path, "--prune", "True", trials=6) == 0
    found = trials(tmp_path)
    assert [found[number]["state"] for number in range(6)] == ["finished"] * 5 + ["pruned"]
    assert found[5]["value"] == -5.0
    assert found[5]["looks"] == {"1": -5.0, "2": -5.0}


def test_a_failed_trial_is_noted_and_the_search_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    InProcess(code_of=lambda job: 2 if job.name.startswith("trial-0000") else None).take_over(monkeypatch)
    assert tune(tmp_path, trials=2) == 0
    assert [row["state"] for row in trials(tmp_path).values()] == ["failed", "finished"]


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was unpickled")

    InProcess().take_over(monkeypatch)
    assert tune(tmp_path, trials=1) == 0
    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(pickle, "loads", refuse)
    assert tune(tmp_path, trials=2) == 0
    kinds = {path.suffix for path in (tmp_path / "search").iterdir() if path.is_file()}
    assert kinds <= {".json", ".jsonl", ""}


def test_without_optuna_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert tune(tmp_path) == 2
    error = capsys.readouterr().err
    assert f"{sys.executable} -m pip install 'optuna>=4,<5'" in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [(("--trials", 0), "--trials must be 1 or more"), (("--game", "x"), "")],
)
def test_mistakes_get_one_sentence(
    extra: tuple[object, ...], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not sentence:
        assert run_command(["tune", "dqn_toy", "catch", "--studies", str(tmp_path)]) == 2
        assert "say what to search" in capsys.readouterr().err
        return
    assert tune(tmp_path, *extra) == 2
    assert sentence in capsys.readouterr().err
