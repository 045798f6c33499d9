"""Agents learn a game through its window: keys by XTEST in, pixels and digits out, a clock of ours in between."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from cli.runs import in_child, outcome
from desktop.needs import has_compiler, has_display
from playfield.cli.commands import run_command
from playfield.cli.train import Resume, Train
from playfield.demonstrations import read_recording
from playfield.games.desktop.game_file import shipped_games
from playfield.games.desktop.refgame import BALLS
from playfield.storage.run import Run

pytestmark = [has_display, has_compiler]

SMALL = ("memory.capacity=400", "memory.start_frames=60", "memory.every_frames=8", "explore.epsilon.over_frames=300")


def evaluated(run: Path) -> dict[str, object]:
    return json.loads((run / "results" / "evaluations.jsonl").read_text().splitlines()[-1])


def test_nine_of_ten_balls_are_caught(tmp_path: Path):
    arguments = ("train", "dqn_desktop", "refgame", "--episodes", "10", "--threads", "1", "--name", "r")
    assert run_command([*arguments, "--runs", str(tmp_path)]) == 0
    scores = evaluated(tmp_path / "r")["scores"]
    assert isinstance(scores, list)
    assert len(scores) == 10
    assert sum(scores) / len(scores) >= 0.9 * BALLS
    assert (tmp_path / "r" / "results" / "best_game.mp4").stat().st_size > 10_000
    # What was learnt can be shown to another agent.
    recorded = (
        "record",
        "refgame",
        "--policy",
        "r",
        "--episodes",
        "2",
        "--runs",
        str(tmp_path),
        "--out",
        str(tmp_path),
    )
    assert run_command([*recorded, "--name", "shown"]) == 0
    shown = read_recording(tmp_path / "shown")
    assert min(episode.score for episode in shown.episodes) > BALLS / 2
    learns = ("train", "dqfd", "refgame", "--demonstrations", str(tmp_path / "shown"), "torso=Mlp", "head.hidden=16")
    few = ("memory.start_frames=400", "memory.capacity=1000", "imitation.pretrain_updates=20", "--frames", "40")
    assert run_command([*learns, *few, "--episodes", "0", "--name", "d", "--runs", str(tmp_path)]) == 0


def trained(root: Path, name: str, save_every: int) -> int:
    command = Train(
        recipe="dqn_desktop", game="refgame", overrides=SMALL, name=name, frames=700, episodes=0, threads=1,
        save_every_frames=save_every, runs=root,
    )  # fmt: skip
    return command.run()


def resumed(root: Path) -> int:
    return Resume(name="killed", threads=1, runs=root).run()


def test_a_killed_run_goes_on_in_the_middle_of_its_games(tmp_path: Path):
    assert trained(tmp_path, "whole", 10_000) == 0
    code = in_child(trained, tmp_path, "killed", 90, kill_at="00000002", path=tmp_path / "killed")
    assert code == -signal.SIGKILL, "no kill hit the run: the test showed nothing"
    assert resumed(tmp_path) == 0
    assert outcome(tmp_path, "killed") == outcome(tmp_path, "whole")


def test_the_source_agent_observes_trains_and_is_evaluated_on_a_window(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """With its own torso and frames of 100x100, which its layers need: 100 to observe, of which 60 were shown."""
    game = tmp_path / "mine.toml"
    game.write_text(shipped_games()["refgame"].read_text().replace("size = [36, 32]", "size = [100, 100]"))
    runs, out = ("--runs", str(tmp_path)), ("--out", str(tmp_path))
    assert run_command(["record", str(game), "--policy", "random", "--frames", "60", "--name", "shown", *out]) == 0
    small = ("head.hidden=16", "memory.start_frames=100", "memory.capacity=300", "memory.batch=8")
    options = ("--threads", "1", "--lines", "serpent")
    begins = ("--frames", "60", "--episodes", "0", "--name", "s", "--demonstrations", str(tmp_path / "shown"))
    assert run_command(["train", "serpent_rainbow", str(game), *small, *options, *begins, *runs]) == 0
    assert run_command(["resume", "s", "--frames", "80", "--episodes", "1", *options, *runs]) == 0

    said = capsys.readouterr()
    told = [line for line in said.out.splitlines() if line.startswith(("Observing", "Training", "Evaluating"))]
    assert told == ["Observing - 40 Steps Remaining", "Training", "Training", "Evaluating"]
    assert "phase observing, 40 frames (40 steps) remain | " in said.err
    assert "phase training, 20 frames (20 steps) remain | frames 40 of 60 | " in said.err
    assert "phase training, 20 frames (20 steps) remain | frames 60 of 80 | " in said.err
    assert "phase evaluating, 1 of 1 games remain | trained for 80 frames | " in said.err
    events = [json.loads(line) for line in (tmp_path / "s" / "events.jsonl").read_text().splitlines()]
    phases = [(e["phase"], e["clock"]["frames"], e["remaining_frames"]) for e in events if e["event"] == "PhaseChanged"]
    assert phases == [("observing", 0, 40), ("training", 40, None)]
    assert evaluated(tmp_path / "s")["policy"] == "greedy, epsilon 0"
    assert evaluated(tmp_path / "s")["clock"] == {"frames": 80, "steps": 80, "episodes": 0}
    # One for every fourth frame of training; that of the last is made with the next one.
    assert Run.open(tmp_path / "s").load().tree["agent"]["learner"]["updates"] == 9
    assert (tmp_path / "s" / "results" / "best_game.mp4").stat().st_size > 5_000


def test_what_was_shown_of_a_window_counts_as_observed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """D0-27, D0-34: 60 frames are to be observed and 40 were shown, so 20 remain, of two games a frame each."""
    shown = ("--frames", "40", "--out", str(tmp_path), "--name", "shown")
    assert run_command(["record", "refgame", "--policy", "random", *shown]) == 0
    small = ("torso=Mlp", "torso.hidden=[16]", "head.hidden=16", "memory.start_frames=60", "memory.capacity=300")
    options = ("--frames", "30", "--episodes", "0", "--threads", "1", "--name", "s", "--lines", "serpent")
    from_shown = ("--demonstrations", str(tmp_path / "shown"), "--runs", str(tmp_path))
    assert run_command(["train", "dqn_desktop", "refgame", *small, *options, *from_shown]) == 0
    said = capsys.readouterr()
    printed = [line for line in said.out.splitlines() if line.startswith(("shown ", "Observing", "Training"))]
    assert printed[0].startswith("shown    1 episodes, 40 frames, from ")
    assert printed[1:] == ["Observing - 10 Steps Remaining", "Training"]
    assert "phase observing, 20 frames (10 steps) remain | " in said.err
    assert "phase training, 10 frames (5 steps) remain | " in said.err
