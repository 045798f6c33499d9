"""TensorBoard scalars are the points at their frames, and sessions of a run are one run there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from playfield.sinks.tensorboard import TensorBoard
from playfield.sinks.tracker import TrackedRun
from playfield.sinks.tracking import Ledger, Tracking

from .stories import Now, ended, evaluation, feed, learned


def scalars(directory: Path) -> dict[str, list[tuple[int, float]]]:
    event_file_loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(directory.iterdir()):
        for event in event_file_loader.EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, float(value.tensor.float_val[0])))
    return found


def run(folder: Path) -> TrackedRun:
    return TrackedRun(name="r", id="0" * 32, folder=folder)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scalars_equal_the_events(tmp_path: Path):
    ledger = Ledger(tmp_path / "tracking.json")
    for session in (
        [learned(8, 1, 0.75), learned(12, 2, 0.5, epsilon=0.25), ended(16, -20.0, 1)],
        [ended(16, -20.0, 1), ended(20, -18.0, 2), *evaluation(20, [3.0, 6.0])],  # what came after the checkpoint again
    ):
        sink = Tracking("tensorboard", TensorBoard(run(tmp_path)), ledger, every_updates=2, now=Now())
        feed(sink, session)
        sink.close()
    assert scalars(tmp_path / "tensorboard") == {
        "learning/loss": [(12, 0.5)],
        "learning/grad_norm": [(12, 1.0)],
        "learning/mean_q": [(12, -0.5)],
        "learning/epsilon": [(12, 0.25)],
        "episode/score": [(16, -20.0), (20, -18.0)],
        "episode/frames": [(16, 12.0), (20, 12.0)],
        "episode/score_mean_last_30": [(16, -20.0), (20, -19.0)],
        "evaluation/score_mean": [(20, 4.5)],
    }


def test_without_the_package_the_command_that_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
    with pytest.raises(ModuleNotFoundError, match=r"-m pip install 'tensorboard>=2.18,<3'$"):
        TensorBoard(run(tmp_path))
