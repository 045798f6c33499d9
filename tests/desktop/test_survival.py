"""Nothing that a game does loses a run: in real windows it is killed, stopped, closed, and robbed of its display."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from desktop.needs import has_compiler, has_display
from desktop.test_lost_games import destroyed, killed, patient, robbed, stopped
from desktop.test_windows import of_folder
from playfield.cli.commands import run_command
from playfield.cli.runs import begin_of, list_summaries
from playfield.cli.training import INTERRUPTED, RESUMABLE
from playfield.games.desktop.game import DesktopGame
from playfield.sinks.plots import load_curve
from playfield.storage.run import Run
from playfield.types import Clock

pytestmark = [has_display, has_compiler]

SMALL = ("games=1", "torso=Mlp", "torso.hidden=[8]", "head.hidden=8", "memory.capacity=400", "memory.start_frames=20")
ENDS = ("--episodes", "0", "--threads", "1")


def file_in(folder: Path) -> Path:
    path = folder / "mine.toml"
    path.write_text(patient(600_000))
    return path


def faulty(monkeypatch: pytest.MonkeyPatch, faults: dict[int, Callable[[DesktopGame], None]]) -> None:
    """Let these things happen before these steps of a game."""
    play, played = DesktopGame.play, iter(range(10**6))

    def plays(game: DesktopGame, action: int) -> bool:
        if (fault := faults.get(next(played))) is not None:
            fault(game)
        return play(game, action)

    monkeypatch.setattr(DesktopGame, "play", plays)


def told(run: Path, name: str) -> list[dict[str, object]]:
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return [event for event in events if event["event"] == name]


def test_a_training_goes_on_whatever_its_game_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    faulty(monkeypatch, {10: killed, 25: stopped, 45: robbed})
    file = file_in(tmp_path)
    # A game that is lost has no score of a whole game: the first would end the training at once.
    arguments = ("--frames", "70", "--until-score", "-1000", "--over", "1", "--name", "r", "--runs", str(tmp_path))
    assert run_command(["train", "dqn_desktop", str(file), *SMALL, *ENDS, *arguments]) == 0
    lost, ended = told(tmp_path / "r", "GameLost"), told(tmp_path / "r", "EpisodeEnded")
    assert [str(event["reason"]).split(" (")[0] for event in lost] == [
        "its process ended", f"refgame has not come to rest within 0.5 s: playfield games doctor {file}",
        "its display is gone",
    ]  # fmt: skip
    assert [(event["truncated"], event["lost"]) for event in ended] == [(True, True)] * 3
    drawn = load_curve(tmp_path / "r")
    assert (list(drawn.episode_score), drawn.lost) == ([], 3)
    begin = begin_of(Run.open(tmp_path / "r"), Clock(), 0)
    assert (begin.scores, begin.lost) == ((), 3)
    assert list_summaries(tmp_path)[0][0][3:5] == ["0 and 3 lost", "-"]
    # The tape of each ends before the action that the game did not survive, and no frame is counted for that one.
    assert [event["tape"]["steps"] for event in ended] == [10, 14, 19]  # type: ignore[index]
    assert [event["frames"] for event in ended] == [10, 14, 19]
    assert "note: game 0 was lost at 10 frames: its process ended" in capsys.readouterr().err
    assert of_folder(tmp_path) == []
    rows = Run.open(tmp_path / "r").load().tree["agent"]["memory"]["rows"]
    assert rows.stop == 1 + 70 + 2 * 3  # the first row, the frames played, and for each loss its row and a first one


def test_four_losses_within_a_minute_stop_the_run_and_it_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with monkeypatch.context() as patched:
        faulty(patched, {5: killed, 9: killed, 12: destroyed, 16: killed})
        file = file_in(tmp_path)
        arguments = ("--frames", "50", "--name", "r", "--runs", str(tmp_path))
        assert run_command(["train", "dqn_desktop", str(file), *SMALL, *ENDS, *arguments]) == RESUMABLE
    said = capsys.readouterr().out
    assert f"stopped  {file} was lost 4 times within a minute, at last because its process ended" in said
    assert "; saved at" in said
    assert "go on with: " in said
    assert run_command(["resume", "r", "--threads", "1", "--runs", str(tmp_path)]) == 0
    assert len(told(tmp_path / "r", "GameLost")) == 4
    numbers = [event["episode"] for event in told(tmp_path / "r", "EpisodeEnded")]
    assert numbers == list(range(1, len(numbers) + 1))


@contextmanager
def at_play(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A command, once the game that it plays has a window and is at play, and the number of the game's process."""
    command = [sys.executable, "-m", "playfield", *arguments]
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(
        command, env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            until = time.monotonic() + 120.0
            while not (found := [number for number in of_folder(folder) if "refgame" in line_of(number)]):
                assert process.poll() is None, process.stdout and process.stdout.read()
                assert time.monotonic() < until
                time.sleep(0.05)
            yield process, found[0]
        finally:
            process.kill()


def line_of(number: int) -> str:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def wait_for(sign: Callable[[], bool]) -> None:
    until = time.monotonic() + 120.0
    while not sign() and time.monotonic() < until:
        time.sleep(0.05)
    assert sign()


def test_a_game_file_that_changed_or_is_gone_is_told_when_a_run_is_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file, runs = file_in(tmp_path), ("--runs", str(tmp_path))
    before = file.read_text()
    assert run_command(["train", "dqn_desktop", str(file), *SMALL, *ENDS, *runs, "--name", "a", "--frames", "60"]) == 0
    resume = ["resume", "a", *runs, "--frames", "65"]
    file.write_text(before.replace("most_steps = ", "most_steps = 9 #"))
    capsys.readouterr()
    assert run_command(resume) == 2
    begin = f"playfield: {file} is not as it was when the run began (the tape of game 0 has "
    error = capsys.readouterr().err
    assert begin in error
    assert error.endswith("but its episode ended after 9); put it back as it was, or start a new run\n")
    file.unlink()
    assert run_command(resume) == 2
    assert f"the run is of the game file {file}, which is not here; put it back" in capsys.readouterr().err
    file.write_text("# a remark changes nothing\n" + before)
    assert run_command(resume) == 0
    assert "not as it was" not in capsys.readouterr().out
    file.write_text(before.replace("most_steps = ", "most_steps = 5"))
    assert run_command([*resume[:-1], "70"]) == 0
    assert f"note: {file} is not as it was when the run began; the run goes on" in capsys.readouterr().out


def test_a_training_that_is_asked_to_end_saves_and_leaves_nothing(tmp_path: Path):
    file = file_in(tmp_path)
    arguments = (*SMALL, *ENDS, "--frames", "1_000_000", "--name", "r", "--runs", str(tmp_path))
    with at_play(tmp_path, "train", "dqn_desktop", str(file), *arguments) as (process, _):
        metrics = tmp_path / "r" / "metrics.jsonl"
        wait_for(lambda: metrics.is_file() and (tmp_path / "r" / "tapes.log").is_file())
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == RESUMABLE, said
    assert "interrupted (SIGTERM); saved at" in said
    assert Run.open(tmp_path / "r").load().warnings == ()
    assert of_folder(tmp_path) == []


def test_the_second_ctrl_c_ends_a_training_at_once_whose_game_hangs(tmp_path: Path):
    """The game would be given up after ten minutes; the test would not wait for that."""
    file = file_in(tmp_path)
    arguments = (*SMALL, *ENDS, "--frames", "1_000_000", "--name", "r", "--runs", str(tmp_path))
    with at_play(tmp_path, "train", "dqn_desktop", str(file), *arguments) as (process, game):
        wait_for(lambda: (tmp_path / "r" / "metrics.jsonl").is_file())
        os.kill(game, signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == INTERRUPTED, said
    assert said.splitlines()[-1] == "playfield: interrupted"
    assert of_folder(tmp_path) == []


@pytest.mark.parametrize(
    ("command", "number"), [("launch", signal.SIGTERM), ("check", signal.SIGTERM), ("launch", signal.SIGINT)]
)
def test_a_game_that_is_played_ends_with_its_command(tmp_path: Path, command: str, number: signal.Signals):
    file = file_in(tmp_path)
    with at_play(tmp_path, "games", command, str(file), "--steps", "1000000") as (process, _):
        process.send_signal(number)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == {signal.SIGTERM: 143, signal.SIGINT: INTERRUPTED}[number], said
    assert (
        said.splitlines()[-1]
        == {
            signal.SIGTERM: "playfield: ended by SIGTERM",
            signal.SIGINT: "playfield: interrupted",
        }[number]
    )
    assert of_folder(tmp_path) == []
    assert not list(tmp_path.glob("playfield-game-*"))
