"""From observations to features."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from playfield.networks.activations import Activation, Relu
from playfield.networks.draws import Draws
from playfield.networks.efficient_net import EfficientNet
from playfield.networks.impala import Impala
from playfield.networks.inits import Init, UniformInit
from playfield.networks.layers import Convolution, Pixels, channels_last, linear
from playfield.networks.norms import NoNorm, Norm
from playfield.settings import setting


@dataclass(frozen=True, slots=True)
class Conv:
    """Convolutions over stacked frames, each followed by a norm and an activation.

    Source: the defaults are the torso of Mnih et al. (2015).
    Neutral: a single layer whose kernel is as large as the frame is an `Mlp` of one layer.
    """

    layers: tuple[tuple[int, int, int], ...] = setting(
        ((32, 8, 4), (64, 4, 2), (64, 3, 1)), "(channels, kernel size, stride) of each layer"
    )
    padding: tuple[int, ...] = setting((), "black pixels around the input of each layer; empty for none anywhere")
    norm: Norm = setting(NoNorm(), "between each convolution and its activation")
    activation: Activation = setting(Relu(), "after each layer")
    init: Init = setting(UniformInit(), "how weights and biases start")

    def __post_init__(self) -> None:
        if not self.layers or any(min(layer) < 1 for layer in self.layers):
            raise ValueError(
                "torso.layers must name at least one layer, each of channels, kernel and stride of 1 or more"
            )
        if self.padding and (len(self.padding) != len(self.layers) or min(self.padding) < 0):
            raise ValueError("torso.padding must be empty, or name a number of 0 or more for each of torso.layers")

    def fits(self, frame_shape: tuple[int, ...]) -> bool:
        """Whether frames of that shape, (H, W, C), are pixels, and large enough for the layers."""
        if len(frame_shape) != 3:
            return False
        side = min(frame_shape[:2])
        for (out, kernel, stride), padding in zip(self.layers, self.padding or [0] * len(self.layers), strict=True):
            side = Convolution(entries=out, channels=out, size=kernel, stride=stride, padding=padding).after(side)
            if side < 1:
                return False
        return True

    def build(self, shape: tuple[int, ...], draws: Draws) -> tuple[nn.Module, int]:
        """The torso for observations of `shape` (C, H, W), and how many features it gives.

        Raises: ValueError where the frames are vectors, or too small for the layers.
        """
        if len(shape) != 3:
            raise ValueError("the Conv torso needs pixels, but this game shows vectors; use torso=Mlp")
        channels, height, width = shape
        if not self.fits((height, width, channels)):
            raise ValueError(
                f"frames of {height}x{width} pixels are too small for these {len(self.layers)} layers; "
                "use torso=Mlp, or other torso.layers (channels, kernel, stride)"
            )
        modules: list[nn.Module] = [Pixels()]
        for (out, kernel, stride), padding in zip(self.layers, self.padding or [0] * len(self.layers), strict=True):
            layer = Convolution(entries=channels, channels=out, size=kernel, stride=stride, padding=padding)
            height, width, channels = layer.after(height), layer.after(width), out
            modules += [layer.build(self.init, draws), self.norm.build((height, width, out)), self.activation.build()]
        torso = nn.Sequential(*modules, nn.Flatten())
        channels_last(torso)
        return torso, channels * height * width


@dataclass(frozen=True, slots=True)
class Mlp:
    """Fully connected layers over a vector observation, each followed by a norm and a ReLU.

    Source: the defaults are CleanRL's for classic control.
    Neutral: hidden=() hands the observation on as it is.
    """

    hidden: tuple[int, ...] = setting((120,), "units of each layer before the head")
    norm: Norm = setting(NoNorm(), "between each layer and its ReLU")
    init: Init = setting(UniformInit(), "how weights and biases start")

    def __post_init__(self) -> None:
        if any(units < 1 for units in self.hidden):
            raise ValueError("torso.hidden must name layers of 1 unit or more")

    def build(self, shape: tuple[int, ...], draws: Draws) -> tuple[nn.Module, int]:
        modules: list[nn.Module] = [Pixels(), nn.Flatten()] if len(shape) == 3 else []
        sizes = [math.prod(shape), *self.hidden]
        for entries, units in pairwise(sizes):
            modules += [linear(entries, units, self.init, draws), self.norm.build((units,)), nn.ReLU()]
        return nn.Sequential(*modules), sizes[-1]


Torso = Conv | Mlp | Impala | EfficientNet
