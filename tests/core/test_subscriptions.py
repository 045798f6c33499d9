"""Hooks are called exactly when they say, and change nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from core.tables import clone
from core.test_session import DummyAgent, dummy_session
from core.toys import plain, small_session
from playfield.events import Learned, PhaseChanged, Stepped
from playfield.linear.agent import LinearAgent
from playfield.session import Session
from playfield.storage.run import Run
from playfield.storage.tree import digest
from playfield.subscriptions import Subscriptions, save, subscribed


def taped(calls: list[str], name: str = "") -> Subscriptions:
    """Subscriptions to everything, which write down that they were called."""

    def updates(learned: Iterable[Learned]) -> list[int]:
        return [one.updates for one in learned]

    return Subscriptions(
        before_observe=lambda d, s: calls.append(f"{name}before observe {d.action.tolist()} {s.frame.flat[0]:.0f}"),
        after_observe=lambda d, s: calls.append(f"{name}after observe {d.action.tolist()} {s.frame.flat[0]:.0f}"),
        before_update=lambda clock, due: calls.append(f"{name}before {due} updates at {clock.frames}"),
        after_update=lambda clock, done: calls.append(f"{name}after updates {updates(done)} at {clock.frames}"),
        before_save=lambda clock: calls.append(f"{name}before save at {clock.frames}"),
        after_save=lambda saved: calls.append(f"{name}after save {saved.checkpoint} at {saved.clock.frames}"),
    )


class Foretelling(DummyAgent):
    """Knows what it will learn."""

    def due_updates(self, clock: object) -> int:
        return 0 if clock.frames < 8 else 2  # type: ignore[attr-defined]


def foretelling(calls: list[str]) -> Session:
    session = dummy_session(calls)
    session.agent = Foretelling(calls)
    return session


class Kept:
    """Takes checkpoints, and writes down that it did."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    def save(self, tree: object, clock_frames: int, score: float | None = None) -> str:
        self.calls.append(f"save at {clock_frames}")
        return "00000001"


def test_the_order_of_calls_with_hooks():
    calls: list[str] = []
    session = subscribed(foretelling(calls), taped(calls))
    for event in session.play(20):
        calls.append(type(event).__name__)
        if isinstance(event, Stepped) and event.clock.steps == 2:
            save(session, Kept(calls))
    assert calls == [
        "PhaseChanged",
        "begin",
        "before observe [0, 0] 0",
        "observe [0, 0] 0",
        "after observe [0, 0] 0",
        "act on 0 at 0",
        "send [1, 0]",
        "learn at 0",
        "recv",
        "before observe [1, 0] 1",
        "observe [1, 0] 1",
        "after observe [1, 0] 1",
        "Stepped",
        "PhaseChanged",
        "act on 1 at 8",
        "send [2, 0]",
        "before 2 updates at 8",
        "learn at 8",
        "after updates [1, 2] at 8",
        "recv",
        "before observe [2, 0] 2",
        "observe [2, 0] 2",
        "after observe [2, 0] 2",
        "Learned",
        "Learned",
        "EpisodeEnded",
        "Stepped",
        "before save at 16",
        "save at 16",
        "after save 00000001 at 16",
        "act on 2 at 16",
        "send [0, 0]",
        "before 2 updates at 16",
        "learn at 16",
        "after updates [1, 2] at 16",
        "recv",
        "before observe [0, 0] 3",
        "observe [0, 0] 3",
        "after observe [0, 0] 3",
        "Learned",
        "Learned",
        "EpisodeEnded",
        "Stepped",
    ]


def test_who_subscribes_first_is_called_first():
    calls: list[str] = []
    session = subscribed(subscribed(foretelling(calls), taped(calls, "1 ")), taped(calls, "2 "))
    for event in session.play(16):
        if isinstance(event, Stepped) and event.clock.steps == 2:
            save(session, Kept(calls))
    ordered = [call for call in calls if call[0] in "12"]
    assert len(ordered) == 20, "three rows observed, two updates at once, one save: before and after, by two"
    assert [call[2:] for call in ordered[::2]] == [call[2:] for call in ordered[1::2]]
    assert {call[0] for call in ordered[::2]} == {"1"}


@pytest.mark.parametrize("name", ["dqn_toy", "dqn", "pong_laptop"])
def test_hooks_are_told_of_every_update_before_it_and_change_nothing(name: str):
    calls: list[str] = []
    plainly, watched = small_session(name), subscribed(small_session(name), taped(calls))
    expected = [plain(event) for event in plainly.play(130)]
    told: list[object] = []
    made = []
    for event in watched.play(130):
        told.append(plain(event))
        if isinstance(event, Learned):
            made.append((event.clock.frames, event.updates))
    assert told == expected
    assert digest(watched.state()) == digest(plainly.state())
    assert made
    after = [call for call in calls if call.startswith("after updates")]
    before = [call for call in calls if call.startswith("before") and "updates" in call]
    grouped: dict[int, list[int]] = {}
    for frames, number in made:
        grouped.setdefault(frames, []).append(number)
    assert after == [f"after updates {numbers} at {frames}" for frames, numbers in grouped.items()]
    assert before == [f"before {len(numbers)} updates at {frames}" for frames, numbers in grouped.items()]


def test_a_state_moves_between_sessions_with_and_without_hooks():
    whole, cut, resumed = small_session("dqn_toy"), small_session("dqn_toy"), small_session("dqn_toy", seed=5)
    subscribed(cut, Subscriptions(after_observe=lambda d, s: None))
    list(whole.play(120))
    list(cut.play(60))
    resumed.load(clone(cut.state()))
    list(resumed.play(120))
    assert digest(resumed.state()) == digest(whole.state())


def test_every_update_of_pretraining_is_announced_alone():
    class Pretrained(Foretelling):
        pretraining_updates = 2

        def pretrain(self, clock: object) -> list[Learned]:
            self.pretraining_updates -= 1
            calls.append("pretrain")
            return []

    calls: list[str] = []
    session = dummy_session(calls)
    session.agent = Pretrained(calls)
    phases = [event.phase for event in subscribed(session, taped(calls)).play(8) if isinstance(event, PhaseChanged)]
    assert phases[0] == "pretraining"
    assert calls[:7] == ["before 1 updates at 0", "pretrain", "after updates [] at 0"] * 2 + ["begin"]


def test_an_exception_in_a_hook_ends_the_play():
    def refuse(*_: object) -> None:
        raise RuntimeError("the game could not be paused")

    with pytest.raises(RuntimeError, match="could not be paused"):
        list(subscribed(small_session("dqn_toy"), Subscriptions(before_update=refuse)).play(400))


def test_a_run_is_saved_between_its_hooks(tmp_path: Path):
    run = Run.create(tmp_path, "r", recipe={}, protocol={}, game="catch", seed=0, fingerprint={})
    calls: list[str] = []

    def count(what: str) -> None:
        calls.append(f"{what}: {len(run.checkpoints())} checkpoints")

    hooks = Subscriptions(before_save=lambda clock: count("before"), after_save=lambda saved: count(saved.checkpoint))
    session = subscribed(small_session("dqn_toy"), hooks)
    list(session.play(20))
    with run.writing():
        save(session, run)
    assert calls == ["before: 0 checkpoints", "00000001: 1 checkpoints"]
    assert run.load().clock_frames == 20


def test_updates_of_a_linear_learner_are_part_of_observing():
    session = dummy_session([])
    session.agent = LinearAgent.__new__(LinearAgent)  # one that was built would have to be compiled
    for again in (session, subscribed(session, Subscriptions(before_observe=lambda d, s: None))):
        with pytest.raises(ValueError, match="learns while it observes: subscribe to before_observe"):
            subscribed(again, Subscriptions(after_update=lambda clock, learned: None))
