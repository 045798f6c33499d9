"""Gymnasium environments: ends and limits, starts, frame skip and stickiness of each id, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

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


class _TwoAxes(gymnasium.Env):  # type: ignore[type-arg]
    observation_space = spaces.Box(-1, 1, (3,))
    action_space = spaces.MultiDiscrete([3, 2])


def test_more_than_one_axis_of_actions_is_refused() -> None:
    """D0-04: said when the game is opened, not when the first action fails."""
    with pytest.raises(UnsupportedGame, match=r"TwoAxes has actions MultiDiscrete.*; Playfield plays discrete actions"):
        GymnasiumGame(_TwoAxes(), "TwoAxes")


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
