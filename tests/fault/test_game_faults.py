"""Games that die, hang, raise or say nonsense: found in time, begun anew, their episode cut, and all else goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cli.runs import outcome
from fault.amounts import amount, figure
from fault.games import AT, DONE, FAULTS
from fault.test_signals import MOST_SECONDS
from playfield.cli.train import Resume, Train
from playfield.cli.training import RESUMABLE, Training
from playfield.games import supervised
from playfield.games.each import Lost
from playfield.games.games import Games
from playfield.games.make import make_games
from playfield.games.protocol import AtariProtocol
from playfield.games.supervised import SupervisedGames, supervised_games
from playfield.storage.run import Run
from playfield.types import Step

REASONS = {
    "kill": "its process was ended by SIGKILL",
    "stop": "it did not answer within 1 s",
    "raise": "it raised RuntimeError: the game is broken",
    "exit": "its process ended with exit code 1",
    "hang": "it did not answer within 1 s",
    "observation": "it returned observations that are no numbers",
    "infinite": "it returned observations that are no numbers",
    "reward": "it returned rewards that are no numbers",
    "shape": "it raised ValueError: cannot reshape array of size 4 into shape (3,)",
    "slow": "it did not answer within 1 s",
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "STEP_SECONDS", {"atari": 1.0, "gymnasium": 1.0})
    monkeypatch.setattr(supervised, "RESTART_SECONDS", 0.0)


OVERRIDES = ("memory.start_frames=40", "memory.capacity=300", "memory.batch=8", "torso.hidden=[8]")


def command(fault: str, root: Path, name: str, frames: int, games: int = 2) -> Train:
    return Train(
        recipe="dqn_classic", game=f"gym:fault.games:Faulty-{fault}-v0", overrides=(*OVERRIDES, f"games={games}"),
        name=name, frames=frames, episodes=0, threads=1, runs=root,
    )  # fmt: skip


def told(path: Path, kind: str) -> list[dict]:
    lines = [json.loads(line) for line in (path / "events.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == kind]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_one_episode_and_training_goes_on(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, impatient: None, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(len(fault))
    for number in range(amount(2, 100)):
        at = int(rng.integers(25, 85))
        monkeypatch.setenv(AT, str(at))
        monkeypatch.setenv(DONE, str(tmp_path / f"done-{number}"))
        path = tmp_path / f"run-{number}"
        assert command(fault, tmp_path, path.name, 260).run() == 0
        lost = told(path, "GameLost")
        assert [event["game"] for event in lost] == [0, 1]
        assert {event["reason"] for event in lost} == {REASONS[fault]}
        cut = [event for event in told(path, "EpisodeEnded") if event["truncated"]]
        assert {event["clock"]["frames"] for event in cut} == {lost[0]["clock"]["frames"]} or not cut
        for event in cut:
            assert event["score"] == event["frames"] < 30
        assert Run.open(path).load().clock_frames == 260
        assert "was lost at" in capsys.readouterr().err
    figure("game faults", kind=fault, injected=amount(2, 100), found=amount(2, 100))


def test_a_run_that_lost_a_game_resumes_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    monkeypatch.setenv(AT, "40")
    monkeypatch.setenv(DONE, str(tmp_path / "done-whole"))
    assert command("kill", tmp_path, "whole", 260).run() == 0
    monkeypatch.setenv(DONE, str(tmp_path / "done-halves"))
    with monkeypatch.context() as patch:
        reached = Training.reached
        patch.setattr(Training, "reached", lambda self, asked: "lost" if self.losses._at else reached(self, asked))
        assert command("kill", tmp_path, "halves", 260).run() == 0
    # Stopped in the very row in which the games were lost: nothing of them is to be played again.
    assert all(Run.open(tmp_path / "halves").load().tree["tape"]["open"][game].get("cut") for game in (0, 1))
    assert Resume("halves", frames=260, threads=1, runs=tmp_path).run() == 0
    assert outcome(tmp_path, "halves") == outcome(tmp_path, "whole")


def test_a_process_of_many_games_is_lost_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, impatient: None) -> None:
    """Its games are lost together: that is one loss of the three in a minute that a run survives."""
    monkeypatch.setenv(AT, "40")
    monkeypatch.setenv(DONE, str(tmp_path / "done"))
    assert command("kill", tmp_path, "many", 800, games=8).run() == 0
    assert len(told(tmp_path / "many", "GameLost")) == 8
    assert (tmp_path / "many" / "incidents.txt").read_text().count("a game was lost") == 1


def test_what_lies_in_the_working_folder_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("numpy", "json", "gymnasium"):
        (tmp_path / f"{name}.py").write_text("open('canary', 'w')")
    monkeypatch.chdir(tmp_path)
    play(supervised_games("gym:CartPole-v1", AtariProtocol(), 1), 3)
    assert not (tmp_path / "canary").exists()


def test_no_process_is_left_behind(tmp_path: Path) -> None:
    games = SupervisedGames("gym:CartPole-v1", AtariProtocol(), 1, 1, 5.0)
    number = games.process
    games.close()
    assert not Path(f"/proc/{number}").exists()
    reader, writer = os.pipe()
    player = "import os,sys,time; from playfield.games.supervised import SupervisedGames as S; "
    player += "from playfield.games.protocol import AtariProtocol as P; "
    player += (
        "g = S('gym:CartPole-v1', P(), 1, 1, 5.0); os.write(int(sys.argv[1]), str(g.process).encode()); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", player, str(writer)], pass_fds=(writer,)) as process:
        number = int(os.read(reader, 20))
        process.kill()
    deadline = time.monotonic() + 30.0
    while Path(f"/proc/{number}/cmdline").exists() and Path(f"/proc/{number}/cmdline").read_bytes():
        assert time.monotonic() < deadline, "the process of the games lives on"
        time.sleep(0.05)
    os.close(reader)
    os.close(writer)


def test_a_game_of_ten_thousand_numbers_is_played() -> None:
    games = supervised_games("gym:fault.games:Wide-v0", AtariProtocol(), 1)
    assert games.spec.frame_shape == (10_000,)
    assert len(play(games, 2)) == 3


def test_a_game_that_always_fails_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, impatient: None, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(AT, "20")
    monkeypatch.delenv(DONE, raising=False)
    assert command("exit", tmp_path, "broken", 5_000).run() == RESUMABLE
    said = capsys.readouterr().out
    assert "times within a minute" in said
    assert "exit code 1" in said
    assert "resume broken" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_does_not_wait_for_a_game_that_hangs(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the 30 s that a Gymnasium game has, a stop takes away what the promise of 10 s does not leave."""
    for trial in range(amount(1, 20)):
        done, name = tmp_path / f"done-{trial}", f"run-{trial}"
        monkeypatch.setenv(AT, "60")
        monkeypatch.setenv(DONE, str(done))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        asked = ["train", "dqn_classic", "gym:fault.games:Faulty-hang-v0", *OVERRIDES, "games=2", "--frames", "260"]
        asked += ["--episodes", "0", "--threads", "1", "--name", name, "--runs", str(tmp_path)]
        with subprocess.Popen([sys.executable, "-m", "playfield", *asked], env=environment) as process:
            until(done.exists)
            process.send_signal(number)
            assert process.wait(MOST_SECONDS) == RESUMABLE, f"not gone {MOST_SECONDS:g} s after {number.name}"
        lost = told(tmp_path / name, "GameLost")
        assert {event["reason"] for event in lost} == {"it did not answer in the 3 s after a stop was asked for"}
        assert Run.open(tmp_path / name).load().clock_frames == lost[0]["clock"]["frames"], "saved where it stopped"
        assert Resume(name, threads=1, runs=tmp_path).run() == 0
        assert Run.open(tmp_path / name).load().clock_frames == 260
    figure("stops while a game hangs", sent=amount(1, 20), signal=number.name)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60.0
    while not true():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.02)


def play(games: Games, steps: int, harm: Callable[[int], None] = lambda number: None) -> list[Step]:
    seeds, actions = np.random.default_rng(3), np.random.default_rng(4)
    told = [games.begin(seeds)]
    for number in range(steps):
        games.send(actions.integers(0, len(games.spec.actions), games.spec.games))
        harm(number)
        told.append(games.recv())
    games.close()
    return told


def same(a: Step, b: Step) -> bool:
    parts = ("frame", "reward", "discount", "first", "last", "frames", "seed")
    return all(np.array_equal(getattr(a, part), getattr(b, part)) for part in parts)


@pytest.mark.parametrize(("game", "games"), [("pong", 2), ("gym:CartPole-v1", 3), ("gym:FrozenLake-v1", 1)])
def test_games_elsewhere_are_the_same_games(game: str, games: int) -> None:
    protocol = AtariProtocol()
    there, here = supervised_games(game, protocol, games), make_games(game, protocol, games)
    assert isinstance(there, SupervisedGames)
    assert there.spec == here.spec
    for a, b in zip(play(there, 60), play(here, 60), strict=True):
        assert same(a, b)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_an_emulator_that_dies_or_stands_still_is_begun_anew(number: signal.Signals, impatient: None) -> None:
    for _ in range(amount(2, 100)):
        games = SupervisedGames("pong", AtariProtocol(), 2, 1, 1.0)
        before = games.process

        def harm(step: int, games: SupervisedGames = games) -> None:
            if step == 20:
                os.kill(games.process, number)

        steps = play(games, 40, harm)
        lost = [index for index, step in enumerate(steps) if step.lost]
        assert len(lost) == 1
        row, after = steps[lost[0]], steps[lost[0] + 1]
        assert row.last.all()
        assert not row.first.any()
        assert not row.frames.any()
        assert (row.discount == 1.0).all(), "cut off as by a time limit: value flows across it"
        assert after.first.all()
        assert not after.last.any()
        assert games.process != before
        with pytest.raises(ProcessLookupError):
            os.kill(before, 0)


def test_a_rom_that_hangs_the_emulator_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "START_SECONDS", 3.0)
    with pytest.raises(ValueError, match=r"pong cannot be begun: it did not answer within 3 s"):
        SupervisedGames("pong", AtariProtocol(), 1, 1, 1.0, worker="fault.hanging_worker")


def test_an_emulator_that_cannot_be_begun_again_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    games = SupervisedGames("pong", AtariProtocol(), 1, 1, 1.0)
    games.begin(np.random.default_rng(0))
    os.kill(games.process, signal.SIGKILL)
    monkeypatch.setattr(games, "_worker", "fault.no_such_worker")
    for _ in range(6):  # the one that was killed, and five tries to begin
        games.send(np.zeros(1, np.int64))
        assert games.recv().last.all()
    games.send(np.zeros(1, np.int64))
    with pytest.raises(Lost, match="pong was lost: its process ended with exit code 1"):
        games.recv()


def test_refusals_come_through_as_they_are() -> None:
    with pytest.raises(ValueError, match="there is no Gymnasium environment 'CartPol-v1'; the nearest are: CartPole"):
        supervised_games("gym:CartPol-v1", AtariProtocol(), 1)
