"""Metrics rows fall on exact frames, and every field is the quantity its name says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from playfield.sinks.metrics import Metrics, read_metrics
from playfield.sinks.recent import Begin, RecentScores
from playfield.types import Clock

from .stories import Bytes, Now, ended, evaluation, feed, learned, observing, stepped, training


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
            "frames_per_second": 10.0,
            "elapsed_seconds": 6.0,
        },
    ]


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
