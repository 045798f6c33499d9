"""An autoencoder of frames: the few numbers it passes on are learnt from frames alone, without rewards.

Pixels become floats batch by batch. What is drawn is the difference from the background, which is the median frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn
from torch.nn import functional

from playfield.features.frames import Recording, Split
from playfield.networks.draws import Chance, Draws
from playfield.networks.inits import NormalInit
from playfield.networks.layers import Convolution, linear
from playfield.optimizers import Adam
from playfield.rng import Rng
from playfield.settings import setting
from playfield.types import Array

SLOPE = 0.1
"""Of what lies below 0; with plain ReLUs a decoder that draws little may fall silent for good."""
MOST_LOOKED_AT = 2000
"""Frames that background, spread and errors are taken from; more would change nothing."""
_INIT = NormalInit(2.0)


class Code(NamedTuple):
    """What a frame becomes."""

    numbers: Float[Tensor, "B N"]
    """The latents; of points x and y in turn, from 0 to 1."""
    amount: Float[Tensor, "B P"]
    """How much of what moves belongs to each point: the decoder draws nothing where it is 0. Empty without points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Places of things: every pixel that differs from the background is shared out among the points, by a softmax.

        p_k(x, y) ∝ d(x, y) · softmax_k(conv(frame, x, y))_k,   point_k = Σ p_k(x, y) · (x, y)

    d is how much the pixel differs. The decoder sees the points as Gaussians, narrow and wide, and draws them by
    convolutions. A softmax over all pixels for each point alone, as of Finn et al., lets all points follow the
    brightest thing; here what one point has another does not have.
    Source: Finn et al. (2016) for points; Jakab et al. (2018) for Gaussians; Locatello et al. (2020) for the sharing.
    """

    points: int = setting(4, "things to follow; each is two latents, x and y")
    channels: int = setting(8, "of every convolution")
    stride: int = setting(2, "pixels of a frame that one cell of the maps is wide")
    narrow: float = setting(1.5, "spread of the narrow Gaussians, in cells")
    wide: float = setting(6.0, "spread of the wide Gaussians: what a point feels of the things around it")

    def __post_init__(self) -> None:
        if self.points < 1:
            raise ValueError("--latents must be 2 or more for points, of which each is two")
        if min(self.channels, self.stride) < 1 or min(self.narrow, self.wide) <= 0.0:
            raise ValueError("channels and stride of points must be 1 or more, and spreads above 0")

    @property
    def latents(self) -> int:
        """Numbers that a frame becomes."""
        return 2 * self.points

    def build(self, shape: tuple[int, int, int], draws: Draws) -> PointNetwork:
        return PointNetwork(self, shape, draws)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """A plain bottleneck: convolutions, then fully connected layers to the latents and back.

    Source: Hinton & Salakhutdinov (2006), with convolutions.
    """

    latents: int = setting(8, "numbers that a frame becomes")
    channels: int = setting(8, "of every convolution")
    units: int = setting(64, "of the layer before the latents, and of the one after them")

    def __post_init__(self) -> None:
        if min(self.latents, self.channels, self.units) < 1:
            raise ValueError("--latents, and channels and units of Dense, must be 1 or more")

    def build(self, shape: tuple[int, int, int], draws: Draws) -> DenseNetwork:
        return DenseNetwork(self, shape, draws)


Bottleneck = Points | Dense


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoencoderSpec:
    """What is learnt to see with, and by which loss."""

    bottleneck: Bottleneck = setting(Points(), "what a frame has to pass through")
    balance: float = setting(
        0.5,
        "how much more a pixel counts that rarely changes: its weight is its standard deviation to the power of minus "
        "this; 0 for all alike, where a small thing that moves everywhere is worth nothing and is not drawn",
    )
    floor: float = setting(0.02, "added to the standard deviation, so that noise in still pixels does not count")

    def __post_init__(self) -> None:
        if not 0.0 <= self.balance < math.inf or not 0.0 < self.floor < math.inf:
            raise ValueError("balance must be 0 or more, and floor above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class FitPlan:
    """How long it learns."""

    epochs: int = 10
    batch: int = 32
    lr: float = 3e-3
    """At first; it falls to 0."""
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch) < 1 or not 0.0 < self.lr < math.inf:
            raise ValueError("--epochs and --batch must be 1 or more, and --lr above 0")


class Errors(NamedTuple):
    """Of reconstructed frames, each as a share of the same error of the mean frame: 1 is as if nothing was seen."""

    weighted: float
    """As it is learnt by."""
    plain: float
    """With all pixels alike."""


class Epoch(NamedTuple):
    """What came of one pass over the training part."""

    epoch: int
    train: float
    """Weighted error while it learnt, as a share of the mean frame's."""
    test: Errors


class Autoencoder(nn.Module):
    """A network, with the background that it draws on and the weights of pixels that it learns by."""

    background: Tensor
    mean: Tensor
    weight: Tensor

    def __init__(self, spec: AutoencoderSpec, shape: tuple[int, int, int], draws: Draws) -> None:
        super().__init__()
        height, width, channels = shape
        self.spec, self.shape = spec, shape
        self.network = spec.bottleneck.build(shape, draws)
        for name in ("background", "mean", "weight"):
            self.register_buffer(name, torch.zeros(channels, height, width))

    def encode(self, frames: UInt8[Tensor, "B H W C"]) -> Code:
        """The latents of frames."""
        return self.network.encode(self.difference(frames), self.weight)

    def difference(self, frames: UInt8[Tensor, "B H W C"]) -> Float[Tensor, "B C H W"]:
        """What is not background, from -1 to 1."""
        return frames.permute(0, 3, 1, 2).to(torch.float32).mul_(1.0 / 255.0).sub_(self.background)

    def forward(self, difference: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """The difference from the background as it is drawn from its latents."""
        return self.network.decode(self.network.encode(difference, self.weight))

    def reconstruct(self, frames: UInt8[Tensor, "B H W C"]) -> Float[Tensor, "B H W C"]:
        """Frames as they are drawn from their latents, from 0 to 1."""
        drawn = self(self.difference(frames)) + self.background
        return drawn.clamp(0.0, 1.0).permute(0, 2, 3, 1)


def most_weights(spec: AutoencoderSpec, shape: tuple[int, int, int]) -> int:
    """About how many numbers such an autoencoder holds, before it is made."""
    height, width, channels = shape
    buffers, many = 3 * height * width * channels, spec.bottleneck.channels
    match spec.bottleneck:
        case Points(points=points, stride=stride):
            maps = 25 * (channels + 2) + 9 * many + points + 50 * points + 25 * channels * stride**2
            return buffers + many * maps
        case Dense(units=units, latents=latents):
            flat = many * (-(-height // 4)) * (-(-width // 4))
            return buffers + many * (25 * channels + 9 * many + 400 * channels) + 2 * units * (flat + latents)


class PointNetwork(nn.Module):
    """See `Points`."""

    x: Tensor
    y: Tensor
    plane: Tensor

    def __init__(self, spec: Points, shape: tuple[int, int, int], draws: Draws) -> None:
        super().__init__()
        height, width, channels = shape
        self.spec, self.size = spec, (height, width)
        cells_y, cells_x = -(-height // spec.stride), -(-width // spec.stride)
        many, stride = spec.channels, spec.stride
        self.assign = nn.Sequential(
            _convolution(channels + 2, many, 5, draws, stride),
            nn.LeakyReLU(SLOPE),
            _convolution(many, many, 3, draws),
            nn.LeakyReLU(SLOPE),
            _convolution(many, spec.points, 1, draws),
        )
        last = _convolution(many, channels * stride**2, 5, draws)
        last.weight.data.mul_(0.1)  # what is drawn at first should not be worse than nothing
        self.draw = nn.Sequential(
            _convolution(2 * spec.points, many, 5, draws), nn.LeakyReLU(SLOPE), last, nn.PixelShuffle(stride)
        )
        self.register_buffer("x", torch.linspace(0.0, 1.0, cells_x), persistent=False)
        self.register_buffer("y", torch.linspace(0.0, 1.0, cells_y), persistent=False)
        across, down = torch.linspace(-1.0, 1.0, width), torch.linspace(-1.0, 1.0, height)
        plane = torch.stack([across.expand(height, width), down[:, None].expand(height, width)])
        self.register_buffer("plane", plane, persistent=False)

    def encode(self, difference: Float[Tensor, "B C H W"], weight: Float[Tensor, "C H W"]) -> Code:
        """Where things are, and how much of them there is."""
        counts = (difference.abs() * weight).sum(1, keepdim=True)
        counts = functional.avg_pool2d(counts, self.spec.stride, ceil_mode=True, divisor_override=1)
        seen = torch.cat([difference, self.plane.expand(len(difference), -1, -1, -1)], 1)
        shares = shared(2.0 * self.assign(seen), counts)
        return centres(shares, self.x, self.y)

    def decode(self, code: Code) -> Float[Tensor, "B C H W"]:
        """The difference from the background, drawn around the points."""
        point = code.numbers.unflatten(1, (-1, 2))
        across = (self.x - point[..., 0:1]) * (len(self.x) - 1)
        down = (self.y - point[..., 1:2]) * (len(self.y) - 1)
        there = (code.amount / (code.amount + 0.25 / self.spec.points))[..., None, None]
        maps = [
            there * _bell(down / spread)[..., :, None] * _bell(across / spread)[..., None, :]
            for spread in (self.spec.narrow, self.spec.wide)
        ]
        height, width = self.size
        return self.draw(torch.cat(maps, 1))[..., :height, :width]


def _bell(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    return torch.exp(-0.5 * x**2)


def shared(scores: Float[Tensor, "B P Y X"], counts: Float[Tensor, "B 1 Y X"]) -> Float[Tensor, "B P Y X"]:
    """Of every cell's count, what each point gets; all shares of a cell add up to its count."""
    return functional.softmax(scores, 1) * counts


def centres(shares: Float[Tensor, "B P Y X"], x: Float[Tensor, "X"], y: Float[Tensor, "Y"]) -> Code:
    """The centre of what each point has, and how much it has; of a point that has nothing the upper left corner."""
    amount = shares.sum((2, 3))
    across = (shares.sum(2) * x).sum(-1) / (amount + 1e-6)
    down = (shares.sum(3) * y).sum(-1) / (amount + 1e-6)
    return Code(torch.stack([across, down], -1).flatten(1), amount)


class DenseNetwork(nn.Module):
    """See `Dense`."""

    def __init__(self, spec: Dense, shape: tuple[int, int, int], draws: Draws) -> None:
        super().__init__()
        height, width, channels = shape
        self.size = (height, width)
        cells, many = (-(-height // 4), -(-width // 4)), spec.channels
        flat = many * cells[0] * cells[1]
        self.look = nn.Sequential(
            _convolution(channels, many, 5, draws, 2),
            nn.LeakyReLU(SLOPE),
            _convolution(many, many, 3, draws, 2),
            nn.LeakyReLU(SLOPE),
            nn.Flatten(),
            linear(flat, spec.units, _INIT, draws),
            nn.LeakyReLU(SLOPE),
            linear(spec.units, spec.latents, _INIT, draws),
        )
        self.draw = nn.Sequential(
            linear(spec.latents, spec.units, _INIT, draws),
            nn.LeakyReLU(SLOPE),
            linear(spec.units, flat, _INIT, draws),
            nn.LeakyReLU(SLOPE),
            nn.Unflatten(1, (many, *cells)),
            _convolution(many, channels * 16, 5, draws),
            nn.PixelShuffle(4),
        )

    def encode(self, difference: Float[Tensor, "B C H W"], weight: Float[Tensor, "C H W"]) -> Code:
        """The latents, which mean nothing by themselves."""
        return Code(self.look(difference), difference.new_zeros(len(difference), 0))

    def decode(self, code: Code) -> Float[Tensor, "B C H W"]:
        """The difference from the background."""
        height, width = self.size
        return self.draw(code.numbers)[..., :height, :width]


def _convolution(entries: int, channels: int, size: int, draws: Draws, stride: int = 1) -> nn.Conv2d:
    shape = Convolution(entries=entries, channels=channels, size=size, stride=stride, padding=size // 2)
    return shape.build(_INIT, draws)


def ready(spec: AutoencoderSpec, recording: Recording, rows: Int64[Array, "N"], rng: Rng) -> Autoencoder:
    """An autoencoder that has learnt nothing but what the frames of those rows look like on the whole."""
    draws = Draws(weights=rng.torch("weights"), chance=Chance(rng.torch("noise")))
    height, width, channels = recording.frame.shape[1:]
    found = Autoencoder(spec, (height, width, channels), draws)
    frames = recording.frame[rows[:: -(-len(rows) // MOST_LOOKED_AT)]]
    background = np.median(frames, 0) / 255.0
    weight = (frames.std(0) / 255.0 + spec.floor) ** -spec.balance
    # All that moves in a frame counts as 1 together, on the average: amounts and errors are then of one size anywhere.
    moving = np.mean([(np.abs(frame / 255.0 - background) * weight).sum() for frame in frames])
    buffers = {"background": background, "mean": frames.mean(0) / 255.0, "weight": weight / max(float(moving), 1e-6)}
    for name, values in buffers.items():
        getattr(found, name).copy_(torch.from_numpy(values.astype(np.float32)).permute(2, 0, 1))
    return found


def fit(
    autoencoder: Autoencoder, recording: Recording, parts: Split, plan: FitPlan, on_update: Callable[[float], object]
) -> Iterator[Epoch]:
    """Learn from the training part, pass after pass, each followed by a test; `on_update` hears the share of all done.

    loss = Σ_pixels weight (drawn − difference)²,   the mean over a batch
    """
    optimizer = Adam(lr=plan.lr, eps=1e-8).build(autoencoder.parameters())
    order = Rng(plan.seed).numpy("batches")
    updates = max(len(parts.train) // plan.batch, 1)
    for epoch in range(plan.epochs):
        rows = order.permutation(parts.train)
        error, nothing = 0.0, 0.0
        for update in range(updates):
            frames = batch_of(recording, rows[update * plan.batch :][: plan.batch])
            difference = autoencoder.difference(frames)
            loss = _loss(autoencoder(difference), difference, autoencoder.weight)
            for group in optimizer.param_groups:
                group["lr"] = plan.lr * (1.0 - (epoch * updates + update) / (updates * plan.epochs))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            error += float(loss.detach())
            mean = autoencoder.mean - autoencoder.background
            nothing += float(_loss(mean, difference, autoencoder.weight))
            on_update((epoch * updates + update + 1) / (updates * plan.epochs))
        if not math.isfinite(error):
            raise ValueError(f"the autoencoder ran away in epoch {epoch + 1}; give a smaller --lr than {plan.lr:g}")
        yield Epoch(epoch + 1, error / max(nothing, 1e-12), errors(autoencoder, recording, parts.test))


def _loss(drawn: Float[Tensor, "..."], wanted: Float[Tensor, "..."], weight: Float[Tensor, "C H W"]) -> Tensor:
    return (weight * (drawn - wanted) ** 2).sum((1, 2, 3)).mean()


@torch.inference_mode()
def errors(autoencoder: Autoencoder, recording: Recording, rows: Int64[Array, "N"]) -> Errors:
    """How far frames of those rows are from what is drawn of them; of many rows, evenly picked ones."""
    rows = rows[:: -(-len(rows) // MOST_LOOKED_AT)]
    found = np.zeros((2, 2))
    alike = torch.ones_like(autoencoder.weight)
    for at in range(0, len(rows), 64):
        difference = autoencoder.difference(batch_of(recording, rows[at : at + 64]))
        guesses = (autoencoder(difference), autoencoder.mean - autoencoder.background)
        for column, weight in enumerate((autoencoder.weight, alike)):
            found[:, column] += [float(_loss(guess, difference, weight)) * len(difference) for guess in guesses]
    weighted, plain = found[0] / np.maximum(found[1], 1e-12)
    return Errors(float(weighted), float(plain))


def batch_of(recording: Recording, rows: Int64[Array, "B"]) -> UInt8[Tensor, "B H W C"]:
    """Frames of those rows."""
    return torch.from_numpy(recording.frame[rows])
