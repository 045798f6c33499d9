"""SIGKILL at any instant, also while a killed run recovers: nothing acknowledged is lost, and the end is the same."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from cli.runs import outcome, train
from fault.amounts import amount, figure
from fault.victims import RECOVERING, SAVING, Victim, finish, seconds, wait_until

KILLS_A_RUN = 15
SAVING_SECONDS = 0.04
"""About as long as one save takes."""


def test_kills_at_random_instants_lose_nothing(tmp_path: Path) -> None:
    kills, mid_write, runs = 0, 0, 0
    wanted = amount(30, 1_000)
    rng = np.random.default_rng(11)
    whole = None
    while kills < wanted:
        root = tmp_path / str(runs)
        victim = Victim(root=root, recipe="dqn_toy", frames=1_800, save_every_frames=25)
        for attempt in range(KILLS_A_RUN):
            process = victim.start()
            before = victim.acknowledged
            if not wait_until(process, lambda v=victim, b=before: v.acknowledged > b):
                break
            if attempt % 3 == 0:  # biased to its writes: they are a small part of the time
                wait_until(process, lambda v=victim: v.phase == SAVING)
                time.sleep(seconds(rng, SAVING_SECONDS))
            else:
                time.sleep(seconds(rng, 0.25))
            victim.kill(process)
            victim.check()
        finish(victim)
        if whole is None:
            train("dqn_toy", tmp_path, "whole", 1_800, save_every_frames=10_000)
            whole = outcome(tmp_path, "whole")
        assert outcome(root, victim.name) == whole
        kills += len(victim.killed_while)
        mid_write += victim.killed_while.count(SAVING)
        runs += 1
    figure("SIGKILL", kills=kills, runs=runs, lost=0, mid_write=mid_write)
    assert mid_write >= 0.15 * kills


def test_kills_while_a_killed_run_recovers_lose_nothing(tmp_path: Path) -> None:
    kills, recovering, runs = 0, 0, 0
    wanted = amount(10, 300)
    rng = np.random.default_rng(12)
    train("dqn_toy", tmp_path, "whole", 2_000, save_every_frames=10_000)
    whole = outcome(tmp_path, "whole")
    while recovering < wanted:
        root = tmp_path / str(runs)
        victim = Victim(root=root, recipe="dqn_toy", frames=2_000, save_every_frames=25)
        for in_a_row in rng.integers(1, 6, size=4):
            process = victim.start()
            before = victim.acknowledged
            if not wait_until(process, lambda v=victim, b=before: v.acknowledged > b + 2):
                break
            victim.kill(process)
            for _ in range(in_a_row):
                process = victim.start()
                if not wait_until(process, lambda v=victim: v.phase >= RECOVERING):
                    break
                time.sleep(seconds(rng, 0.03))
                victim.kill(process)
                victim.check()
        finish(victim)
        assert outcome(root, victim.name) == whole
        kills += len(victim.killed_while)
        recovering += victim.killed_while.count(RECOVERING)
        runs += 1
    figure("SIGKILL while recovering", kills=kills, recovering=recovering, runs=runs, lost=0)
