"""A polite end at any instant: saved and gone in time, with the exit code that says so, and not a step is lost."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from cli.runs import outcome, train
from fault.amounts import amount, figure
from fault.victims import ENDED, TRAINING, Victim, finish, seconds, wait_until
from playfield.cli.training import RESUMABLE
from playfield.storage.run import Run

MOST_SECONDS = 10.0
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def by_default(number: signal.Signals) -> int:
    """The exit code of a forked Python that is sent a signal when no training heeds it any more."""
    return 1 if number == signal.SIGINT else -number


def test_signals_at_random_instants_lose_nothing(tmp_path: Path) -> None:
    wanted = amount(10, 500)
    rng = np.random.default_rng(21)
    train("dqn_toy", tmp_path, "whole", 1_800, save_every_frames=10_000)
    whole = outcome(tmp_path, "whole")
    sent, runs, slowest = 0, 0, 0.0
    while sent < wanted:
        victim = Victim(root=tmp_path / str(runs), recipe="dqn_toy", frames=1_800, save_every_frames=10_000)
        for _ in range(10):
            process = victim.start()
            if not wait_until(process, lambda v=victim: v.phase >= TRAINING):
                break
            time.sleep(seconds(rng, 0.3))
            number = SIGNALS[int(rng.integers(3))]
            os.kill(process.pid or 0, number)
            begun = time.monotonic()
            process.join(MOST_SECONDS)
            took = time.monotonic() - begun
            assert process.exitcode is not None, f"not gone after {MOST_SECONDS:g} s"
            if victim.phase == ENDED and process.exitcode in (0, by_default(number)):  # it had come to its end
                assert Run.open(victim.path).load().clock_frames == 1_800
                break
            assert process.exitcode == RESUMABLE
            sent, slowest = sent + 1, max(slowest, took)
            run = Run.open(victim.path)
            assert int(run.load().checkpoint) == victim.acknowledged
        finish(victim)
        assert outcome(tmp_path / str(runs), victim.name) == whole
        runs += 1
    figure("signals", sent=sent, runs=runs, steps_lost=0, slowest_seconds=round(slowest, 2))
