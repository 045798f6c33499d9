"""Training as a command: what is recorded is what was played, what ends it, and what it can do without."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from cli.runs import SCALE, outcome, train
from playfield.build import build_session
from playfield.cli import train as train_module
from playfield.cli.commands import run_command
from playfield.games.games import Games
from playfield.games.make import make_games
from playfield.games.supervised import supervised_games
from playfield.recipes import ALL_RECIPES, RECIPES
from playfield.sinks.evaluations import read_evaluations
from scaled import overrides as scaled_down

SHORT = ("protocol.frame_size=[42, 42]", "protocol.max_frames=60")
PLAYED = [
    ("pong", SHORT, "nature: frame skip 4, no sticky actions, up to 30 no-ops"),
    (
        "pong",
        (*SHORT, "protocol.frame_skip=5", "protocol.repeat_action_probability=0.25", "protocol.name=mine"),
        "mine: frame skip 5, sticky actions 0.25, up to 30 no-ops",
    ),
    ("catch", (), "toy: frame skip 1, no sticky actions"),
    ("gym:CartPole-v1", (), "gymnasium: frame skip 1, no sticky actions"),
]


def test_the_record_of_a_run_names_the_game_that_was_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """D2-B4, D2-B5: one process, several games; each run and each of its scores carry the rules of their own game."""
    opened: list[Games] = []

    def spy(*arguments: object) -> Games:
        opened.append(supervised_games(*arguments))  # type: ignore[arg-type]
        return opened[-1]

    monkeypatch.setattr(train_module, "supervised_games", spy)
    small = scaled_down(RECIPES["dqn"], SCALE)
    for number, (game, overrides, printed) in enumerate(PLAYED):
        name, common = f"run{number}", ("--frames", "40", "--episodes", "1", "--threads", "1", "--runs", str(tmp_path))
        assert run_command(["train", "dqn", game, *small, *overrides, "--name", name, *common]) == 0
        record = json.loads((tmp_path / name / "run.json").read_text())
        played = opened[-1].spec
        assert len(opened) == number + 1
        assert (record["game"], played.name) == (game, game)
        assert record["protocol"] == json.loads(json.dumps(played.protocol))
        (evaluated,) = read_evaluations(tmp_path / name / "results" / "evaluations.jsonl")
        assert (evaluated.game, evaluated.protocol) == (game, record["protocol"])
        assert printed in capsys.readouterr().out


def test_the_seed_of_the_command_decides_the_run(tmp_path: Path) -> None:
    """D2-B7: another seed is another run from its first episode on; the same seed is the same run to the last bit."""
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        train("dqn_toy", tmp_path, name, 300, seed=seed)
    assert outcome(tmp_path, "again") == outcome(tmp_path, "one")
    seeds = {
        name: {json.loads(line)["tape"]["seed"] for line in _episodes(tmp_path / name)} for name in ("one", "other")
    }
    assert len(seeds["one"]) > 3
    assert not seeds["one"] & seeds["other"]


def _episodes(path: Path) -> list[str]:
    return [line for line in (path / "events.jsonl").read_text().splitlines() if '"EpisodeEnded"' in line]


def test_minutes_end_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """D0-B5, D4-B10: a clock that moves a second at every look ends a run that would go on for ever."""
    seconds = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: float(next(seconds)))
    monkeypatch.setattr("playfield.cli.training.time", clock)
    train("dqn_toy", tmp_path, "run", 10**9, minutes=1.0)
    assert "minutes are over" in capsys.readouterr().out
    assert 30 <= next(seconds) < 80
    assert 0 < outcome(tmp_path, "run").frames < 200


def test_a_recipe_may_say_at_which_score_it_is_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """D2-38: the lesson's R*, over so many complete episodes."""
    assert (RECIPES["pong_lesson"].until_score, RECIPES["pong_lesson"].over_episodes) == (18.0, 100)
    train("dqn_toy", tmp_path, "run", 100_000, extra=("until_score=-5.0", "over_episodes=3"))
    assert "the last 3 episodes scored" in capsys.readouterr().out
    train("dqn_toy", tmp_path, "other", 300, extra=("until_score=-5.0",), until_score=100.0)
    assert "300 frames are played" in capsys.readouterr().out


ABSENT = ("IPython", "ipykernel", "google.colab", "redis", "h5py", "tkinter", "pygame", "tensorboard")
ALONE = f"""
import sys
for name in {ABSENT}:
    sys.modules[name] = None  # importing it fails
from playfield.cli.commands import run_command
sys.exit(run_command(sys.argv[1:]))
"""


def test_training_needs_no_display_notebook_or_service(tmp_path: Path) -> None:
    """D1-B11: the whole command, from the first step to the film, in a process that has none of them."""
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")}
    command = ["train", "dqn_toy", "catch", "--name", "run", "--frames", "300", "--episodes", "2", "--threads", "1"]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *command], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "mean score" in done.stdout
    results = {path.name for path in (tmp_path / "runs" / "run" / "results").iterdir()}
    assert results == {"evaluations.jsonl", "learning_curve.png", "best_game.mp4"}


def test_the_size_of_the_network_is_told() -> None:
    """D2-50: the number that the lesson's own summary printed."""
    lesson = RECIPES["pong_lesson"].with_overrides(["memory.stack=1"])
    games = make_games("pong", lesson.protocol, 1)
    agent = build_session(lesson, games, 0).agent
    games.close()
    assert train_module.size_text(agent) == "network  1,679,523 parameters in 10 tensors"


def test_a_reward_that_the_returns_cannot_hold_ends_a_training_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [*scaled_down(RECIPES["c51"], SCALE), "memory.reward_clip=none", "memory.reward_scale=20"]
    command = ["train", "c51", "catch", *settings, "--name", "one", "--frames", "400", "--runs", str(tmp_path)]
    assert run_command([*command, "--threads", "1"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "which returns from -10 to 10 cannot hold: set memory.reward_clip=1" in error
    assert run_command(["resume", "one", "--runs", str(tmp_path)]) == 2, "its last checkpoint is there and in order"


@pytest.mark.parametrize(
    ("recipe", "game", "threads"),
    [("dqn", "pong", 4), ("pong_laptop", "pong", 3), ("dqn_desktop", "refgame", 3), ("sarsa", "refgame", 1)],
)
def test_a_core_is_left_to_what_runs_beside_the_network(
    recipe: str, game: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr("playfield.cli.train.cores", lambda: 4)
    try:
        train_module.set_threads(None, ALL_RECIPES[recipe], game)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
