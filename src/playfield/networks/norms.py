"""What stands between a layer and its activation, or holds a layer's weights in bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from playfield.networks.draws import Draws
from playfield.settings import setting

_FIRST_ITERATIONS = 15  # as many as PyTorch makes when it first sees a weight


@dataclass(frozen=True, slots=True)
class NoNorm:
    """No normalisation between a layer and its activation."""

    def build(self, shape: tuple[int, ...]) -> nn.Module:
        return nn.Identity()


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """Zero mean and unit variance for each sample, with a learnt scale and shift.

    Source: Ba et al. (2016); PQN (Gallici et al., 2024) rests on it instead of on a target network.
    Neutral: with eps=0, values of zero mean and unit variance pass as they are until scale and shift are learnt.
    """

    over: Literal["map", "channels"] = setting(
        "map",
        "what is averaged over: the whole feature map (PyTorch ports of PQN) or each pixel's channels (its JAX code)",
    )

    eps: float = setting(1e-5, "added to the variance")

    def build(self, shape: tuple[int, ...]) -> nn.Module:
        """`shape` is `(H, W, C)` for maps and `(N,)` for vectors."""
        return _ChannelsLastNorm(shape if self.over == "map" else shape[-1:], self.eps)


Norm = NoNorm | LayerNorm


class _ChannelsLastNorm(nn.Module):
    """Layer norm of `N C H W` maps that lie in memory as `N H W C`, so that no copy is needed."""

    def __init__(self, shape: tuple[int, ...], eps: float) -> None:
        super().__init__()
        self.shape, self.eps = list(shape), eps
        self.weight = nn.Parameter(torch.ones(shape))
        self.bias = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Float[Tensor, "B ..."]) -> Float[Tensor, "B ..."]:
        if x.ndim == 2:
            return functional.layer_norm(x, self.shape, self.weight, self.bias, self.eps)
        last = functional.layer_norm(x.permute(0, 2, 3, 1), self.shape, self.weight, self.bias, self.eps)
        return last.permute(0, 3, 1, 2)


@dataclass(frozen=True, slots=True)
class SpectralNorm:
    """Weights divided by an estimate of their largest singular value, so that no layer stretches its input.

        W / σ,   σ = uᵀ W v,   and at every pass while training   v ← Wᵀu / |Wᵀu|,   u ← Wv / |Wv|

    u and v count as constants in the gradient, σ does not.
    Source: Miyato et al. (2018) algorithm 1; on the residual convolutions of BTR (Clark et al., 2024).
    Neutral: a weight whose largest singular value is 1 stays as it is.
    """

    iterations: int = setting(1, "improvements of the estimate at every pass while training")

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise ValueError("the iterations of a SpectralNorm must be 1 or more")

    def wrap(self, convolution: nn.Conv2d, draws: Draws) -> nn.Module:
        """The convolution with its weight divided; the first estimate starts from drawn vectors."""
        return _SpectralConvolution(convolution, self.iterations, draws.weights)


WeightNorm = NoNorm | SpectralNorm


class _SpectralConvolution(nn.Module):
    """See `SpectralNorm`. PyTorch's own draws its first vectors from the global generator."""

    u: Tensor
    v: Tensor

    def __init__(self, convolution: nn.Conv2d, iterations: int, generator: torch.Generator) -> None:
        super().__init__()
        self.convolution, self.iterations = convolution, iterations
        matrix = convolution.weight.detach().flatten(1)
        for name, size in zip("uv", matrix.shape, strict=True):
            self.register_buffer(name, functional.normalize(torch.empty(size).normal_(generator=generator), dim=0))
        self._improve(matrix, _FIRST_ITERATIONS)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D I J"]:
        inner = self.convolution
        matrix = inner.weight.flatten(1)
        if self.training:
            self._improve(matrix.detach(), self.iterations)
        # Copies, because the next pass overwrites u and v, maybe before this one's gradient is taken.
        sigma = torch.dot(self.u.clone(), matrix @ self.v.clone())
        return functional.conv2d(x, inner.weight / sigma, inner.bias, inner.stride, inner.padding)

    def _improve(self, matrix: Float[Tensor, "D N"], iterations: int) -> None:
        for _ in range(iterations):
            self.v.copy_(functional.normalize(matrix.T @ self.u, dim=0))
            self.u.copy_(functional.normalize(matrix @ self.v, dim=0))
