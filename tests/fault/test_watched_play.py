"""Games that go wrong where nothing is learnt: in evaluations, films and recordings."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fault.games import AT, DONE
from fault.test_game_faults import OVERRIDES, impatient  # noqa: F401 (a fixture)
from playfield.agent import RandomPolicy
from playfield.cli.look import Evaluate, Video
from playfield.cli.record import Record
from playfield.cli.train import Train
from playfield.demonstrations import read_recording
from playfield.evaluate import EvaluationPlan, evaluate
from playfield.events import Evaluated, Tape
from playfield.games import supervised_films
from playfield.games.each import Lost
from playfield.games.films import NoFilm, Shot, film
from playfield.games.games import Games
from playfield.games.make import make_games
from playfield.games.process import WatchedProcess
from playfield.games.protocol import AtariProtocol, nature
from playfield.games.supervised import SupervisedGames, supervised_games
from playfield.games.supervised_films import supervised_film
from playfield.types import Clock

FAULTS = ("kill", "raise", "exit", "hang", "reward")
NEVER = str(10**9)


def game_of(fault: str) -> str:
    return f"gym:fault.games:Faulty-{fault}-v0"


def trained(fault: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in which nothing went wrong so far."""
    monkeypatch.setenv(AT, NEVER)
    run = Train("dqn_classic", game_of(fault), OVERRIDES, name="r", frames=60, episodes=0, threads=1, runs=root)
    assert run.run() == 0


def goes_wrong(at: int, done: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on: at that step of every process, or only of the first where there is a file to say that it did."""
    monkeypatch.setenv(AT, str(at))
    monkeypatch.delenv(DONE, raising=False)
    if done is not None:
        monkeypatch.setenv(DONE, str(done))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("impatient")
def test_a_game_that_is_lost_in_an_evaluation_has_no_score(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(fault, tmp_path, monkeypatch)
    goes_wrong(20, tmp_path / "done", monkeypatch)
    assert Evaluate("r", episodes=6, runs=tmp_path).run() == 0
    said = capsys.readouterr()
    assert said.err.count("was lost at") == 6, "those that are played side by side"
    (told,) = (tmp_path / "r" / "results" / "evaluations.jsonl").read_text().splitlines()
    assert json.loads(told)["scores"] == [30.0] * 6
    assert (tmp_path / "r" / "results" / "best_game.mp4").is_file()


@pytest.mark.usefixtures("impatient")
def test_an_evaluation_of_a_game_that_always_fails_ends_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained("exit", tmp_path, monkeypatch)
    goes_wrong(20, None, monkeypatch)
    with pytest.raises(
        Lost, match="was lost 4 times within a minute, at last because its process ended with exit code 1"
    ):
        Evaluate("r", episodes=3, runs=tmp_path).run()


def scores(games: Games, protocol: AtariProtocol) -> Evaluated:
    policy = RandomPolicy(len(games.spec.actions), np.random.default_rng(7))
    *_, last = evaluate(policy, games, EvaluationPlan(episodes=5, seed=3, policy_name="any", clock=Clock()))
    games.close()
    assert isinstance(last, Evaluated)
    return last


@pytest.mark.parametrize("game", ["pong", "gym:CartPole-v1"])
def test_scores_are_those_of_games_played_here(game: str) -> None:
    protocol = nature(max_frames=2_000)
    there = supervised_games(game, protocol, 2)
    assert isinstance(there, SupervisedGames)
    assert scores(there, protocol) == scores(make_games(game, protocol, 2), protocol)


def test_a_recording_goes_on_after_a_lost_game(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    send, sent = SupervisedGames.send, 0

    def killed(games: SupervisedGames, action: np.ndarray) -> None:
        nonlocal sent
        sent += 1
        if sent == 15:
            os.kill(games.process, signal.SIGKILL)
        send(games, action)

    monkeypatch.setattr(SupervisedGames, "send", killed)
    record = Record("gym:CartPole-v1", policy="random", episodes=4, name="kept", out=tmp_path)
    assert record.run() == 0
    episodes = read_recording(tmp_path / "kept").episodes
    assert len(episodes) == 4
    assert sum(episode.lost for episode in episodes) == 1
    assert all(episode.score == len(episode.actions) for episode in episodes)


@pytest.mark.parametrize("game", ["pong", "gym:CartPole-v1"])
def test_films_made_elsewhere_are_the_same_films(game: str) -> None:
    tape = Tape(seed=11, actions=bytes([1, 0, 1, 1, 0] * 3))
    there, here = supervised_film(game, nature(), tape), film(game, nature(), tape)
    assert there.frames_per_second == here.frames_per_second
    pairs = list(zip(there.shots, here.shots, strict=True))
    assert len(pairs) > len(tape.actions)
    for one, other in pairs:
        np.testing.assert_array_equal(one.picture, other.picture)
        assert (one.reward, one.action, one.over, one.truncated) == other[1:5]


REASONS = {
    "kill": "it cannot be filmed: its process was ended by SIGKILL",
    "raise": "it cannot be filmed: it raised RuntimeError: the game is broken",
    "exit": "it cannot be filmed: its process ended with exit code 1",
    "hang": "it cannot be filmed: it did not answer within 1 s",
}


@pytest.mark.parametrize("fault", REASONS)
@pytest.mark.usefixtures("impatient")
def test_a_game_that_goes_wrong_in_its_film_ends_the_film(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_wrong(12, None, monkeypatch)
    begun = processes(monkeypatch)
    made = supervised_film(game_of(fault), nature(), Tape(seed=1, actions=bytes(20)))
    shots: list[Shot] = []
    with pytest.raises(NoFilm, match=REASONS[fault].removeprefix("it ")):
        shots.extend(taken(made.shots, shots))
    assert [shot.picture[0, 0, 0] for shot in shots] == list(range(12)), "what came before was shown"
    assert not Path(f"/proc/{begun[0].number}").exists()


def taken(shots: Iterator[Shot], into: list[Shot]) -> list[Shot]:
    for shot in shots:
        into.append(shot)
    return []


def processes(monkeypatch: pytest.MonkeyPatch) -> list[WatchedProcess]:
    """Those that are begun to make films, from now on."""
    begun: list[WatchedProcess] = []

    class Kept(WatchedProcess):
        def __init__(self, *asked: object) -> None:
            super().__init__(*asked)  # type: ignore[arg-type]
            begun.append(self)

    monkeypatch.setattr(supervised_films, "WatchedProcess", Kept)
    return begun


def test_a_film_that_is_not_watched_to_its_end_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = processes(monkeypatch)
    tape = Tape(seed=11, actions=bytes(200))
    made = supervised_film("pong", nature(), tape)
    next(made.shots)
    del made
    supervised_film("pong", nature(), tape)  # not looked at at all
    assert len(begun) == 2
    assert not [process for process in begun if Path(f"/proc/{process.number}").exists()]


@pytest.mark.usefixtures("impatient")
def test_a_film_that_cannot_be_made_costs_the_film_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained("hang", tmp_path, monkeypatch)
    assert Evaluate("r", episodes=1, runs=tmp_path).run() == 0
    goes_wrong(12, None, monkeypatch)
    with pytest.raises(NoFilm, match="Faulty-hang-v0 cannot be filmed: it did not answer within 1 s"):
        Video("r", out=tmp_path / "it.mp4", runs=tmp_path).run()
    assert not (tmp_path / "it.mp4").exists()


def test_a_tape_that_does_not_fit_is_refused_as_here() -> None:
    with pytest.raises(NoFilm, match="there is no action 7; the game has only 2"):
        list(supervised_film("gym:CartPole-v1", nature(), Tape(seed=1, actions=bytes([7]))).shots)
