"""A run of a game that does not replay says so, and goes on with a new episode."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cli.runs import resume, train
from core.test_cut import Drifting
from playfield.cli.about import Runs
from playfield.games.each import EachGame
from playfield.games.make import make_games


def drifting(name: str, protocol: object, games: int, threads: int = 0) -> EachGame:
    spec = make_games(name, protocol, games).spec  # type: ignore[arg-type]
    return EachGame(replace(spec, replays=False), [Drifting(scale=4) for _ in range(games)])


def test_it_is_said_how_exactly_a_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("playfield.games.supervised.make_games", drifting)
    assert train("dqn", tmp_path, "r", 140) == 0
    assert "resume   exact up to the open episode, which is cut off then: catch does not replay" in (
        capsys.readouterr().out
    )
    assert json.loads((tmp_path / "r" / "run.json").read_text())["resume"] == "exact up to the open episode"
    assert resume(tmp_path, "r", frames=200) == 0
    assert "resume   exact up to the open episode, which was cut off" in capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "200")
    Runs(runs=tmp_path).run()
    assert "catch, seed 0, resume exact up to the open episode" in capsys.readouterr().out


def test_a_run_of_a_game_that_replays_is_exact(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert train("dqn", tmp_path, "r", 20) == 0
    assert json.loads((tmp_path / "r" / "run.json").read_text())["resume"] == "exact"
    assert "exact" not in capsys.readouterr().out
