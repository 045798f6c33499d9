"""The residual torso of IMPALA, and BTR's with spectral norms."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from playfield.networks.draws import Draws
from playfield.networks.inits import Init, UniformInit
from playfield.networks.layers import Convolution, Pixels, channels_last
from playfield.networks.norms import NoNorm, SpectralNorm, WeightNorm
from playfield.settings import setting


@dataclass(frozen=True, slots=True)
class Impala:
    """Stages of a convolution, a halving max pool and residual blocks; then a ReLU and a max pool to a small map.

    Source: Espeholt et al. (2018) fig. 3, large; the defaults are BTR's (Clark et al., 2024), with twice the channels.
    Neutral: blocks=0 leaves convolutions and pools; residual_norm=NoNorm and pool=none are the original.
    """

    widths: tuple[int, ...] = setting((32, 64, 64), "channels of each stage; a stage halves height and width")
    blocks: int = setting(2, "residual blocks of each stage")
    residual_norm: WeightNorm = setting(SpectralNorm(), "what bounds the weights of the residual blocks")
    pool: int | None = setting(6, "height and width of the map that is left, by taking maxima; none to leave all of it")
    init: Init = setting(UniformInit(), "how weights and biases start")

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise ValueError("torso.widths must name at least one stage, each of 1 channel or more")
        if self.blocks < 0 or (self.pool is not None and self.pool < 1):
            raise ValueError("torso.blocks must be 0 or more, and torso.pool 1 or more or none")

    def build(self, shape: tuple[int, ...], draws: Draws) -> tuple[nn.Module, int]:
        """The torso for observations of `shape` (C, H, W), and how many features it gives.

        Raises: ValueError where the frames are vectors, or too small for the stages or the pool.
        """
        if len(shape) != 3:
            raise ValueError("the Impala torso needs pixels, but this game shows vectors; use torso=Mlp")
        channels, height, width = shape
        modules: list[nn.Module] = [Pixels()]
        for out in self.widths:
            if min(height, width) < 2:
                raise ValueError(
                    f"frames of {shape[1]}x{shape[2]} pixels are too small to be halved {len(self.widths)} times: "
                    "use fewer torso.widths"
                )
            first = Convolution(entries=channels, channels=out, padding=1).build(self.init, draws)
            modules += [first, nn.MaxPool2d(3, 2, 1), *(self._block(out, draws) for _ in range(self.blocks))]
            channels, height, width = out, (height + 1) // 2, (width + 1) // 2
        modules.append(nn.ReLU(inplace=True))
        if self.pool is not None:
            if min(height, width) < self.pool:
                raise ValueError(
                    f"frames of {shape[1]}x{shape[2]} pixels leave a map of {height}x{width}, too small for "
                    f"torso.pool={self.pool}: use a smaller one, or none"
                )
            modules.append(nn.AdaptiveMaxPool2d(self.pool))
            height = width = self.pool
        torso = nn.Sequential(*modules, nn.Flatten())
        channels_last(torso)
        return torso, channels * height * width

    def _block(self, channels: int, draws: Draws) -> nn.Module:
        return _Block(self._convolution(channels, draws), self._convolution(channels, draws))

    def _convolution(self, channels: int, draws: Draws) -> nn.Module:
        made = Convolution(entries=channels, channels=channels, padding=1).build(self.init, draws)
        match self.residual_norm:
            case SpectralNorm():
                return self.residual_norm.wrap(made, draws)
            case NoNorm():
                return made


class _Block(nn.Module):
    """Two convolutions of the rectified input, added to the input."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return x + self.second(functional.relu(self.first(functional.relu(x)), inplace=True))
