"""The event log holds what happened, in order, without wall time and without tapes; evaluations are kept whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from playfield.events import Evaluated, Saved, Stopped
from playfield.sinks.evaluations import add_evaluation, read_evaluations
from playfield.sinks.eventlog import EventLog, read_events
from playfield.types import Clock

from .stories import NATURE, Bytes, ended, evaluation, feed, learned, observing, stepped

STORY = [
    observing(0, 100),
    stepped(4),
    learned(4, 1, 0.5),
    ended(12, -21.0),
    *evaluation(12, [3.0, 5.0]),
    Saved(clock=Clock(frames=12), checkpoint="000012"),
    Stopped(clock=Clock(frames=12), reason="score reached", details={"score": 18.5, "episodes": 30}),
]


def test_events_come_back_as_plain_values(tmp_path: Path):
    file = Bytes()
    feed(EventLog(file), STORY)
    (tmp_path / "events.jsonl").write_bytes(file)
    rows = read_events(tmp_path / "events.jsonl")
    assert [row["event"] for row in rows] == [
        "PhaseChanged",
        "EpisodeEnded",
        "PhaseChanged",
        "EpisodeEnded",
        "EpisodeEnded",
        "Evaluated",
        "Saved",
        "Stopped",
    ]
    assert rows[0] == {
        "event": "PhaseChanged",
        "clock": {"frames": 0, "steps": 0, "episodes": 0},
        "phase": "observing",
        "remaining_frames": 100,
    }
    assert rows[1] == {
        "event": "EpisodeEnded",
        "clock": {"frames": 12, "steps": 3, "episodes": 1},
        "game": 0,
        "episode": 1,
        "score": -21.0,
        "life_scores": [-21.0],
        "frames": 12,
        "truncated": False,
        "tape": {"seed": 2**63 + 1, "steps": 3},
        "lost": False,
    }
    assert (rows[5]["scores"], rows[5]["frames"], rows[5]["clock"]["frames"]) == ([3.0, 5.0], [12, 12], 12)
    assert (rows[5]["protocol"], rows[5]["best"]) == (NATURE, {"seed": 77, "steps": 2})
    assert (rows[6]["checkpoint"], rows[7]["details"]) == ("000012", {"score": 18.5, "episodes": 30})


def test_the_same_events_are_the_same_bytes():
    once, again = Bytes(), Bytes()
    feed(EventLog(once), STORY)
    feed(EventLog(again), STORY)
    assert once == again


def test_evaluations_come_back_whole_with_the_tape_of_the_best_game(tmp_path: Path):
    path = tmp_path / "results" / "evaluations.jsonl"
    assert read_evaluations(path) == []
    done = [event for event in STORY if isinstance(event, Evaluated)]
    for event in [*done, *done]:
        add_evaluation(path, event)
    assert read_evaluations(path) == [*done, *done]


def test_what_is_no_evaluation_is_named(tmp_path: Path):
    (tmp_path / "evaluations.jsonl").write_text('{"event": "Evaluated"}\n')
    with pytest.raises(ValueError, match=r"evaluations\.jsonl is damaged"):
        read_evaluations(tmp_path / "evaluations.jsonl")
