"""What is shown of a desktop game is learnt from: by the window's own play, and by what another program recorded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from demonstrations.foreign_files import Moment, serpent
from desktop.needs import has_compiler, has_display
from playfield.cli.commands import run_command
from playfield.demonstrations import demonstrations, read_recording
from playfield.games.make import make_games
from playfield.games.protocol import nature
from playfield.storage.run import Run

pytestmark = [has_display, has_compiler]

SMALL = ("torso=Mlp", "torso.hidden=[16]", "head.hidden=16", "memory.capacity=2000", "memory.every_frames=8",
         "imitation.pretrain_updates=3", "imitation.ratio=0.25")  # fmt: skip


def test_a_fixed_share_of_what_is_learnt_from_is_shown_play(tmp_path: Path):
    recorded = ("record", "refgame", "--policy", "random", "--frames", "60", "--name", "shown", "--out", str(tmp_path))
    assert run_command(list(recorded)) == 0
    given = ("--demonstrations", str(tmp_path / "shown"), "--frames", "48", "--episodes", "0", "--threads", "1")
    named = ("--name", "run", "--runs", str(tmp_path))
    assert run_command(["train", "dqfd", "refgame", *SMALL, *given, *named]) == 0
    run = Run.open(tmp_path / "run")
    assert run.about.recipe["imitation"]["ratio"] == 0.25
    tree = run.load().tree
    told = [json.loads(line) for line in (run.path / "events.jsonl").read_text().splitlines()]
    assert [row["phase"] for row in told if row["event"] == "PhaseChanged"] == ["pretraining", "training"]
    assert tree["agent"]["learner"]["updates"] > 3


def test_pictures_of_another_size_become_what_the_agent_sees_of_the_game(tmp_path: Path):
    pytest.importorskip("h5py", reason="recordings in HDF5 need: pip install 'h5py>=3.11,<4'")
    play = [Moment(grey=10 * n, keys=("KEY_LEFT",) if n % 2 else (), reward=float(n)) for n in range(1, 7)]
    path = serpent(tmp_path / "a.h5", play)
    taken = ("demos", "import", str(path), "--game", "refgame", "--name", "mine", "--out", str(tmp_path))
    assert run_command(list(taken)) == 0
    games = make_games("refgame", nature(), 1)
    try:
        rows = demonstrations(read_recording(tmp_path / "mine"), games, 1).rows
    finally:
        games.close()
    frames = rows.columns["frame"][: rows.stop, 0]
    assert frames.shape == (6, 36, 32, 1)
    assert np.array_equal(frames[:, 0, 0, 0].numpy(), [10, 20, 30, 40, 50, 60])
    assert rows.columns["action"][:6, 0].tolist() == [0, 1, 0, 1, 0, 1]
