"""The reference game in real time and stopped between steps, on a display of its own: it is played, learnt and told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from cli.inprocess import TINY
from desktop.desk import wait_for
from desktop.needs import has_compiler, has_display
from playfield.cli.commands import run_command
from playfield.events import Tape
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import game_from, read_game, shipped_games
from playfield.games.desktop.games import copies_side_by_side, desktop_games
from playfield.games.films import NoFilm, film
from playfield.games.protocol import nature

pytestmark = [has_display]

STAY, LEFT, RIGHT = range(3)


def text(clock: str, most_steps: int = 400) -> str:
    source = shipped_games()["refgame"].read_text()
    assert "step_ms = 100" in source
    source = source.replace("step_ms = 100", f'step_ms = 100\nclock = "{clock}"')
    return source.replace("most_steps = 400", f"most_steps = {most_steps}")


@pytest.fixture(name="mine")
def a_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text("real", most_steps=12))
    return path


@pytest.mark.parametrize("clock", ["real", "suspend"])
def test_what_is_read_is_what_the_game_thinks(clock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    truth = tmp_path / "truth.jsonl"
    monkeypatch.setenv("PLAYFIELD_TRUTH", str(truth))
    with closing(DesktopGame(game_from(text(clock), "mine.toml"))) as game:
        game.reset(3)
        for action in [LEFT] * 6 + [RIGHT] * 6:
            game.step(action)
            row = game.seen[-8, :, :].astype(int)
            paddle = int(np.flatnonzero((row == (88, 168, 255)).all(1))[0]) // 16
            said = {json.loads(line)["caught"] for line in truth.read_text().splitlines()[-3:]}
            assert game.readings()["caught"] in said
            if action == LEFT:
                lowest = paddle
        assert lowest == 0
        assert paddle > lowest
        late = game.pace.take()
        assert set(late) == {"late_median_ms", "late_p99_ms", "late_worst_ms", "paused_seconds"}
        assert late["paused_seconds"] == 0.0


def test_rules_say_which_clock_it_was(mine: Path, capsys: pytest.CaptureFixture[str]):
    with closing(desktop_games(str(mine), 1)) as games:
        assert (games.spec.protocol["clock"], games.spec.replays) == ("real", False)
        assert games.pace is not None
    with closing(desktop_games("refgame", 1)) as games:
        assert (games.spec.protocol["clock"], games.spec.replays, games.pace) == ("virtual", True, None)
    assert [copies_side_by_side(name, 10) for name in (str(mine), "refgame", "pong")] == [1, 10, 10]
    mine.write_text(text("suspend"))
    assert capsys.readouterr().err == ""
    for _ in range(2):
        desktop_games(str(mine), 1).close()
    said = capsys.readouterr().err
    assert said.count("is stopped between steps, but its clock is not") == 1


def test_a_game_can_go_on_from_episode_to_episode():
    lasting = text("real").replace("[screen]", "lasting = true\n\n[screen]", 1)
    with closing(DesktopGame(game_from(lasting, "mine.toml"))) as game:
        game.reset(0)
        first = game.program.pid
        game.step(LEFT)
        game.reset(1)
        assert game.program.pid == first
    with closing(DesktopGame(game_from(text("real"), "mine.toml"))) as game:
        game.reset(0)
        first = game.program.pid
        game.reset(1)
        assert game.program.pid != first


def test_a_recipe_is_trained_and_told_how_late_its_steps_were(
    mine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    root = mine.parent
    small = (*TINY, "games=1", "memory.start_frames=20", "memory.capacity=100")
    command = ("train", "dqn_desktop", str(mine), *small, "--frames", "60", "--episodes", "1", "--name", "r")
    assert run_command([*command, "--threads", "1", "--runs", str(root)]) == 0
    rows = [json.loads(line) for line in (root / "r" / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["frames"] == 60
    assert all({"late_median_ms", "late_p99_ms", "late_worst_ms", "paused_seconds"} <= set(row) for row in rows)
    said = capsys.readouterr().out
    assert "film     not made: " in said
    assert "keeps its own time and does not play again from a tape" in " ".join(said.split())
    evaluated = json.loads((root / "r" / "results" / "evaluations.jsonl").read_text())
    assert evaluated["protocol"]["clock"] == "real"
    # A film is of a game that is played now, and of its own speed: here each step of 100 ms takes 300 at least.
    play = DesktopGame.play
    monkeypatch.setattr(DesktopGame, "play", lambda game, action: time.sleep(0.3) or play(game, action))
    assert run_command(["video", "r", "--runs", str(root)]) == 0
    assert imageio_ffmpeg.count_frames_and_secs(str(root / "r" / "results" / "game_0.mp4"))[0] >= 12 * 3
    assert "played now" in capsys.readouterr().out
    for again in (["video", "r", "--episode", "1"], ["watch", "r", "--games", "1"]):
        assert run_command([*again, "--runs", str(root)]) == 2
        assert "does not play again from a tape" in capsys.readouterr().err


def test_no_film_is_made_of_a_tape_that_does_not_play_again(mine: Path):
    with pytest.raises(
        NoFilm, match="does not play again from a tape, so only a game that is played now can be filmed"
    ):
        film(str(mine), nature(), Tape(seed=0, actions=b"\0"))


@has_compiler
def test_the_doctor_recommends_the_clock_that_repeats(mine: Path, capsys: pytest.CaptureFixture[str]):
    assert run_command(["games", "doctor", str(mine), "--steps", "20"]) == 0
    said = capsys.readouterr().out
    assert "lateness      median " in said
    assert 'advice        clock = "virtual": the game takes it, and repeats itself with it' in said


@has_compiler
def test_the_doctor_recommends_real_time_where_the_virtual_clock_is_not_taken(
    mine: Path, capsys: pytest.CaptureFixture[str]
):
    """A static program takes no clock of ours; this one then becomes the game, which is given none."""
    source = mine.with_name("static.c")
    source.write_text(
        "#include <stdlib.h>\n#include <unistd.h>\n"
        'int main(int c, char **v) { unsetenv("LD_PRELOAD"); execvp(v[1], v + 1); return c; }\n'
    )
    static = mine.with_name("static")
    subprocess.run(["cc", "-static", "-o", str(static), str(source)], check=True)
    plain = (
        text("virtual")
        .replace("[timing]", "[timing]\nhang_ms = 3000")
        .replace('command = ["{python}",', f'command = ["{static}", "{{python}}",')
    )
    for clock in ("virtual", "real"):
        mine.write_text(plain.replace('"virtual"', f'"{clock}"'))
        assert run_command(["games", "doctor", str(mine), "--steps", "10"]) == (clock == "virtual")
        assert 'advice        clock = "real"' in capsys.readouterr().out


def test_nothing_is_left_running_where_the_agent_is_killed(mine: Path):
    """No clock of ours is in the process, so that something else must see it end."""
    code = (
        "import sys, time, numpy as np\n"
        "from playfield.games.desktop.games import desktop_games\n"
        "games = desktop_games(sys.argv[1], 1)\n"
        "games.begin(np.random.default_rng(0))\n"
        "print(games.solos[0].program.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    mine.write_text(text("suspend"))
    command = [sys.executable, "-c", code, str(mine)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as agent:
        assert agent.stdout is not None
        pid = int(agent.stdout.readline())
        os.kill(pid, 0)
        agent.kill()
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), 120.0)


def test_shipped_games_replay():
    assert all(read_game(path).timing.replays for path in shipped_games().values())
