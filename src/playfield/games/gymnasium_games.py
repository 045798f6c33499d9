"""Gymnasium environments as games: pixels or a vector to see, one discrete choice or several to make."""

from __future__ import annotations

import importlib
import math
import re
import shlex
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import error, spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.wrappers import TimeLimit
from jaxtyping import Shaped, UInt8

from playfield.extras import pip_install
from playfield.games.each import EachGame, Outcome, Solo
from playfield.games.games import GameSpec, Observations
from playfield.settings import nearest
from playfield.silence import silent_errors
from playfield.types import Array

PREFIX = "gym:"
MOST_STEPS = 27_000
"""Steps after which an episode is cut off where the environment says nothing: as many as of an Atari game. Somebody who
has not learnt enough may walk in circles for ever."""
SUPPORTED = (
    "Playfield plays discrete actions on pixels (uint8, 2 or 3 axes), other numbers or a discrete observation; actions "
    "may have several axes (MultiDiscrete), but no continuous one"
)
MOST_ACTIONS = 256
"""Combinations of choices; an action is written down as a single byte."""


class UnsupportedGame(ValueError):
    """The environment exists, but its observations or actions are of a kind that Playfield does not play."""


class UnknownEnvironment(ValueError):
    """Gymnasium knows no such environment; the message offers the nearest ids."""


class MissingPackage(ImportError):
    """The environment needs a package that is not installed; the message is the command that brings it."""


class GymnasiumGame:
    """One Gymnasium environment. Every episode is seeded, so (seed, actions) plays it again."""

    def __init__(self, env: gymnasium.Env[Any, Any], environment_id: str) -> None:
        self._env, self._id = env, environment_id
        self._observations = env.observation_space
        self._was_drawn = False
        self._choices = _choices(env, environment_id)
        self.actions = self._choices.labels
        self.axes = self._choices.axes
        self.frames_per_second = float(env.metadata.get("render_fps") or 30)
        self.frame_shape, self.frame_dtype = _frame_of(env, environment_id)
        self.observations = observations_of(env.observation_space)

    @property
    def environment_spec(self) -> EnvSpec:
        """What Gymnasium knows of the environment, with the arguments it was made with."""
        assert self._env.spec is not None
        return self._env.spec

    def reset(self, seed: int) -> Shaped[Array, "..."]:
        """Start an episode from its seed."""
        observation, _ = self._env.reset(seed=seed)
        return self._frame(observation)

    def step(self, action: int) -> Outcome:
        """Play one action."""
        observation, reward, terminated, truncated, _ = self._env.step(self._choices.action(action))
        ended = bool(terminated)
        return Outcome(self._frame(observation), float(reward), ended, bool(truncated) and not ended)

    def picture(self) -> UInt8[Array, "H W 3"]:
        """What a person would see now."""
        try:
            with nullcontext() if self._was_drawn else silent_errors():  # the first looks for a display, and needs none
                picture = np.asarray(self._env.render())
        except (error.DependencyNotInstalled, ImportError) as problem:
            raise missing_package(self._id, problem) from problem
        if picture.dtype != np.uint8 or picture.ndim != 3:
            raise UnsupportedGame(f"{self._id} does not render pictures")
        self._was_drawn = True
        return picture.copy()

    def close(self) -> None:
        """Close the environment."""
        self._env.close()

    def _frame(self, observation: Any) -> Shaped[Array, "..."]:
        if isinstance(self._observations, spaces.Discrete):
            return np.eye(int(self._observations.n), dtype=np.float32)[int(observation) - self._observations.start]
        # A copy, since some environments write into the array that they returned.
        return np.array(observation, dtype=self.frame_dtype).reshape(self.frame_shape)


def open_environment(environment_id: str, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
    """Make an environment, which ends every episode at some time, with one plain sentence where that fails.

    Raises: UnknownEnvironment with the three nearest ids; MissingPackage with the command that installs it.
    """
    if environment_id.startswith("ALE/"):
        importlib.import_module("ale_py")  # which registers them
    try:
        made = gymnasium.make(environment_id, render_mode=render_mode, disable_env_checker=True)
        limited = made.spec is not None and made.spec.max_episode_steps is not None
        return made if limited else TimeLimit(made, MOST_STEPS)
    except (error.DependencyNotInstalled, ImportError) as problem:
        raise missing_package(environment_id, problem) from problem
    except error.Error as problem:
        near = nearest(environment_id, sorted(gymnasium.registry))
        raise UnknownEnvironment(
            f"there is no Gymnasium environment {environment_id!r}; the nearest are: {near}"
        ) from (problem)


def missing_package(environment_id: str, problem: Exception) -> MissingPackage:
    """The error that names the pip command: Gymnasium's own where it has one, else the module that was not found."""
    module = (problem.name if isinstance(problem, ImportError) else None) or "gymnasium[all]"
    named = [shlex.split(words) for words in re.findall(r"`pip install ([^`]+)`", str(problem))]
    commands = [pip_install(*words) for words in named or [[module.partition(".")[0]]]]
    return MissingPackage(
        f"{environment_id} needs a package that is not installed; install it with: {' && '.join(commands)}"
    )


def gymnasium_games(name: str, games: int) -> EachGame:
    """G copies of the environment named `gym:ID`."""
    environment_id = name.removeprefix(PREFIX)
    first = GymnasiumGame(open_environment(environment_id), environment_id)
    others = [GymnasiumGame(open_environment(environment_id), environment_id) for _ in range(games - 1)]
    protocol = _protocol(first.environment_spec)
    skip = protocol["frame_skip"]
    spec = GameSpec(
        name=name,
        games=games,
        actions=first.actions,
        axes=first.axes,
        frame_shape=first.frame_shape,
        frame_dtype=first.frame_dtype,
        frames_per_action=skip if isinstance(skip, int) else 1,
        frames_per_second=first.frames_per_second,
        protocol=protocol,
        observations=first.observations,
    )
    solos: list[Solo] = [first, *others]
    return EachGame(spec, solos)


def observations_of(space: gymnasium.Space[Any]) -> Observations | None:
    """The numbers of a vector with their limits, or the states of a numbered one; None of whatever else is shown."""
    match space:
        case spaces.Discrete():
            return Observations(low=(0.0,), high=(float(space.n) - 1.0,), states=int(space.n))
        case spaces.Box(shape=shape, dtype=kind) if len(shape) == 1 or (shape and kind != np.uint8):
            return Observations(low=tuple(map(float, space.low.ravel())), high=tuple(map(float, space.high.ravel())))
        case _:
            return None


def _protocol(spec: EnvSpec) -> dict[str, object]:
    return {
        "name": "gymnasium",
        "id": spec.id,
        "version": gymnasium.__version__,
        "max_steps": spec.max_episode_steps,
        "arguments": {key: repr(value) for key, value in spec.kwargs.items()},
        **_atari_arguments(spec.kwargs),
    }


def _atari_arguments(arguments: dict[str, Any]) -> dict[str, object]:
    """Frame skip and stickiness; ALE ids bring their own, and a second frame skip on top would go unseen."""
    return {
        "frame_skip": arguments.get("frameskip", 1),
        "repeat_action_probability": arguments.get("repeat_action_probability", 0.0),
    }


@dataclass(frozen=True, slots=True)
class _OneOf:
    """A list of actions."""

    space: spaces.Discrete[Any]
    axes: tuple[int, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(str(choice) for choice in range(int(self.space.n)))

    def action(self, index: int) -> Any:
        """What the environment is given."""
        return self.space.start + index


@dataclass(frozen=True, slots=True)
class _OneOfEach:
    """A choice on each of several axes: all combinations, the last axis changing fastest."""

    space: spaces.MultiDiscrete[Any]

    @property
    def axes(self) -> tuple[int, ...]:
        return tuple(int(choices) for choices in self.space.nvec.ravel())

    @property
    def labels(self) -> tuple[str, ...]:
        """`2,0`: what the environment is given, axis by axis."""
        return tuple(
            ",".join(str(choice) for choice in self.action(index).ravel()) for index in range(math.prod(self.axes))
        )

    def action(self, index: int) -> Any:
        """What the environment is given."""
        choices = np.array(np.unravel_index(index, self.axes)).reshape(self.space.nvec.shape)
        return (self.space.start + choices).astype(self.space.dtype)


def _choices(env: gymnasium.Env[Any, Any], environment_id: str) -> _OneOf | _OneOfEach:
    match env.action_space:
        case spaces.Discrete() as one:
            count, choices = int(one.n), _OneOf(one)
        case spaces.MultiDiscrete() as several:
            choices = _OneOfEach(several)
            count = math.prod(choices.axes)
        case other:
            raise UnsupportedGame(f"{environment_id} has actions {other}; {SUPPORTED}")
    if count > MOST_ACTIONS:
        combined = "combinations of actions" if choices.axes else "actions"
        raise UnsupportedGame(f"{environment_id} has {count:,} {combined}; Playfield plays at most {MOST_ACTIONS}")
    return choices


def _frame_of(env: gymnasium.Env[Any, Any], environment_id: str) -> tuple[tuple[int, ...], str]:
    """Shape and dtype of a frame."""
    match env.observation_space:
        case spaces.Discrete() as one_of:
            return (int(one_of.n),), "float32"
        case spaces.Box(shape=(length,)):
            return (length,), "float32"
        case spaces.Box(shape=(height, width), dtype=np.uint8):
            return (height, width, 1), "uint8"
        case spaces.Box(shape=(height, width, channels), dtype=np.uint8):
            return (height, width, channels), "uint8"
        case spaces.Box(shape=shape) if shape:
            return (
                int(np.prod(shape)),
            ), "float32"  # numbers in several axes are a vector: nothing is a picture but bytes
        case other:
            raise UnsupportedGame(f"{environment_id} has observations {other}; {SUPPORTED}")
