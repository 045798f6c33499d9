"""A loss, a gradient or a weight that is no number: never saved, and the run goes on from before or says why not."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cli.runs import outcome, train
from fault.amounts import amount, figure
from playfield.cli.training import NotFinite
from playfield.finite import first_not_finite
from playfield.learner import Learner, Update
from playfield.storage.run import Run

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


def into_loss(learner: Learner, update: Update, value: float) -> Update:
    return update._replace(loss=value)


def into_gradient(learner: Learner, update: Update, value: float) -> Update:
    return update._replace(grad_norm=value)


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
    for number in rng.integers(0, 60, size=amount(1, 25)):
        name = f"struck-{number}"
        strike(lambda count, n=number: count == n, place, value)
        assert train("dqn_toy", tmp_path, name, FRAMES, save_every_frames=100) == 0
        run = Run.open(tmp_path / name)
        checkpoints_are_finite(run)
        assert outcome(tmp_path, name) == outcome(tmp_path, "whole")
        assert "goes on from there" in (run.path / "incidents.txt").read_text()
        assert "note: " in capsys.readouterr().out
    figure("not finite, once", place=place, value=str(value), strikes=amount(1, 25), published=0)


@pytest.mark.parametrize("place", PLACES)
def test_what_strikes_at_the_same_place_again_ends_the_run(place: str, tmp_path: Path, strike: Strike) -> None:
    strike(lambda count: count >= 20, place, float("nan"))
    with pytest.raises(NotFinite, match=r"`playfield resume struck`.*optimizer\.lr"):
        train("dqn_toy", tmp_path, "struck", FRAMES, save_every_frames=100)
    run = Run.open(tmp_path / "struck")
    checkpoints_are_finite(run)
    assert "again" in str(run.gave_up)
    assert run.load().clock_frames > 0
