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
    """Count what gradients flow back through the first layer for, and sum the weights.

    What passes forward says less: some act without switching gradients off.
    """

    def count(gradient: torch.Tensor) -> None:
        meter.samples += len(gradient)

    def follow(_layer: torch.nn.Module, _given: object, found: torch.Tensor) -> None:
        if found.requires_grad:
            found.register_hook(count)

    first = next(layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d))
    first.register_forward_hook(follow)
    meter.weights = lambda: sum(float(parameter.detach().abs().sum()) for parameter in network.parameters())
