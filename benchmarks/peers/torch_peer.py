"""What the peers with torch have in common when they are measured."""

from __future__ import annotations

import ale_py
import gymnasium
import numpy as np
import torch
from meter import Meter

gymnasium.register_envs(ale_py)
GAME = "PongNoFrameskip-v4"
EPSILON = 0.1
"""While learning, for all: a random action costs no network."""
TARGET_STEPS = 10_000
UPDATE_STEPS = 4
LEARNING_RATE = 1e-4
PACKAGES = ("torch", "ale-py", "gymnasium", "numpy", "envpool", "opencv-python-headless")


def prepare(meter: Meter) -> None:
    """Threads and chance."""
    torch.set_num_threads(meter.asked.threads)
    torch.manual_seed(meter.asked.seed)  # noqa: TID251  (the peers draw from there)
    np.random.seed(meter.asked.seed)  # noqa: NPY002, TID251


def watch(meter: Meter, network: torch.nn.Module) -> None:
    """Count what gradients are made of by what passes the first layer, and sum the weights."""

    def count(_layer: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        if torch.is_grad_enabled():
            meter.samples += len(given[0])

    first = next(layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d))
    first.register_forward_pre_hook(count)
    meter.weights = lambda: sum(float(parameter.detach().abs().sum()) for parameter in network.parameters())
