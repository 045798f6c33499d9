"""An environment with two axes of actions."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import register

CHOICES = (8, 6)


class Dials(gymnasium.Env[np.ndarray, np.ndarray]):
    """Two dials are to be set as is shown, ten times an episode: +1 for each that is, so chance scores about 2.9."""

    observation_space = spaces.Box(0.0, 1.0, (sum(CHOICES),))
    action_space = spaces.MultiDiscrete(CHOICES)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.set: list[list[int]] = []
        return self._shown(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        assert self.action_space.contains(action)
        self.set.append(action.tolist())
        right = int((action == self._wanted).sum())
        return self._shown(), float(right), len(self.set) == 10, False, {}

    def _shown(self) -> np.ndarray:
        self._wanted = self.np_random.integers(CHOICES)
        return np.concatenate([np.eye(n, dtype=np.float32)[w] for n, w in zip(CHOICES, self._wanted, strict=True)])


DIALS = "gym:PlayfieldDials-v0"
register("PlayfieldDials-v0", entry_point=Dials)
