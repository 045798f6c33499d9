"""Gymnasium environments: ends and limits, starts, frame skip and stickiness of each id, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from dials import DIALS
from playfield.games.each import EachGame
from playfield.games.gymnasium_games import GymnasiumGame, UnsupportedGame, gymnasium_games
from playfield.types import Step


@contextmanager
def playing(name: str) -> Iterator[EachGame]:
    games = gymnasium_games(f"gym:{name}", 1)
    yield games
    games.close()


def play(name: str, actions: list[int], seed: int = 0) -> list[Step]:
    """The first row, then one row per action."""
    with playing(name) as games:
        steps = [games.begin(np.random.default_rng(seed))]
        for action in actions:
            games.send(np.array([action]))
            steps.append(games.recv())
    return steps


def test_a_time_limit_keeps_the_bootstrap() -> None:
    """D2-B15: a car that never moves is stopped after 200 steps, and the state it stands in keeps its value."""
    steps = play("MountainCar-v0", [1] * 201)
    assert [t for t, step in enumerate(steps) if step.last[0]] == [200]
    assert [t for t, step in enumerate(steps) if step.first[0]] == [0, 201]
    assert all(step.discount[0] == 1 for step in steps)


def test_a_true_end_has_discount_0() -> None:
    steps = play("CartPole-v1", [1] * 12)
    ends = [t for t, step in enumerate(steps) if step.last[0]]
    assert ends
    assert [t for t, step in enumerate(steps) if step.discount[0] == 0] == ends


def test_every_episode_and_every_run_starts_elsewhere() -> None:
    """D2-B7: the car always began at one place, whatever the seed of the run was."""

    def starts(seed: int) -> list[float]:
        return [float(step.frame[0, 0]) for step in play("MountainCar-v0", [1] * 603, seed) if step.first[0]]

    assert len({*starts(0), *starts(1)}) == 8
    assert starts(0) == starts(0)


@pytest.mark.parametrize(
    ("name", "skip", "sticky"), [("ALE/Pong-v5", 4, 0.25), ("PongNoFrameskip-v4", 1, 0.0), ("ALE/Breakout-v5", 4, 0.25)]
)
def test_the_frame_skip_and_stickiness_of_an_id_are_those_of_its_emulator(name: str, skip: int, sticky: float) -> None:
    """D2-B10: ids bring a frame skip of their own; what the run states is asked of the emulator itself."""
    with playing(name) as games:
        protocol = games.spec.protocol
        assert (protocol["frame_skip"], protocol["repeat_action_probability"]) == (skip, sticky)
        assert games.spec.frames_per_action == skip
        games.begin(np.random.default_rng(0))
        ale = games.solos[0]._env.unwrapped.ale  # type: ignore[attr-defined]
        assert ale.getFloat("repeat_action_probability") == sticky
        before = ale.getEpisodeFrameNumber()
        for _ in range(10):
            games.send(np.array([0]))
            assert games.recv().frames.tolist() == [skip]
        assert ale.getEpisodeFrameNumber() - before == 10 * skip


class Levers(gymnasium.Env):
    """Keeps what it was told."""

    observation_space = spaces.Box(-1, 1, (3,))

    def __init__(self, actions: spaces.Space) -> None:
        self.action_space = actions
        self.told: list[np.ndarray] = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(3), {}

    def step(self, action):
        assert self.action_space.contains(action)
        self.told.append(action)
        return np.zeros(3), 0.0, False, False, {}


def test_several_axes_of_actions_are_all_their_combinations() -> None:
    """D0-04: the last axis changes fastest, and the environment is given an array as it asks for."""
    env = Levers(spaces.MultiDiscrete([3, 2], dtype=np.int8))
    game = GymnasiumGame(env, "Levers")
    assert game.actions == ("0,0", "0,1", "1,0", "1,1", "2,0", "2,1")
    assert game.axes == (3, 2)
    game.reset(0)
    for action in (0, 1, 4):
        game.step(action)
    assert [told.tolist() for told in env.told] == [[0, 0], [0, 1], [2, 0]]
    assert {told.dtype for told in env.told} == {np.dtype(np.int8)}


def test_axes_may_lie_in_a_table_and_begin_anywhere() -> None:
    env = Levers(spaces.MultiDiscrete(np.array([[2, 1], [1, 3]]), start=np.array([[5, 0], [0, -1]])))
    game = GymnasiumGame(env, "Levers")
    assert game.axes == (2, 1, 1, 3)
    assert game.actions[1] == "5,0,0,0"
    game.reset(0)
    game.step(5)
    assert env.told[0].tolist() == [[6, 0], [0, 1]]


def test_axes_and_their_labels_are_told_of_a_game() -> None:
    with playing(DIALS.removeprefix("gym:")) as games:
        assert games.spec.axes == games.spec.choices == (8, 6)
        assert games.spec.actions[7] == "1,1"
    with playing("CartPole-v1") as games:
        assert games.spec.axes == ()
        assert games.spec.choices == (2,)


@pytest.mark.parametrize(
    ("actions", "sentence"),
    [
        (spaces.Box(-1, 1, (2,)), r"Levers has actions Box.*; Playfield plays discrete actions .*no continuous one$"),
        (
            spaces.MultiBinary(3),
            r"Levers has actions MultiBinary\(3\); Playfield plays discrete actions .*MultiDiscrete",
        ),
        (spaces.MultiDiscrete([16, 17]), r"Levers has 272 combinations of actions; Playfield plays at most 256$"),
        (spaces.Discrete(257), r"Levers has 257 actions; Playfield plays at most 256$"),
    ],
)
def test_actions_of_other_kinds_are_refused_when_the_game_is_opened(actions: spaces.Space, sentence: str) -> None:
    """D0-04: not when the first action fails."""
    with pytest.raises(UnsupportedGame, match=sentence) as refused:
        GymnasiumGame(Levers(actions), "Levers")
    assert "\n" not in str(refused.value)


class Table(gymnasium.Env):
    """Numbers in two axes; the action is written into the last one."""

    observation_space = spaces.Box(np.array([[0, 1, 2], [3, 4, 5]]), np.array([[9, 9, 9], [9, 9, 8]]), dtype=np.float64)
    action_space = spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]), {}

    def step(self, action):
        return np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0 + action]]), 1.0, False, False, {}


def test_numbers_in_several_axes_are_a_vector_row_by_row() -> None:
    env = Table()
    game = GymnasiumGame(env, "Table")
    assert (game.frame_shape, game.frame_dtype) == ((6,), "float32")
    assert game.reset(0).tolist() == [0, 1, 2, 3, 4, 5]
    assert game.step(2).frame.tolist() == [0, 1, 2, 3, 4, 7]
    assert game.observations is not None
    assert game.observations.low == (0, 1, 2, 3, 4, 5)
    assert game.observations.high == (9, 9, 9, 9, 9, 8)


def test_pixels_have_no_vector_of_limits() -> None:
    with playing("ALE/Pong-v5") as games:
        assert games.spec.observations is None


def test_a_picture_is_drawn_without_a_word_where_there_is_no_screen(tmp_path: Path) -> None:
    pytest.importorskip("pygame", reason="pictures of classic control need pygame: playfield doctor tells how")
    told_of_screens = ("DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "SDL_VIDEODRIVER", "PYGAME_HIDE_SUPPORT_PROMPT")
    environment = {name: value for name, value in os.environ.items() if name not in told_of_screens}
    command = [sys.executable, "-m", "playfield", "video", "gym:CartPole-v1", "--policy", "random"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.startswith("film ")
