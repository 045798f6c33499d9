"""Metrics rows fall on exact frames, and every field is the quantity its name says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from playfield.events import Diagnostics
from playfield.sinks.metrics import Metrics, read_metrics
from playfield.sinks.overestimation import LearntReward
from playfield.sinks.recent import Begin, RecentScores
from playfield.types import Clock

from .stories import Bytes, Now, ended, evaluation, feed, learned, observing, stepped, training

UNKNOWN = dict.fromkeys(
    (
        "grad_norm_clipped",
        "clipped_targets",
        "dormant_units",
        "policy_churn",
        "effective_sample_size",
        "priority_age",
        "replay_ratio",
        "q_overestimation",
        "discounted_return",
    )
)
"""What metrics say of diagnostics that nobody made."""


def rows(file: Bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in bytes(file).splitlines()]


def test_one_row_at_every_multiple_of_the_interval():
    file = Bytes()
    feed(Metrics(file, every_frames=20), [stepped(frames) for frames in range(4, 101, 4)])
    assert [row["frames"] for row in rows(file)] == [20, 40, 60, 80, 100]


def test_a_row_falls_on_the_first_step_past_a_multiple_and_multiples_stay_where_they_are():
    file = Bytes()
    feed(Metrics(file, every_frames=20), [stepped(frames) for frames in range(12, 121, 12)])
    assert [row["frames"] for row in rows(file)] == [24, 48, 60, 84, 108, 120]


def test_every_field_is_what_its_name_says():
    file, now = Bytes(), Now()
    sink = Metrics(file, every_frames=40, now=now)
    story = [observing(0, 8), stepped(8), training(8), learned(8, 1, 1.0, epsilon=0.5), learned(8, 2, 3.0, epsilon=0.4)]
    feed(sink, [*story, ended(12, -21.0, 1), stepped(12), ended(36, -18.0, 2), stepped(36)])
    now.seconds += 2.0
    feed(sink, [stepped(40), learned(40, 3, 8.0, epsilon=0.3)])
    now.seconds += 4.0
    feed(sink, [stepped(80)])
    assert rows(file) == [
        {
            "frames": 40,
            "steps": 10,
            "episodes": 2,
            "updates": 2,
            "score_mean_last_30": -19.5,
            "score_count": 2,
            "loss": 2.0,
            "grad_norm": 4.0,
            "mean_q": -2.0,
            "epsilon": 0.4,
            **UNKNOWN,
            "frames_per_second": 20.0,
            "elapsed_seconds": 2.0,
        },
        {
            "frames": 80,
            "steps": 20,
            "episodes": 2,
            "updates": 3,
            "score_mean_last_30": -19.5,
            "score_count": 2,
            "loss": 8.0,
            "grad_norm": 16.0,
            "mean_q": -8.0,
            "epsilon": 0.3,
            **UNKNOWN,
            "frames_per_second": 10.0,
            "elapsed_seconds": 6.0,
        },
    ]


def test_diagnostics_are_means_over_the_updates_that_have_them():
    file = Bytes()
    seen = [
        Diagnostics(samples=8, clipped_grad_norm=1.0, clipped_targets=0.5, dormant_units=0.25, priority_age=10.0),
        Diagnostics(samples=8, clipped_grad_norm=3.0, clipped_targets=0.0),
        Diagnostics(samples=4, clipped_grad_norm=2.0, clipped_targets=0.1, dormant_units=0.75, policy_churn=0.125),
    ]
    updates = [replace(learned(4, n, 1.0), diagnostics=one) for n, one in enumerate(seen, start=1)]
    feed(Metrics(file, every_frames=20), [*updates, *[stepped(frames) for frames in range(4, 41, 4)]])
    first, second = rows(file)
    assert {name: first[name] for name in UNKNOWN} == {
        "grad_norm_clipped": 2.0,
        "clipped_targets": pytest.approx(0.2),
        "dormant_units": 0.5,
        "policy_churn": 0.125,
        "effective_sample_size": None,
        "priority_age": 10.0,
        "replay_ratio": 20 / 5,  # samples of three updates, decisions of five steps of one game
        "q_overestimation": None,
        "discounted_return": None,
    }
    assert {name: second[name] for name in UNKNOWN} == UNKNOWN


def test_neither_observed_steps_nor_ignored_actions_enter_the_replay_ratio():
    file = Bytes()
    update = replace(learned(24, 1, 1.0), diagnostics=Diagnostics(samples=6, clipped_grad_norm=1.0))
    begins = stepped(32)
    begins = replace(begins, step=replace(begins.step, first=np.ones(1, bool)))
    observed = [observing(0, 24), *[stepped(frames) for frames in range(4, 25, 4)], training(24)]
    feed(Metrics(file, every_frames=40), [*observed, update, stepped(28), begins, stepped(36), stepped(40)])
    assert [row["replay_ratio"] for row in rows(file)] == [2.0]


def test_overestimation_is_of_the_episodes_that_ended_since_the_row_before():
    file = Bytes()
    learnt = LearntReward(discount=0.5)
    values = [0.0, 3.0, 1.0, 0.0, 4.0, 0.0]
    firsts = [True, False, False, True, False, True]
    steps = [
        replace(event, value=np.array([value], np.float32), step=replace(event.step, first=np.array([first])))
        for event, value, first in zip([stepped(f) for f in range(4, 25, 4)], values, firsts, strict=True)
    ]
    feed(Metrics(file, every_frames=8, learnt=learnt), [learned(4, 1, 1.0), *steps])
    # nothing is ever won: expected 3 and 1 in the episode that was over at frame 16, 4 in that of frame 24
    assert [row["q_overestimation"] for row in rows(file)] == [None, 2.0, 4.0]
    assert [row["discounted_return"] for row in rows(file)] == [None, 0.0, 0.0]


def test_what_else_is_told_at_a_row_stands_in_it():
    file, told = Bytes(), iter([{"late_worst_ms": 3.0}, {}])
    feed(Metrics(file, every_frames=20, pace=lambda: next(told)), [stepped(frames) for frames in range(4, 41, 4)])
    assert [row.get("late_worst_ms") for row in rows(file)] == [3.0, None]


def test_before_the_first_update_and_episode_the_fields_are_empty_not_zero():
    file = Bytes()
    feed(Metrics(file, every_frames=4), [stepped(4)])
    (row,) = rows(file)
    assert [row[name] for name in ("score_mean_last_30", "loss", "grad_norm", "mean_q", "epsilon")] == [None] * 5


def test_evaluations_enter_neither_the_score_nor_the_clock():
    file = Bytes()
    sink = Metrics(file, every_frames=20)
    feed(sink, [ended(8, 3.0), stepped(8), *evaluation(8, [21.0, 21.0]), stepped(12), ended(20, 5.0, 2), stepped(20)])
    assert [(row["frames"], row["episodes"], row["score_mean_last_30"]) for row in rows(file)] == [(20, 2, 4.0)]


def test_a_resumed_run_writes_the_rows_of_an_uninterrupted_one():
    story = [event for n in range(1, 101) for event in (ended(4 * n, float(n % 37), n), stepped(4 * n))]
    whole, first, second = Bytes(), Bytes(), Bytes()
    feed(Metrics(whole, every_frames=40, now=lambda: 0.0), story)
    feed(Metrics(first, every_frames=40, now=lambda: 0.0), story[:120])
    begin = Begin(clock=Clock(frames=240, steps=60, episodes=60), scores=tuple(float(n % 37) for n in range(31, 61)))
    feed(Metrics(second, every_frames=40, begin=begin, now=lambda: 0.0), story[120:])
    assert bytes(first) + bytes(second) == bytes(whole)


def test_the_running_mean_is_over_exactly_the_last_30_episodes():
    recent = RecentScores()
    feed(recent.take, [ended(4 * n, float(n), n) for n in range(1, 30)])
    assert (recent.count, recent.mean) == (29, 15.0)
    feed(recent.take, [ended(200, 1000.0, 30), ended(204, 31.0, 31)])
    assert (recent.count, recent.episodes) == (30, 31)
    assert recent.mean == pytest.approx((sum(range(2, 30)) + 1000 + 31) / 30)


def test_reading_gives_back_the_rows_and_leaves_out_a_line_cut_short(tmp_path: Path):
    file = Bytes()
    feed(Metrics(file, every_frames=4, now=lambda: 0.0), [stepped(4), learned(4, 1, float("nan")), stepped(8)])
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(bytes(file) + b'{"frames": 12, "st')
    found = read_metrics(path)
    assert [row["frames"] for row in found] == [4, 8]
    assert found[1]["loss"] is None  # what is not finite has no word in JSON


def test_a_broken_line_is_named(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"frames": 4}\nnonsense\n')
    with pytest.raises(ValueError, match=r"metrics\.jsonl, line 2: not JSON"):
        read_metrics(path)


def test_an_interval_below_a_frame_is_refused():
    with pytest.raises(ValueError, match="at least 1 frame, not 0"):
        Metrics(Bytes(), every_frames=0)


def test_a_lost_game_is_counted_and_has_no_score():
    recent = RecentScores((1.0, 3.0), episodes=4, lost=2)
    recent.take(replace(ended(40, 100.0, 5), lost=True))
    recent.take(ended(44, 5.0, 6))
    assert (recent.episodes, recent.lost, recent.count, recent.mean) == (6, 3, 3, 3.0)
