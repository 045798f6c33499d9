"""Studies: the grid, what an ablation takes out, going on after an interruption, and what is reported."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.inprocess import TINY, InProcess
from cli.runs import outcome
from playfield.ablation import REMOVALS, Removal, ablations, has, removal_overrides
from playfield.cli.cells import Crew, Length, Place, job_for, last_line, newest_row, stage_of
from playfield.cli.commands import run_command
from playfield.cli.study import carry_on, prepared
from playfield.cli.study_report import Result, aggregate_panels, groups, improvement_sheet, score_sheet
from playfield.cli.training import RESUMABLE
from playfield.events import Evaluated, Tape
from playfield.recipes import RECIPES
from playfield.score import aggregate
from playfield.settings import difference
from playfield.sinks.evaluations import read_evaluations
from playfield.sinks.study_plots import (
    AggregatePanel,
    EfficiencyCurve,
    EfficiencyPanel,
    aggregate_bars,
    sample_efficiency,
)
from playfield.storage.run import Run, RunBusy
from playfield.study import Cell, Grid, Variant, grid_from_json, never_learns, same_frames, seeds_from
from playfield.types import Clock

ROOT = Path(__file__).parents[2]
NATURE: dict[str, object] = {"name": "nature", "repeat_action_probability": 0.0, "frame_skip": 4, "noop_max": 30}
MACHADO: dict[str, object] = {**NATURE, "name": "machado", "repeat_action_probability": 0.25, "noop_max": 0}
TOY: dict[str, object] = {"name": "toy", "frame_skip": 1, "repeat_action_probability": 0.0}


def playfield(*arguments: object) -> int:
    return run_command([str(a) for a in arguments])


def study(root: Path, *extra: object, frames: int = 300, seeds: str = "0,1") -> int:
    options = ("--recipes", "dqn_toy,dqn", "--games", "catch", "--seeds", seeds, "--frames", frames, "--episodes", 2)
    return playfield("study", "small", *options, "--studies", root, "--jobs", 2, *TINY, *extra)


def variant(name: str = "dqn", **changes: object) -> Variant:
    return Variant(name=name, recipe=RECIPES["dqn"].but(name=name, **changes))


def grid(**changes: object) -> Grid:
    values: dict[str, object] = {
        "variants": (variant("a"), variant("b")),
        "games": ("pong", "breakout", "catch"),
        "seeds": (0, 1),
        "frames": 1000,
        "episodes": 2,
    }
    return Grid(**{**values, **changes})  # type: ignore[arg-type]


def result(of: str, game: str, seed: int, score: float, protocol: dict[str, object] = NATURE) -> Result:
    evaluated = Evaluated(
        clock=Clock(frames=1000),
        game=game,
        protocol=protocol,
        policy="greedy, epsilon 0.05",
        seed=9,
        scores=(score - 1.0, score + 1.0),
        frames=(4, 4),
        best=Tape(seed=1, actions=b""),
    )
    return Result(cell=Cell(variant=variant(of), game=game, seed=seed), run=Path(of), evaluated=evaluated)


@pytest.mark.parametrize(
    ("text", "seeds"), [("0..4", (0, 1, 2, 3, 4)), ("3", (3,)), ("0,7, 9..10", (0, 7, 9, 10)), ("5..5", (5,))]
)
def test_seeds_are_read_as_people_write_them(text: str, seeds: tuple[int, ...]) -> None:
    assert seeds_from(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "4..1", "-1", "0..99999999", "1...3"])
def test_other_seeds_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="are no seeds"):
        seeds_from(text)


def test_a_grid_comes_back_from_its_text_and_has_every_cell_once() -> None:
    whole = grid(variants=(variant("a"), Variant(name="b", recipe=RECIPES["pqn"], overrides=("x=1",))))
    assert grid_from_json(whole.to_json()) == whole
    names = [cell.name for cell in whole.cells()]
    assert names[:3] == ["a-pong-s0", "b-pong-s0", "a-breakout-s0"]
    assert len(set(names)) == len(names) == 12
    with pytest.raises(ValueError, match="not the description of a study"):
        grid_from_json('{"variants": 3}')


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seeds": (1, 1)}, "each seed once, but 1 is given twice"),
        ({"games": ()}, "at least one game"),
        ({"variants": (variant("a"), variant("a"))}, "each recipe once, but a is given twice"),
        ({"frames": 0}, "frames and episodes of 1 or more"),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        grid(**changes)


def test_recipes_of_different_length_need_a_number_of_frames() -> None:
    assert same_frames([RECIPES["dqn"], RECIPES["double"]]) == 200_000_000
    with pytest.raises(ValueError, match=r"different lengths .*dqn 200,000,000, dqn_toy 50,000"):
        same_frames([RECIPES["dqn"], RECIPES["dqn_toy"]])


def test_an_ablation_takes_out_one_ingredient_at_a_time() -> None:
    variants, sentences = ablations(RECIPES["dqn_toy"], 50_000)
    assert sentences == []
    removed = {each.name: each.overrides for each in variants}
    assert removed["no n-step"] == ("memory.n_step=1",)
    assert removed["no double"] == ("bootstrap=Greedy",)
    assert removed["no target network"] == ("target=NoTarget",)
    for each in variants:
        assert each.recipe == RECIPES["dqn_toy"].with_overrides(list(each.overrides))
    (path, before, after), *others = difference(RECIPES["dqn_toy"], variants[0].recipe)
    assert (path, before, after, others) == ("memory.n_step", 3, 1, [])


def test_only_ingredients_that_a_recipe_has_are_taken_out() -> None:
    of = {name: [v.name for v in ablations(RECIPES[name], 1000)[0]] for name in ("dqn", "pqn")}
    assert of["dqn"] == ["no target network"]
    assert of["pqn"] == ["no lambda-returns", "no layer norm"]
    norms = {v.name: v for v in ablations(RECIPES["pqn"], 1000)[0]}["no layer norm"].overrides
    assert norms == ("torso.norm=NoNorm", "head.norm=NoNorm")


def test_a_class_hands_on_what_its_successor_has_too() -> None:
    removal = Removal(ingredient="plain Adam", neutral={"optimizer": "RAdam"}, present=("Adam",))
    recipe = RECIPES["dqn_toy"]
    without = recipe.with_overrides(list(removal_overrides(recipe, removal, 1000)))
    assert type(without.optimizer).__name__ == "RAdam"
    assert (without.optimizer.lr, without.optimizer.eps, without.optimizer.clip_norm) == (1e-3, 1e-8, None)


def test_rainbow_loses_one_colour_at_a_time() -> None:
    variants, sentences = ablations(RECIPES["rainbow"], 1_000_000)
    assert sentences == []
    recipes = {variant.name: variant.recipe for variant in variants}
    assert type(recipes["no prioritised replay"].memory.sampler).__name__ == "Uniform"  # type: ignore[union-attr]
    assert type(recipes["no distributional"].returns).__name__ == "Expectation"
    assert (type(recipes["no dueling"].head).__name__, recipes["no dueling"].head.layer) == (
        "Plain",
        RECIPES["rainbow"].head.layer,
    )
    noiseless = recipes["no noisy"]
    assert type(noiseless.head.layer).__name__ == "Dense"
    assert type(noiseless.head).__name__ == "Dueling"
    assert [noiseless.explore.epsilon(at) for at in (0, 100_000)] == [1.0, 0.01]  # type: ignore[union-attr]
    for name, recipe in recipes.items():
        changed = {path.split(".")[0] for path, _, _ in difference(RECIPES["rainbow"], recipe)}
        assert len(changed) == (3 if name == "no noisy" else 1), name


def test_btr_loses_its_torso_and_keeps_its_own_epsilon() -> None:
    btr = RECIPES["btr"]
    recipes = {variant.name: variant.recipe for variant in ablations(btr, 1_000_000)[0]}
    assert recipes["no noisy"].explore == btr.explore
    assert type(recipes["no noisy"].head.layer).__name__ == "Dense"
    assert type(recipes["no residual torso"].torso).__name__ == "Conv"
    assert recipes["no adaptive max-pool"].torso.pool is None  # type: ignore[union-attr]
    assert {type(recipes["no adaptive max-pool"].torso), type(recipes["no spectral norm"].torso)} == {type(btr.torso)}


def test_every_shipped_recipe_can_do_without_what_the_table_takes_out() -> None:
    for recipe in RECIPES.values():
        variants, sentences = ablations(recipe, recipe.frames)
        assert sentences == []
        assert all(variant.recipe != recipe for variant in variants)


def test_runs_of_a_study_stop_at_no_score() -> None:
    stopping = next(recipe for recipe in RECIPES.values() if recipe.until_score is not None)
    assert prepared(stopping.name, None, (), ()).until_score is None


def test_exploration_in_place_of_noise_ends_within_a_tenth_of_the_training() -> None:
    recipe = RECIPES["noisy"]
    (noisy,) = [removal for removal in REMOVALS if removal.ingredient == "noisy" and has(recipe, removal)]
    assert not has(RECIPES["dqn"], noisy)
    for frames, within in ((50_000, 5_000), (200_000_000, 1_000_000)):
        epsilon = recipe.with_overrides(list(removal_overrides(recipe, noisy, frames))).explore.epsilon  # type: ignore[union-attr]
        assert [epsilon(at) for at in (0, within, 10**9)] == [1.0, 0.01, 0.01]


def test_what_a_recipe_cannot_do_without_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    removal = Removal(ingredient="replay", neutral={"bootstrap": "Settled"}, present=("Double",))
    monkeypatch.setattr("playfield.ablation.REMOVALS", (removal,))
    variants, sentences = ablations(RECIPES["dqn_toy"], 1000)
    assert variants == []
    assert len(sentences) == 1
    assert sentences[0].startswith("dqn_toy cannot do without replay: ")


def test_a_study_is_trained_evaluated_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    children = InProcess().take_over(monkeypatch)
    assert study(tmp_path) == 0
    printed = capsys.readouterr().out
    names = ["dqn_toy-catch-s0", "dqn-catch-s0", "dqn_toy-catch-s1", "dqn-catch-s1"]
    assert children.started == [("train", name) for name in names]
    assert all("--threads" in job.command for job in children.jobs)
    folder = tmp_path / "small"
    rows = {row["run"]: row for row in csv.DictReader((folder / "results" / "scores.csv").read_text().splitlines())}
    assert set(rows) == set(names)
    for name in names:
        (evaluated,) = read_evaluations(folder / "runs" / name / "results" / "evaluations.jsonl")
        assert float(rows[name]["score"]) == np.mean(evaluated.scores)
        assert int(rows[name]["frames"]) == evaluated.clock.frames >= 300
        assert (rows[name]["protocol"], rows[name]["human_normalised"]) == (rows[names[0]]["protocol"], "")
        assert "frame skip 1" in rows[name]["protocol"]
    summary = (folder / "results" / "summary.md").read_text()
    for text in (printed, summary):
        assert "300 frames of training, seeds 0, 1, 2 evaluated games a run" in text
        assert "frame skip 1" in text
        assert "with 2 seeds a bootstrap interval is too narrow" in text
    of_toy = [float(rows[name]["score"]) for name in names[::2]]
    iqm = aggregate([of_toy], np.random.default_rng(0)).iqm.value
    assert re.search(rf"\| dqn_toy \| 2 \| {iqm:,.2f} \(", summary)
    for name in ("aggregate.png", "sample_efficiency.png"):
        with Image.open(folder / "results" / name) as image:
            assert image.format == "PNG"

    assert study(tmp_path) == 0
    assert len(children.jobs) == 4, "finished runs are left alone"
    assert playfield("study", "small", "--studies", tmp_path) == 0
    assert len(children.jobs) == 4
    assert playfield("study", "small", "--studies", tmp_path, "--seeds", "0..9") == 2
    assert "stays as it was begun" in capsys.readouterr().err
    assert study(tmp_path, frames=400) == 2
    error = capsys.readouterr().err
    assert "is a study of other frames" in error
    assert error.count("\n") == 1


def test_a_crash_ends_one_run_only_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(job) -> int | None:
        if job.name != "dqn-catch-s0":
            return None
        job.log.write_text("some output\nplayfield: the loss became nan\n")
        return 2

    children = InProcess(code_of=fails).take_over(monkeypatch)
    assert study(tmp_path) == 1
    printed = capsys.readouterr().out
    assert len(children.jobs) == 4
    assert "dqn-catch-s0: the loss became nan" in printed
    assert re.search(r"dqn +│ +1 of 2", printed)
    assert "some runs are missing" in printed
    assert "Without a result: dqn-catch-s0." in (tmp_path / "small" / "results" / "summary.md").read_text()
    again = InProcess().take_over(monkeypatch)
    assert study(tmp_path) == 0
    assert again.started == [("train", "dqn-catch-s0")]


def test_a_study_that_was_stopped_says_that_it_is_incomplete_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    InProcess(code_of=lambda job: 85 if job.name == "dqn-catch-s1" else None).take_over(monkeypatch)
    assert study(tmp_path) == RESUMABLE
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    told = "3 of 4 runs are finished, and what is told is of those alone"
    table = next(number for number, line in enumerate(lines) if line.startswith("catch"))
    assert lines[table - 1] == f"incomplete: {told}"
    assert lines[-1] == f"stopped  the study is not finished; go on with: playfield study small --studies {tmp_path}"
    summary = tmp_path / "small" / "results" / "summary.md"
    assert f"\nIncomplete: {told}.\n" in summary.read_text()
    InProcess().take_over(monkeypatch)
    assert study(tmp_path) == 0
    assert "ncomplete" not in capsys.readouterr().out + summary.read_text()


def test_a_run_goes_on_from_where_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained in part: resumed. Trained, but stopped in its evaluation: evaluated. Of something else: refused."""
    children = InProcess().take_over(monkeypatch)
    assert study(tmp_path, seeds="0") == 0
    place, length = Place(folder=tmp_path / "small"), Length(frames=300, episodes=2)
    kept = grid_from_json((place.folder / "study.json").read_text())
    cell = next(kept.cells())
    assert stage_of(place, cell, length) == "done"
    assert stage_of(place, cell, replace(length, frames=2000)) == "resume"
    (place.runs / cell.name / "results" / "evaluations.jsonl").unlink()
    assert stage_of(place, cell, length) == "evaluate"
    job = job_for(place, cell, length, alone=False)
    assert job is not None
    assert job.command[3:5] == ("evaluate", cell.name)
    before = outcome(place.runs, cell.name)
    assert carry_on(place.folder, None, 1, Crew(jobs=1, launch=children, look_seconds=0.0)) == 0
    assert stage_of(place, cell, length) == "done"
    assert outcome(place.runs, cell.name) == before
    assert stage_of(place, replace(cell, seed=5), length) == "train"
    (place.runs / cell.name).rename(place.runs / replace(cell, seed=5).name)
    with pytest.raises(ValueError, match="is a run of something else"):
        stage_of(place, replace(cell, seed=5), length)


def test_children_of_a_killed_study_save_and_stop(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "playfield", "study", "real", "--recipes", "dqn_toy", "--games", "catch"]
    options = ["--seeds", "0", "--frames", "300_000", "--jobs", "1", "--studies", str(tmp_path), *TINY]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([*command, *options], env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    run = tmp_path / "real" / "runs" / "dqn_toy-catch-s0"
    deadline = time.monotonic() + 120
    while not newest_row(run) and process.poll() is None:
        assert time.monotonic() < deadline, "the study trained nothing"
        time.sleep(0.02)
    process.kill()
    process.wait()
    while _is_being_written(run):
        assert time.monotonic() < deadline, "the child went on"
        time.sleep(0.02)
    assert 0 < Run.open(run).checkpoints()[-1].frames < 300_000


def _is_being_written(run: Path) -> bool:
    try:
        with Run.open(run).writing():
            return False
    except RunBusy:
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_children_are_stopped_once_and_the_study_can_go_on(
    number: signal.Signals, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The real thing: processes, a signal, and a second call that ends as if nothing had happened."""
    command = [sys.executable, "-m", "playfield", "study", "real", "--recipes", "dqn_toy", "--games", "catch"]
    options = ["--seeds", "0", "--frames", "6000", "--episodes", "1", "--jobs", "2", "--studies", str(tmp_path), *TINY]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, *options], env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    run = tmp_path / "real" / "runs" / "dqn_toy-catch-s0"
    deadline = time.monotonic() + 120
    while not newest_row(run) and process.poll() is None:
        assert time.monotonic() < deadline, "the study trained nothing"
        time.sleep(0.02)
    process.send_signal(number)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == RESUMABLE, printed
    assert f"go on with: playfield study real --studies {tmp_path}" in " ".join(printed.split())
    frames = Run.open(run).checkpoints()[-1].frames
    assert 0 < frames < 6000, "the child saved where it was stopped"
    children = InProcess()
    assert carry_on(tmp_path / "real", None, 2, Crew(jobs=2, launch=children, look_seconds=0.0)) == 0
    assert children.started == [("resume", "dqn_toy-catch-s0")]
    recipe = tmp_path / "real" / "recipes" / "dqn_toy.json"
    playfield(
        *("train", recipe, "catch", "--name", "whole", "--frames", 6000, "--episodes", 0, "--threads", 1),
        *("--runs", tmp_path),
    )
    assert outcome(run.parent, run.name) == outcome(tmp_path, "whole")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("study",), "name what to study"),
        (("study", "nothing"), "there is no study 'nothing'.*a new one needs --recipes"),
        (("study", "--recipes", "dqn_toy"), "name what to study"),
        (("study", "--recipes", "dnq", "--games", "catch"), "no recipe 'dnq'; the nearest are: dqn"),
        (("study", "--recipes", "dqn_toy", "--games", "cacth"), "no game 'cacth'"),
        (("study", "--recipes", "dqn_toy", "--games", "catch", "--jobs", "0"), "--jobs must be 1 or more"),
        (("study", "--recipes", "dqn_toy", "--games", "catch", "memory.nstep=1"), "no setting 'memory.nstep'"),
        (("study", "--recipes", "dqn,dqn", "--games", "catch"), "each recipe once"),
        (("study", "--recipes", "dqn_toy", "--games", "catch", "--seeds", "x"), "are no seeds"),
        (("ablate", "dqn_toy"), "name the games"),
        (("ablate", "dqn_toy", "--games", "catch", "--ingredients", "luck"), "no ingredient 'luck'.*it has: n-step"),
    ],
)
def test_a_mistake_gets_one_sentence_and_leaves_nothing(
    arguments: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert playfield(*arguments) == 2
    error = capsys.readouterr().err
    assert re.search(sentence, error, re.IGNORECASE), error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_ablate_trains_the_recipe_and_each_of_its_variants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    children = InProcess().take_over(monkeypatch)
    options = ("--games", "catch", "--seeds", "0", "--frames", 200, "--episodes", 1, "--studies", tmp_path)
    assert playfield("ablate", "dqn_toy", "--ingredients", "n-step,double", *options, *TINY) == 0
    folder = tmp_path / "ablate-dqn_toy-on-catch"
    recipes = {run.name: run.about.recipe for run in map(Run.open, (folder / "runs").iterdir())}
    assert {name: (r["memory"]["n_step"], r["bootstrap"]["type"]) for name, r in recipes.items()} == {
        "dqn_toy-catch-s0": (3, "Double"),
        "no-n-step-catch-s0": (1, "Double"),
        "no-double-catch-s0": (3, "Greedy"),
    }
    assert len(children.jobs) == 3
    printed = capsys.readouterr().out
    assert "one seed of a recipe and game gives no interval" in printed
    assert "- no n-step: dqn_toy memory.n_step=1" in (folder / "results" / "summary.md").read_text()


def test_scores_of_different_rules_are_never_taken_together() -> None:
    found = groups(
        grid(),
        [
            *(result("a", game, seed, 1.0) for game in ("pong", "breakout") for seed in (0, 1)),
            *(result("b", game, seed, 2.0, MACHADO) for game in ("pong", "breakout") for seed in (0, 1)),
            result("a", "catch", 0, 3.0, TOY),
        ],
    )
    told = [(group.normalised, group.games, tuple(group.runs), group.protocol["name"]) for group in found]
    assert told == [
        (True, ("pong", "breakout"), ("a",), "nature"),
        (False, ("pong",), ("a",), "nature"),
        (False, ("breakout",), ("a",), "nature"),
        (True, ("pong", "breakout"), ("b",), "machado"),
        (False, ("pong",), ("b",), "machado"),
        (False, ("breakout",), ("b",), "machado"),
        (False, ("catch",), ("a",), "toy"),
    ]
    notes = " ".join(score_sheet(grid(), found[0]).notes)
    assert "not in this table, for want of runs under this protocol on every game: b" in notes


def test_games_are_taken_together_though_each_has_actions_of_its_own() -> None:
    names = {"pong": ["NOOP", "RIGHT"], "breakout": ["NOOP", "FIRE", "LEFT"]}
    found = groups(
        grid(), [result("a", game, 0, 1.0, {**NATURE, "action_names": names[game]}) for game in ("pong", "breakout")]
    )
    assert [group.games for group in found] == [("pong", "breakout"), ("pong",), ("breakout",)]
    chosen = [{**NATURE, "actions": names[game]} for game in ("pong", "breakout")]
    found = groups(grid(), [result("a", "pong", 0, 1.0, chosen[0]), result("a", "breakout", 0, 1.0, chosen[1])])
    assert [group.games for group in found] == [("pong",), ("breakout",)]


def test_a_table_of_runs_that_never_learnt_says_so() -> None:
    late = grid(variants=(Variant(name="a", recipe=RECIPES["dqn"]),), frames=200_000)
    (found,) = groups(late, [result("a", "pong", 0, 1.0)])
    assert [note for note in score_sheet(late, found).notes if "no results of learning" in note] == [
        "these are no results of learning: dqn learns nothing in 200,000 frames, because it only observes for the "
        "first 200,000: raise --frames, or lower memory.start_frames"
    ]
    assert never_learns(RECIPES["dqn"], 200_001) is None
    assert never_learns(RECIPES["pqn"], 1) is None


def test_games_are_normalised_before_they_are_taken_together() -> None:
    scores = {"pong": (14.6, -20.7), "breakout": (30.5, 1.7)}  # the human and the random score
    found = groups(grid(), [result("a", game, seed, each[seed]) for game, each in scores.items() for seed in (0, 1)])
    np.testing.assert_allclose(found[0].scores("a"), [[1.0, 0.0], [1.0, 0.0]], atol=1e-12)
    assert found[1].scores("a") == [[pytest.approx(14.6), pytest.approx(-20.7)]]
    assert [panel.unit for panel in aggregate_panels(grid(), found)] == ["human-normalised score (1 = human)"]
    (row,) = score_sheet(grid(), found[1]).rows
    assert row[-1] == "50.0%"
    assert improvement_sheet(grid(), found[0]) is None


def test_a_variant_without_a_game_is_left_out_of_the_aggregate_and_named() -> None:
    results = [result(of, game, 0, 1.0) for of, game in (("a", "pong"), ("a", "breakout"), ("b", "pong"))]
    together, pong, _ = groups(grid(), results)
    assert (tuple(together.runs), tuple(pong.runs)) == (("a",), ("a", "b"))
    assert any(note.endswith("on every game: b") for note in score_sheet(grid(), together).notes)
    sheet = improvement_sheet(grid(), pong)
    assert sheet is not None
    assert sheet.rows == (("a", "-", "50%"), ("b", "50%", "-"))


def test_bars_are_drawn_where_the_statistics_put_them() -> None:
    rows = {
        "a": aggregate([[1.0, 2.0, 3.0, 9.0]], np.random.default_rng(0)),
        "b": aggregate([[5.0]], np.random.default_rng(0)),
    }
    figure = aggregate_bars([AggregatePanel(title="catch", unit="points", rows=rows)], "Study s")
    axes = figure.subfigs[0].axes  # type: ignore[attr-defined]
    assert [each.get_title(loc="left") for each in axes] == ["IQM (interquartile mean)", "median", "mean"]
    assert {each.get_xlabel() for each in axes} == {"points"}
    (bar,) = axes[2].patches
    interval = rows["a"].mean.interval
    assert interval is not None
    assert (bar.get_x(), bar.get_x() + bar.get_width()) == (interval.low, pytest.approx(interval.high))
    strokes = [each.get_segments()[0][0][0] for each in axes[2].collections]
    assert strokes == [pytest.approx(3.75), 5.0]
    assert [text.get_text() for text in axes[2].texts][1] == "5  (no interval: one seed)"
    with pytest.raises(ValueError, match="no finished run"):
        aggregate_bars([], "none")


def test_efficiency_curves_are_drawn_as_given() -> None:
    frames = np.array([1e6, 2e6])
    curve = EfficiencyCurve(frames=frames, iqm=np.array([0.0, 4.0]), band=np.array([[0.0, 3.0], [1.0, 5.0]]), runs=5)
    panel = EfficiencyPanel(title="pong", unit="points", curves={"dqn": curve})
    (axes,) = sample_efficiency([panel], "Study s").axes
    (line,) = axes.get_lines()
    np.testing.assert_array_equal(line.get_xydata(), [[1e6, 0.0], [2e6, 4.0]])
    assert line.get_label() == "dqn, 5 runs"
    assert axes.get_xlabel() == "million emulator frames"
    assert len(axes.collections) == 1


def test_more_recipes_than_colours_are_told_apart_by_dashes() -> None:
    frames = np.array([1e6, 2e6])
    curve = EfficiencyCurve(frames=frames, iqm=np.zeros(2), band=None, runs=1)
    panel = EfficiencyPanel(title="pong", unit="points", curves={f"recipe {n}": curve for n in range(25)})
    (axes,) = sample_efficiency([panel], "Study s").axes
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}
    assert len(looks) == 25


def test_the_last_word_of_a_log_and_the_newest_row_of_metrics(tmp_path: Path) -> None:
    assert last_line(tmp_path / "none.log") == "it said nothing"
    (tmp_path / "metrics.jsonl").write_bytes(b'{"frames": 5}\n{"frames": 9, "x": null}\n{"frames": 1')
    assert newest_row(tmp_path) == {"frames": 9, "x": None}
    assert newest_row(tmp_path / "none") == {}
