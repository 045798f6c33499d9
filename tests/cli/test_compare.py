"""`compare`: own runs once for each seed, beside published scores of the same protocol and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from playfield.cli.commands import run_command
from playfield.cli.compare import comparison, evaluated_once, median_sheet, over_seeds, own_sheet, published_sheet
from playfield.events import Evaluated, Tape
from playfield.games.protocol import machado, nature
from playfield.recipes import RECIPES
from playfield.score import iqm, median_curves
from playfield.settings import to_plain
from playfield.sinks.compare_plots import _with_letter, compare_plot
from playfield.sinks.evaluations import add_evaluation
from playfield.storage.run import Run
from playfield.types import Clock

NATURE = nature().plain()
STICKY = machado(full_action_set=False).plain()


def made(
    root: Path,
    name: str,
    scores: tuple[float, ...] = (18.0, 20.0),
    *,
    seed: int = 0,
    game: str = "pong",
    protocol: Mapping[str, object] = NATURE,
    created: str = "2026-01-01T00:00:00+00:00",
    frames: int = 5_000_000,
    mine: float | None = None,
) -> Run:
    """A run with an evaluation and forty training episodes, none of which was ever played."""
    recipe = RECIPES["dqn"].but(protocol=machado(full_action_set=False) if protocol == STICKY else nature())
    recipe = recipe if mine is None else recipe.but(name="mine", eval_epsilon=mine)
    run = Run.create(
        root, name, recipe=to_plain(recipe), protocol=dict(protocol), game=game, seed=seed, fingerprint={}, plan={}
    )
    about = replace(run.about, created=created)
    run = Run(run.path, about)
    with Run(run.path, about, ("rewritten",)).writing():
        pass
    events = [{"event": "EpisodeEnded", "clock": {"frames": n * frames // 40}, "score": n / 2} for n in range(1, 41)]
    (run.path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    evaluated = Evaluated(
        clock=Clock(frames=frames),
        game=game,
        protocol=dict(protocol),
        policy="greedy, epsilon 0.05",
        seed=1,
        scores=scores,
        frames=(4,) * len(scores),
        best=Tape(seed=1, actions=b""),
    )
    add_evaluation(run.path / "results" / "evaluations.jsonl", evaluated)
    return Run.open(run.path)


def compare(root: Path, *names: str) -> int:
    return run_command(["compare", *names, "--runs", str(root)])


def test_two_runs_of_one_seed_count_once_and_the_newer_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path, "old", (1.0, 1.0), created="2026-01-01T00:00:00+00:00")
    made(tmp_path, "new", (9.0, 11.0), created="2026-02-01T00:00:00+00:00")
    made(tmp_path, "other", (19.0, 21.0), seed=3)
    assert compare(tmp_path, "new", "old", "other", "new") == 0
    printed = capsys.readouterr().out
    assert "old is left out for the newer new" in printed
    assert printed.count("left out") == 1, "a run named twice is one run, and nothing to tell"
    (row,) = [re.split(r"\s*│\s*", line) for line in printed.splitlines() if line.startswith("│ dqn ")]
    assert row[2:4] == ["0, 3", "4"]
    assert "15.00" in row
    assert "1.00" not in row


def test_recipes_of_ones_own_with_one_name_and_other_settings_are_not_taken_together(tmp_path: Path) -> None:
    runs = [made(tmp_path, "first", mine=0.01), made(tmp_path, "second", mine=0.02)]
    evaluations, sentences = evaluated_once(runs)
    assert sentences == []
    assert sorted(each.recipe for each in evaluations) == ["mine (first)", "mine (second)"]


def test_the_interval_of_seeds_is_over_their_means_and_of_one_seed_over_its_games(tmp_path: Path) -> None:
    runs = [made(tmp_path, f"s{seed}", (seed - 50.0, seed + 50.0), seed=seed) for seed in range(5)]
    evaluations, _ = evaluated_once(runs)
    several = over_seeds(evaluations)
    assert several.value == float(iqm(np.arange(5.0)))
    assert several.interval is not None
    assert 0.0 <= several.interval.low < several.interval.high <= 4.0
    alone = over_seeds(evaluations[:1])
    assert alone.interval is not None
    assert (alone.interval.low, alone.interval.high) == (-50.0, 50.0)
    assert "says nothing about other seeds" in own_sheet(evaluations[:1]).notes[0]


def test_published_scores_of_the_same_family_stand_beside_and_others_only_if_asked(tmp_path: Path) -> None:
    group, _ = evaluated_once([made(tmp_path, "no_sticky")])
    sheet = published_sheet(group, others=False)
    assert sheet.about.startswith("family: no-op evaluation")
    assert sheet.rows
    assert not any("sticky 0.25" in cell for row in sheet.rows for cell in row)
    assert "sticky training" in sheet.notes[-1]
    labelled = [row for row in published_sheet(group, others=True).rows if row not in sheet.rows]
    assert labelled
    assert all(row[3].startswith("NOT COMPARABLE, another protocol: ") for row in labelled)


def test_runs_under_different_rules_stand_in_different_tables_and_that_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path, "plain")
    made(tmp_path, "sticky", protocol=STICKY)
    assert compare(tmp_path, "plain", "sticky") == 0
    printed = capsys.readouterr().out
    assert re.search(r"plain and sticky play pong under different rules and are not compared: .*sticky|repeat", printed)
    assert "repeat_action_probability 0 against 0.25" in printed
    assert printed.count("\npong\n") == 2
    for name in ("plain", "sticky"):
        with Image.open(tmp_path / name / "results" / "comparison.png") as image:
            assert image.format == "PNG"


def test_several_games_have_a_median_beside_the_published_ones(tmp_path: Path) -> None:
    # Pong 21 points above chance of 35.3, Breakout 14.4 above of 28.8: 59 % and 50 %; the median of two is between.
    runs = [made(tmp_path, "pong", (0.3, 0.3)), made(tmp_path, "breakout", (16.1, 16.1), game="breakout")]
    evaluations, _ = evaluated_once(runs)
    sheet = median_sheet([evaluations[:1], evaluations[1:]])
    assert sheet.rows[0] == ("own dqn", "2", f"{(21 / 35.3 + 14.4 / 28.8) / 2:.1%}", "5M")
    published = {row[0]: row for row in sheet.rows[1:]}
    assert len(published) == 7
    assert published["DQN Zoo DQN"][1:] == ("57", f"{dqn_zoo_dqn_at(5_000_000):.1%}", "5M")
    assert sheet.notes == ("NOT COMPARABLE: over 2 games here and 57 there",)
    assert median_sheet([evaluations[:1]]).rows == (), "the median of one game says nothing new"


def dqn_zoo_dqn_at(frames: int) -> float:
    return next(row.median for row in median_curves() if row.algorithm == "DQN Zoo DQN" and row.frames == frames)


def test_the_picture_holds_own_runs_and_published_curves_of_their_families(tmp_path: Path) -> None:
    group, _ = evaluated_once([made(tmp_path, "sticky", protocol=STICKY)])
    shown = comparison(group, others=False)
    assert {line.family for line in shown.published} == {"sticky evaluation", "sticky training"}
    assert all(line.comparable for line in shown.published)
    (btr,) = [line for line in shown.published if line.name == "BTR"]
    assert btr.points[0] == (5_000_000, -14.72)
    axes = compare_plot(shown).axes[0]
    (drawn,) = [line for line in axes.get_lines() if str(line.get_label()).startswith("BTR")]
    np.testing.assert_allclose(drawn.get_xydata()[0], [5e6, -14.72])
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks == ["0", "1.25M", "2.5M", "3.75M", "5M", "10M", "100M", "200M"]
    assert any(str(line.get_label()).startswith("own dqn protocol.life_loss") for line in axes.get_lines())
    assert not any("NOT COMPARABLE" in str(line.get_label()) for line in axes.get_lines())
    labels = [str(line.get_label()) for line in axes.get_lines()]
    assert sum("(sticky training)" in label for label in labels) == 9, "eight lines, and how many more there are"
    rest = [line for line in comparison(group, others=True).published if not line.comparable]
    assert {line.family for line in rest} >= {"no-op evaluation", "human-start evaluation"}


def test_a_game_that_nobody_published_says_so(tmp_path: Path) -> None:
    toy = {"name": "toy", "frame_skip": 1, "repeat_action_probability": 0.0}
    group, _ = evaluated_once([made(tmp_path, "toy", game="catch", protocol=toy)])
    sheet = published_sheet(group, others=False)
    assert (sheet.rows, sheet.notes) == ((), ("No published scores of catch are known to Playfield.",))
    assert own_sheet(group).rows[0][-1] == "-"


def test_different_lengths_are_told(tmp_path: Path) -> None:
    runs = [made(tmp_path, "short", frames=1_000_000), made(tmp_path, "long", seed=1, frames=9_000_000)]
    group, _ = evaluated_once(runs)
    assert own_sheet(group).rows[0][3] == "1M to 9M"
    assert any("different numbers of frames" in note for note in own_sheet(group).notes)


def test_runs_that_were_never_evaluated_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = made(tmp_path, "fresh")
    (run.path / "results" / "evaluations.jsonl").unlink()
    assert compare(tmp_path, "fresh") == 2
    told = capsys.readouterr()
    assert "fresh was not evaluated yet" in told.out
    assert "nothing to compare" in told.err


@pytest.mark.parametrize(
    ("frames", "text"),
    [(0, "0"), (500, "500"), (999.4, "999"), (999.7, "1k"), (20_000, "20k"), (999_700, "1M"), (2.5e6, "2.5M"),
     (2e8, "200M"), (1e10, "10000M")],
)  # fmt: skip
def test_frames_beside_an_axis_are_rounded_before_they_get_their_letter(frames: float, text: str):
    assert _with_letter(frames) == text
