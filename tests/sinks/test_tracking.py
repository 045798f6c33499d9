"""A tracker is told every number once, at its own frames, also after a crash; and no service can end a training."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from playfield.events import Saved, Stopped
from playfield.sinks.recent import Begin
from playfield.sinks.tracker import Point, Value, by_frames, flat
from playfield.sinks.tracking import TELL_SECONDS, Ledger, Tracking
from playfield.types import Clock

from .stories import Now, ended, evaluation, feed, learned, observing, stepped, training


class Told:
    """A service that remembers what it is told, and may fail."""

    known_as = "theirs-1"

    def __init__(self, fails: str = "") -> None:
        self.calls: list[object] = []
        self.points: list[Point] = []
        self.fails = fails

    def _take(self, what: str, *about: object) -> None:
        if what == self.fails:
            raise ConnectionResetError("the line\nis dead")
        self.calls.append((what, *about))

    def hyperparameters(self, values: Mapping[str, Value]) -> None:
        self._take("hyperparameters", dict(values))

    def metrics(self, points: Sequence[Point]) -> None:
        self._take("metrics", len(points))
        self.points += points

    def text(self, key: str, text: str) -> None:
        self._take("text", key, text)

    def artifact(self, path: Path) -> None:
        self._take("artifact", path.name)

    def close(self) -> None:
        self._take("close")


def tracking(tracker: Told, folder: Path, **options: object) -> Tracking:
    options = {"every_updates": 2, "now": Now(), **options}
    return Tracking("mlflow", tracker, Ledger(folder / "tracking.json"), **options)  # type: ignore[arg-type]


def test_a_lost_game_has_no_score(tmp_path: Path):
    service = Told()
    sink = tracking(service, tmp_path)
    feed(sink, [training(0), ended(8, -20.0, 1), replace(ended(20, 5.0, 2), lost=True)])
    sink.close()
    assert [point for point in service.points if point.frames == 20] == [
        ("episode/frames", 12.0, 20), ("episode/score_mean_last_30", -20.0, 20),
    ]  # fmt: skip


def test_points_are_the_events_numbers_at_the_events_frames(tmp_path: Path):
    service, now = Told(), Now()
    sink = tracking(service, tmp_path, now=now)
    feed(sink, [training(0), learned(8, 1, 0.75), ended(8, -20.0, 1)])
    now.seconds += 4.0
    feed(sink, [learned(16, 2, 0.5, epsilon=0.25), ended(20, -18.0, 2)])
    feed(sink, evaluation(20, [3.0, 6.0]))
    sink.close()
    assert service.points == [
        ("episode/score", -20.0, 8),
        ("episode/frames", 12.0, 8),
        ("episode/score_mean_last_30", -20.0, 8),
        ("learning/loss", 0.5, 16),
        ("learning/grad_norm", 1.0, 16),
        ("learning/mean_q", -0.5, 16),
        ("learning/epsilon", 0.25, 16),
        ("speed/frames_per_second", 4.0, 16),  # 16 frames in 4 s
        ("episode/score", -18.0, 20),
        ("episode/frames", 12.0, 20),
        ("episode/score_mean_last_30", -19.0, 20),
        ("evaluation/score_mean", 4.5, 20),
    ]


def test_the_order_of_what_a_service_is_told(tmp_path: Path):
    service, now = Told(), Now()
    sink = tracking(service, tmp_path, now=now)
    sink.hyperparameters({"seed": 3})
    feed(sink, [observing(0, 8), ended(8, 1.0), stepped(8), training(8)])
    now.seconds += TELL_SECONDS
    feed(sink, [ended(12, 2.0, 2), stepped(12), Saved(clock=Clock(frames=12), checkpoint="1"), ended(16, 3.0, 3)])
    feed(sink, [Stopped(clock=Clock(frames=16), reason="all frames are played"), *evaluation(16, [4.0])])
    sink.artifact(tmp_path / "best_game.mp4")
    sink.close()
    assert service.calls == [
        ("hyperparameters", {"seed": 3}),
        ("text", "phase", "observing"),
        ("text", "phase", "training"),
        ("metrics", 6),  # both episodes, once the seconds are over, at the end of a step
        ("text", "stopped", "all frames are played"),
        ("text", "phase", "evaluating"),
        ("metrics", 4),
        ("artifact", "best_game.mp4"),
        ("close",),
    ]


STORY = [e for n in range(1, 41) for e in (learned(4 * n - 4, n, n / 8), ended(4 * n, float(n % 7), n), stepped(4 * n))]


def untimed(points: Sequence[Point]) -> list[Point]:
    return [point for point in points if not point.key.startswith("speed")]


@pytest.mark.parametrize("killed", [0, 7, 31, 60, 90])
def test_what_was_told_before_a_crash_is_not_told_again_after_it(killed: int, tmp_path: Path):
    whole = Told()
    sink = tracking(whole, tmp_path / "elsewhere") if (tmp_path / "elsewhere").mkdir() is None else None
    assert sink is not None
    feed(sink, STORY)
    sink.close()
    first, second, now = Told(), Told(), Now()
    sink = tracking(first, tmp_path, now=now)
    for number, event in enumerate(STORY[: killed + 1]):
        now.seconds += 1.0 + TELL_SECONDS * (number % 9 == 8)
        sink(event)
    # Killed there: it goes on from the checkpoint at frame 20, before which 5 episodes had ended.
    scores = tuple(float(n % 7) for n in range(1, 6))
    begin = Begin(clock=Clock(frames=20, steps=5, episodes=5), scores=scores, updates=5)
    sink = tracking(second, tmp_path, begin=begin)
    feed(sink, STORY[15:])
    sink.close()
    before = [p for p in untimed(whole.points) if p.frames <= 20 and p not in untimed(second.points)]
    assert set(untimed(first.points)) | set(untimed(second.points)) | set(before) == set(untimed(whole.points))
    twice = set(untimed(first.points)) & set(untimed(second.points))
    told_at = [point.frames for point in first.points]
    last = [p for p in untimed(first.points) if p.frames > (told_at[-1] if told_at else 0) - 48]
    assert twice <= set(last), "at most what was under way when it was killed comes twice"


def test_a_session_that_was_closed_leaves_nothing_to_be_told_twice(tmp_path: Path):
    first, second = Told(), Told()
    sink = tracking(first, tmp_path)
    feed(sink, STORY[:60])
    sink.close()
    begin = Begin(clock=Clock(frames=80, steps=20, episodes=20))
    sink = tracking(second, tmp_path, begin=begin)
    feed(sink, STORY[60:])
    sink.close()
    keys = [(point.key, point.frames) for point in untimed([*first.points, *second.points])]
    assert len(keys) == len(set(keys)) == 40 * 3 + 20 * 4
    assert Ledger(tmp_path / "tracking.json").known_as("mlflow") == "theirs-1"


@pytest.mark.parametrize("what", ["hyperparameters", "metrics", "text", "artifact", "close"])
def test_a_service_that_fails_is_told_nothing_more_and_ends_nothing(what: str, tmp_path: Path):
    service = Told(fails=what)
    said: list[str] = []
    sink = tracking(service, tmp_path, say=said.append)
    sink.hyperparameters({"seed": 3})
    feed(sink, [ended(8, 1.0), *evaluation(8, [1.0]), training(8), ended(12, 1.0, 2), *evaluation(12, [1.0])])
    sink.artifact(tmp_path / "best_game.mp4")
    sink.close()
    (sentence,) = said
    assert sentence.startswith("note: mlflow is told nothing more in this session (the line is dead); metrics.jsonl")
    told = Ledger(tmp_path / "tracking.json").told("mlflow")
    assert told == {key: frames for key, _, frames in service.points} if what == "close" else told.keys() <= {
        point.key for point in service.points
    }  # fmt: skip


def test_a_damaged_ledger_is_named_with_what_to_do(tmp_path: Path):
    (tmp_path / "tracking.json").write_text('{"wandb": {"known_as": "x"}}')
    with pytest.raises(ValueError, match=r"tracking\.json is damaged .*; move it away to begin new tracked runs"):
        Ledger(tmp_path / "tracking.json")


def test_the_ledger_holds_names_and_frames_and_nothing_else(tmp_path: Path):
    sink = tracking(Told(), tmp_path)
    feed(sink, [ended(8, 1.0)])
    sink.close()
    told = {"episode/score": 8, "episode/frames": 8, "episode/score_mean_last_30": 8}
    assert json.loads((tmp_path / "tracking.json").read_text()) == {"mlflow": {"known_as": "theirs-1", "told": told}}
    assert [path.name for path in tmp_path.iterdir()] == ["tracking.json"], "no half-written copy is left"


def test_rows_hold_each_key_once_and_one_clock():
    points = [Point("a", 1.0, 4), Point("b", 2.0, 4), Point("a", 3.0, 4), Point("a", 4.0, 8)]
    assert list(by_frames(points)) == [(4, {"a": 1.0, "b": 2.0}), (4, {"a": 3.0}), (8, {"a": 4.0})]


def test_nested_settings_become_dotted_ones():
    assert flat({"seed": 1, "recipe": {"torso": {"hidden": [16, 8]}, "score": None}}) == {
        "seed": 1,
        "recipe.torso.hidden": "[16, 8]",
        "recipe.score": None,
    }


def test_what_a_service_knows_is_written_when_the_disk_is_free_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "tracking.json")
    ledger.note("mlflow", "theirs-1", {"points": 1})
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        ledger.note("mlflow", "theirs-1", {"points": 2})
    assert ledger.told("mlflow") == {"points": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["tracking.json"]
    ledger.note("mlflow", "theirs-1", {"points": 2})
    assert Ledger(tmp_path / "tracking.json").told("mlflow") == {"points": 2}


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
