"""A torso after EfficientNetV2, for small frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from playfield.networks.draws import Draws
from playfield.networks.inits import Init, NormalInit
from playfield.networks.layers import Convolution, Pixels, channels_last, linear
from playfield.networks.norms import LayerNorm, Norm
from playfield.settings import setting

CHANNELS_HELP = "channels of the stage's output"
STRIDE_HELP = "2 for the first block to halve height and width, 1 to keep them"
EXPANSION_HELP = "how many times wider a block is inside"
BLOCKS_HELP = "blocks of the stage"


class _Map(NamedTuple):
    """The shape of what one layer hands to the next."""

    channels: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class _Kit:
    """What all layers of one torso are made with."""

    norm: Norm
    init: Init
    draws: Draws

    def layer(self, shape: _Map, convolution: Convolution) -> tuple[list[nn.Module], _Map]:
        """A convolution and its norm."""
        height, width = convolution.after(shape.height), convolution.after(shape.width)
        made = [convolution.build(self.init, self.draws), self.norm.build((height, width, convolution.channels))]
        return made, _Map(convolution.channels, height, width)


def _check_stage(channels: int, stride: int, expansion: int, blocks: int) -> None:
    if min(channels, expansion, blocks) < 1 or stride not in (1, 2):
        raise ValueError("a stage's channels, expansion and blocks must be 1 or more, and its stride 1 or 2")


@dataclass(frozen=True, slots=True)
class FusedMBConv:
    """Blocks that widen by a 3x3 convolution and narrow by a 1x1: quick on early, large maps.

    Source: Tan & Le (2021) fig. 2.
    Neutral: expansion=1 leaves a single 3x3 convolution.
    """

    channels: int = setting(48, CHANNELS_HELP)
    stride: int = setting(2, STRIDE_HELP)
    expansion: int = setting(4, EXPANSION_HELP)
    blocks: int = setting(1, BLOCKS_HELP)

    def __post_init__(self) -> None:
        _check_stage(self.channels, self.stride, self.expansion, self.blocks)

    def block(self, shape: _Map, stride: int, kit: _Kit) -> tuple[list[nn.Module], _Map]:
        """One block without its shortcut, and the map that it gives."""
        inside = self.channels if self.expansion == 1 else shape.channels * self.expansion
        widen = Convolution(entries=shape.channels, channels=inside, stride=stride, padding=1)
        modules, shape = kit.layer(shape, widen)
        modules.append(nn.SiLU())
        if self.expansion == 1:
            return modules, shape
        narrow, shape = kit.layer(shape, Convolution(entries=inside, channels=self.channels, size=1))
        return [*modules, *narrow], shape


@dataclass(frozen=True, slots=True)
class MBConv:
    """Blocks that widen by a 1x1 convolution, look around within each channel, weigh the channels, and narrow.

    Source: Sandler et al. (2018), with squeeze-and-excitation (Hu et al., 2018), as in Tan & Le (2021) fig. 2.
    Neutral: expansion=1 does not widen.
    """

    channels: int = setting(64, CHANNELS_HELP)
    stride: int = setting(2, STRIDE_HELP)
    expansion: int = setting(4, EXPANSION_HELP)
    blocks: int = setting(2, BLOCKS_HELP)
    squeeze: float = setting(0.25, "units that weigh the channels, as a share of the block's input channels")

    def __post_init__(self) -> None:
        _check_stage(self.channels, self.stride, self.expansion, self.blocks)
        if not 0.0 < self.squeeze <= 1.0:
            raise ValueError("the squeeze of an MBConv stage must lie above 0 and at most at 1")

    def block(self, shape: _Map, stride: int, kit: _Kit) -> tuple[list[nn.Module], _Map]:
        """One block without its shortcut, and the map that it gives."""
        entries, inside = shape.channels, shape.channels * self.expansion
        modules: list[nn.Module] = []
        if self.expansion > 1:
            widen, shape = kit.layer(shape, Convolution(entries=entries, channels=inside, size=1))
            modules = [*widen, nn.SiLU()]
        each = Convolution(entries=inside, channels=inside, stride=stride, padding=1, groups=inside)
        look, shape = kit.layer(shape, each)
        units = max(1, round(entries * self.squeeze))
        weigh = _SqueezeExcite(linear(inside, units, kit.init, kit.draws), linear(units, inside, kit.init, kit.draws))
        narrow, shape = kit.layer(shape, Convolution(entries=inside, channels=self.channels, size=1))
        return [*modules, *look, nn.SiLU(), weigh, *narrow], shape


Stage = FusedMBConv | MBConv


@dataclass(frozen=True, slots=True)
class AveragePool:
    """Averages over a grid of equal parts of the map.

    Source: Lin, Chen & Yan (2014) for size=1; EfficientNet ends in it.
    Neutral: a grid as large as the map leaves it as it is.
    """

    size: int = setting(1, "height and width of the grid")

    def build(self) -> nn.Module:
        return nn.AdaptiveAvgPool2d(self.size)


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Maxima over a grid of equal parts of the map.

    Source: BTR (Clark et al., 2024), there with size=6.
    Neutral: a grid as large as the map leaves it as it is.
    """

    size: int = setting(3, "height and width of the grid")

    def build(self) -> nn.Module:
        return nn.AdaptiveMaxPool2d(self.size)


Pool = AveragePool | MaxPool


@dataclass(frozen=True, slots=True)
class EfficientNet:
    """A halving convolution, stages of inverted residual blocks, a pool to a small map.

    The norm is ours: batch norm, the original's, would let each sample's value depend on which others were drawn with
    it, and give online and target networks different averages of the same weights' doing. Stochastic depth is left out.

    Source: Tan & Le (2021), EfficientNetV2, with fewer and narrower stages: frames here are small.
    Neutral: stages=() leaves the halving convolution and the pool.
    """

    stem: int = setting(24, "channels of the first convolution, which halves height and width")
    stages: tuple[Stage, ...] = setting(
        (FusedMBConv(24, 1, 1, 1), FusedMBConv(48, 2, 4, 1), MBConv(64, 2, 4, 2), MBConv(128, 2, 4, 2)),
        "stages after it; fused ones first",
    )
    norm: Norm = setting(LayerNorm(over="channels"), "after each convolution")
    pool: Pool = setting(MaxPool(), "how the last map is made small")
    init: Init = setting(NormalInit(), "how weights and biases start")

    def __post_init__(self) -> None:
        if self.stem < 1 or self.pool.size < 1:
            raise ValueError("torso.stem and torso.pool.size must be 1 or more")

    def build(self, shape: tuple[int, ...], draws: Draws) -> tuple[nn.Module, int]:
        """The torso for observations of `shape` (C, H, W), and how many features it gives.

        Raises: ValueError where the frames are vectors, or too small for the pool.
        """
        if len(shape) != 3:
            raise ValueError("the EfficientNet torso needs pixels, but this game shows vectors; use torso=Mlp")
        kit = _Kit(self.norm, self.init, draws)
        stem, last = kit.layer(_Map(*shape), Convolution(entries=shape[0], channels=self.stem, stride=2, padding=1))
        modules: list[nn.Module] = [Pixels(), *stem, nn.SiLU()]
        for stage in self.stages:
            for number in range(stage.blocks):
                before = last
                block, last = stage.block(before, stage.stride if number == 0 else 1, kit)
                modules.append(_Shortcut(*block) if before == last else nn.Sequential(*block))
        if min(last.height, last.width) < self.pool.size:
            raise ValueError(
                f"frames of {shape[1]}x{shape[2]} pixels leave a map of {last.height}x{last.width}, too small for "
                f"torso.pool.size={self.pool.size}: use a smaller pool or fewer stages of stride 2"
            )
        torso = nn.Sequential(*modules, self.pool.build(), nn.Flatten())
        channels_last(torso)
        return torso, last.channels * self.pool.size**2


class _Shortcut(nn.Module):
    """Layers whose input is added to their output."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return x + self.layers(x)


class _SqueezeExcite(nn.Module):
    """Each channel times a weight in (0, 1) that is found from the means of all channels."""

    def __init__(self, squeeze: nn.Linear, excite: nn.Linear) -> None:
        super().__init__()
        self.squeeze, self.excite = squeeze, excite

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        weight = self.excite(functional.silu(self.squeeze(x.mean((2, 3))))).sigmoid()
        return x * weight[:, :, None, None]
