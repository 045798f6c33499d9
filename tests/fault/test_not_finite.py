"""A loss, a gradient or a weight that is no number: never saved, and the run goes on from before or says why not."""

from __future__ import annotations

import itertools
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cli.runs import outcome, train
from fault.amounts import amount, figure
from playfield.build import build_session
from playfield.cli import training
from playfield.cli.commands import USER_ERROR, run_command
from playfield.cli.training import NotFinite, Training
from playfield.device import Late
from playfield.finite import first_not_finite
from playfield.learner import Learner, Update
from playfield.memory.memory import Memory
from playfield.memory.replay import ReplayMemory
from playfield.session import Session
from playfield.sinks.metrics import read_metrics
from playfield.storage.run import Loaded, Run

FRAMES = 600


def into_weights(learner: Learner, update: Update, value: float) -> Update:
    parameter = next(learner.network.parameters())
    with torch.no_grad():
        parameter.view(-1)[0] = value
    return update


def into_moments(learner: Learner, update: Update, value: float) -> Update:
    moments = next(iter(learner.optimizer.state.values()))
    moments["exp_avg"].view(-1)[0] = value
    return update


def with_number(update: Update, index: int, value: float) -> Update:
    numbers = [update.loss, update.grad_norm, update.mean_q]
    numbers[index] = value
    return replace(update, numbers=Late(torch.tensor(numbers)))


def into_loss(learner: Learner, update: Update, value: float) -> Update:
    return with_number(update, 0, value)


def into_gradient(learner: Learner, update: Update, value: float) -> Update:
    return with_number(update, 1, value)


PLACES: dict[str, Callable[[Learner, Update, float], Update]] = {
    "weight": into_weights,
    "moment": into_moments,
    "loss": into_loss,
    "gradient": into_gradient,
}


Strike = Callable[[Callable[[int], bool], str, float], None]


@pytest.fixture
def strike(monkeypatch: pytest.MonkeyPatch) -> Strike:
    """Let the updates of all sessions be struck whose number, counted over them, is chosen."""
    step = Learner.step

    def begin(chosen: Callable[[int], bool], place: str, value: float) -> None:
        numbers = itertools.count()

        def struck(learner: Learner, *arguments: object) -> Update:
            update = step(learner, *arguments)  # type: ignore[arg-type]
            return PLACES[place](learner, update, value) if chosen(next(numbers)) else update

        monkeypatch.setattr(Learner, "step", struck)

    return begin


def checkpoints_are_finite(run: Run) -> None:
    for manifest in run.checkpoints():
        assert first_not_finite(run.load(manifest.checkpoint).tree["agent"]["learner"]) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("place", PLACES)
def test_what_strikes_once_changes_nothing(
    place: str, value: float, tmp_path: Path, strike: Strike, capsys: pytest.CaptureFixture[str]
) -> None:
    train("dqn_toy", tmp_path, "whole", FRAMES, save_every_frames=100)
    rng = np.random.default_rng(len(place))
    for trial, number in enumerate(rng.integers(0, 60, size=amount(1, 25))):
        name = f"struck-{trial}"
        strike(lambda count, n=number: count == n, place, value)
        assert train("dqn_toy", tmp_path, name, FRAMES, save_every_frames=100) == 0
        run = Run.open(tmp_path / name)
        checkpoints_are_finite(run)
        assert outcome(tmp_path, name) == outcome(tmp_path, "whole")
        assert "goes on from there" in (run.path / "incidents.txt").read_text()
        assert "note: " in capsys.readouterr().out
    figure("not finite, once", place=place, value=str(value), strikes=amount(1, 25), published=0)


@pytest.mark.parametrize("recipe", ["prioritized", "prioritized_rank", "rainbow"])
def test_a_surprise_that_is_no_number_is_gone_back_from(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train(recipe, tmp_path, "whole", FRAMES, save_every_frames=100)
    feedback, numbers = ReplayMemory.feedback, itertools.count()

    def struck(memory: ReplayMemory, key: torch.Tensor, surprise: torch.Tensor) -> None:
        feedback(memory, key, surprise * float("nan") if next(numbers) == 10 else surprise)

    monkeypatch.setattr(ReplayMemory, "feedback", struck)
    assert train(recipe, tmp_path, "struck", FRAMES, save_every_frames=100) == 0
    assert outcome(tmp_path, "struck") == outcome(tmp_path, "whole")
    assert "a surprise became no number" in capsys.readouterr().out


@pytest.mark.parametrize("place", PLACES)
def test_what_strikes_at_the_same_place_again_ends_the_run(place: str, tmp_path: Path, strike: Strike) -> None:
    strike(lambda count: count >= 20, place, float("nan"))
    with pytest.raises(NotFinite, match=r"`playfield resume struck`.*optimizer\.lr"):
        train("dqn_toy", tmp_path, "struck", FRAMES, save_every_frames=100)
    run = Run.open(tmp_path / "struck")
    checkpoints_are_finite(run)
    assert "again" in str(run.gave_up)
    assert run.load().clock_frames > 0


def test_the_same_fault_is_known_again_wherever_a_save_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An infinite second moment never shows in a loss: it stops its weight. Saves go by wall time, and find it."""
    step, saved_at = Learner.step, iter([(340, 390), (400,), (410,), (420,)])

    def struck(learner: Learner, *arguments: Any) -> Update:
        update = step(learner, *arguments)
        if learner.updates == 35:
            next(iter(learner.optimizer.state.values()))["exp_avg_sq"].view(-1)[0] = float("inf")
        return update

    def begun(self: Training) -> None:
        post_init(self)
        dues[self.session] = next(saved_at)

    post_init, dues = Training.__post_init__, dict[Session[Any], tuple[int, ...]]()
    monkeypatch.setattr(training, "LOOKED_AT_EVERY", 30)
    monkeypatch.setattr(Learner, "step", struck)
    monkeypatch.setattr(Training, "__post_init__", begun)
    monkeypatch.setattr(Training, "_save_is_due", lambda self: self.session.clock.frames in dues[self.session])
    with pytest.raises(NotFinite, match="exp_avg_sq"):
        train("dqn_toy", tmp_path, "struck", 700)
    run = Run.open(tmp_path / "struck")
    assert run.load().clock_frames == 340
    assert "again" in str(run.gave_up)
    assert len((run.path / "incidents.txt").read_text().splitlines()) == 1


def test_what_never_shows_in_a_loss_is_found_without_a_save(tmp_path: Path, strike: Strike) -> None:
    def into_second_moment(learner: Learner, update: Update, value: float) -> Update:
        next(iter(learner.optimizer.state.values()))["exp_avg_sq"].view(-1)[0] = value
        return update

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PLACES, "second moment", into_second_moment)
        patch.setattr(training, "LOOKED_AT_EVERY", 30)
        strike(lambda count: count == 10, "second moment", float("inf"))
        train("dqn_toy", tmp_path, "struck", 400, save_every_frames=10_000)
    (incident,) = (tmp_path / "struck" / "incidents.txt").read_text().splitlines()
    found = int(incident.split()[1])
    assert found == 100 + 8 * 30, "where that update is made: 100 frames are observed, and 8 an update"


def test_the_old_memory_is_gone_before_the_new_one_comes(
    tmp_path: Path, strike: Strike, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, memories = Run.load, list[weakref.ref[Memory]]()
    held: list[int] = []

    def built(*arguments: Any, **others: Any) -> Session[Any]:
        session = build_session(*arguments, **others)
        memories.append(weakref.ref(session.agent.memory))
        return session

    def loaded(self: Run, name: str | None = None) -> Loaded:
        held.append(sum(memory() is not None for memory in memories))
        return load(self, name)

    monkeypatch.setattr("playfield.cli.train.build_session", built)
    monkeypatch.setattr(Run, "load", loaded)
    monkeypatch.setattr(training, "LOOKED_AT_EVERY", 30)
    strike(lambda count: count in (20, 60), "weight", float("nan"))
    assert train("dqn_toy", tmp_path, "struck", 700, save_every_frames=100) == 0
    assert len(memories) == 3
    assert held == [0, 0]


def test_time_that_was_spent_stays_spent(tmp_path: Path, strike: Strike, monkeypatch: pytest.MonkeyPatch) -> None:
    monotonic, spent = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + spent[0])

    def an_hour_later(count: int) -> bool:
        spent[0] += 3_600.0 if count == 30 else 0.0
        return count == 30

    strike(an_hour_later, "loss", float("nan"))
    assert train("dqn_toy", tmp_path, "struck", FRAMES, save_every_frames=100) == 0
    elapsed = [float(row["elapsed_seconds"] or 0.0) for row in read_metrics(tmp_path / "struck" / "metrics.jsonl")]
    assert elapsed == sorted(elapsed)
    assert elapsed[-1] > 3_600.0


def test_what_is_no_number_from_the_beginning_ends_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def built(*arguments: Any, **others: Any) -> Session[Any]:
        session = build_session(*arguments, **others)
        into_weights(session.agent.learner, None, float("nan"))  # type: ignore[arg-type]
        return session

    monkeypatch.setattr("playfield.cli.train.build_session", built)
    options = ["--frames", "100", "--episodes", "0", "--runs", str(tmp_path), "--name", "never"]
    assert run_command(["train", "dqn_toy", "catch", *options]) == USER_ERROR
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("playfield: network/")
    assert "became no number at 0 frames, before anything was saved; start a new run" in said
    assert "optimizer.lr" in said
