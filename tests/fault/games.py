"""A Gymnasium environment that goes wrong once, at a step and in a way that its environment variables say."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

AT, DONE = "PLAYFIELD_FAULT_AT", "PLAYFIELD_FAULT_DONE"
"""Environment variables: the step at which it goes wrong, and the file that says it has; without one it always does."""

FAULTS = ("kill", "stop", "raise", "exit", "hang", "observation", "infinite", "reward", "shape", "slow")


class Faulty(gymnasium.Env[np.ndarray, int]):
    """Counts; an episode lasts 30 steps."""

    observation_space = spaces.Box(-1.0, 100.0, (3,), np.float32)
    action_space = spaces.Discrete(2)

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012 (as Gymnasium has it)

    def __init__(self, fault: str, render_mode: str | None = None) -> None:
        self.fault, self.render_mode = fault, render_mode
        self.played = self.count = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        self.count = 0
        return np.full(3, 0.0, np.float32), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.played += 1
        self.count += 1
        seen, reward = np.full(3, float(self.count), np.float32), 1.0
        if self.played == int(os.environ[AT]) and self._first():
            seen, reward = self._go_wrong(seen, reward)
        return seen, reward, self.count == 30, False, {}

    def render(self) -> np.ndarray:
        return np.full((16, 16, 3), self.count, np.uint8)

    def _first(self) -> bool:
        if DONE not in os.environ:
            return True
        try:
            Path(os.environ[DONE]).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _go_wrong(self, seen: np.ndarray, reward: float) -> tuple[np.ndarray, float]:
        match self.fault:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "raise":
                raise RuntimeError("the game is broken")
            case "exit":
                os._exit(1)
            case "hang":
                while True:
                    time.sleep(1.0)
            case "slow":
                time.sleep(6.0)
            case "observation":
                seen[1] = np.nan
            case "infinite":
                seen[1] = np.inf
            case "reward":
                reward = float("nan")
            case _:
                seen = np.zeros(4, np.float32)
        return seen, reward


for name in FAULTS:
    gymnasium.register(f"Faulty-{name}-v0", entry_point=Faulty, kwargs={"fault": name}, max_episode_steps=100)


class Wide(Faulty):
    """Shows ten thousand numbers without limits."""

    observation_space = spaces.Box(-np.inf, np.inf, (10_000,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        return np.zeros(10_000, np.float32), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        return np.ones(10_000, np.float32), 1.0, False, False, {}


gymnasium.register("Wide-v0", entry_point=Wide, kwargs={"fault": "none"}, max_episode_steps=100)
