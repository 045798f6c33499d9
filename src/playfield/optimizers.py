"""Optimisers as values; ours where the published one is not PyTorch's."""

# PyTorch gives its fused list operations no public name yet; torch.optim itself is written with them.
# pyright: reportPrivateUsage=false, reportPrivateImportUsage=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from playfield.device import HOST
from playfield.schedules import Exponential, Linear, Piecewise, extremes
from playfield.settings import setting
from playfield.types import Tree

Rate = float | Linear | Exponential | Piecewise
"""A step size, or how it changes with the emulator frames since learning began."""

LR_HELP = "step size; a schedule of it counts emulator frames since learning began"
CLIP_HELP = "largest global gradient norm; longer gradients are shortened to it before the step; none for no limit"


@dataclass(frozen=True, slots=True)
class RMSProp:
    """Centred RMSProp with epsilon inside the root.

        w ← w − lr · g / √(E[g²] − E[g]² + eps)

    Source: Graves (2013) eq. 40, as used by Mnih et al. (2015). PyTorch adds eps outside the root: not the same.
    Neutral: decay=1 is gradient descent with the step size lr / √eps.
    """

    lr: Rate = setting(2.5e-4, LR_HELP)
    decay: float = setting(0.95, "how slowly the running means of g and g² move")
    eps: float = setting(
        0.01 / 32**2, "added under the root; 0.01 for gradients summed over 32 samples is 0.01/32² for means"
    )
    clip_norm: float | None = setting(None, CLIP_HELP)

    def __post_init__(self) -> None:
        _check(self.lr, self.eps, self.clip_norm)

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        every = list(parameters)
        return CenteredRMSProp(every, _of_device(rate(self.lr, 0), every), self.decay, self.eps)


@dataclass(frozen=True, slots=True)
class Adam:
    """Adam: the running mean of the gradient over the root of that of its square, both without their slow start.

    Source: Kingma & Ba (2015), algorithm 1, with β₁ = 0.9 and β₂ = 0.999.
    Neutral: eps far above all gradients leaves momentum, with the step size lr / eps.
    """

    lr: Rate = setting(6.25e-5, LR_HELP)
    eps: float = setting(1.5e-4, "added outside the root")
    clip_norm: float | None = setting(None, CLIP_HELP)

    def __post_init__(self) -> None:
        _check(self.lr, self.eps, self.clip_norm)

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        every = list(parameters)
        lr, capturable = _of_device(rate(self.lr, 0), every), _is_recorded(every)
        return torch.optim.Adam(every, lr=lr, eps=self.eps, fused=True, capturable=capturable)


@dataclass(frozen=True, slots=True)
class AdamW:
    """Adam, and weights that shrink by a share of themselves at every step, apart from the gradient.

        w ← w − lr · weight_decay · w − Adam's step

    Source: Loshchilov & Hutter (2019); BBF (Schwarzer et al., 2023), which spares biases and norms, as here.
    Neutral: weight_decay=0 is `Adam`.
    """

    lr: Rate = setting(1e-4, LR_HELP)
    eps: float = setting(1.5e-4, "added outside the root")
    weight_decay: float = setting(0.1, "share that is taken from a weight at a step, divided by the step size")
    clip_norm: float | None = setting(None, CLIP_HELP)

    def __post_init__(self) -> None:
        _check(self.lr, self.eps, self.clip_norm)
        if self.weight_decay < 0:
            raise ValueError("optimizer.weight_decay must be 0 or more")

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        every = list(parameters)
        groups = [
            {"params": [p for p in every if p.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in every if p.ndim <= 1], "weight_decay": 0.0},
        ]
        lr, capturable = _of_device(rate(self.lr, 0), every), _is_recorded(every)
        used = [group for group in groups if group["params"]]
        return torch.optim.AdamW(used, lr=lr, eps=self.eps, fused=True, capturable=capturable)


@dataclass(frozen=True, slots=True)
class RAdam:
    """Rectified Adam: steps are short while the mean of squares rests on few gradients; the first ones do not use it.

    Source: Liu et al. (2020), algorithm 2, with β₁ = 0.9 and β₂ = 0.999; rectified where ρ > 5 as in PyTorch, there 4.
    Neutral: from about 10,000 steps on the rectification is all but 1, which is `Adam`.
    """

    lr: Rate = setting(2.5e-4, LR_HELP)
    eps: float = setting(1e-8, "added outside the root")
    clip_norm: float | None = setting(10.0, CLIP_HELP)

    def __post_init__(self) -> None:
        _check(self.lr, self.eps, self.clip_norm)

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        every = list(parameters)
        if not _is_recorded(every):
            return RectifiedAdam(every, rate(self.lr, 0), self.eps)
        lr = _of_device(rate(self.lr, 0), every)
        return torch.optim.RAdam(every, lr=lr, eps=self.eps, foreach=True, capturable=True)


OptimizerSpec = RMSProp | Adam | AdamW | RAdam
"""Every optimiser."""


class BuildsOptimizer(Protocol):
    """What a learner asks of an optimiser's settings."""

    @property
    def lr(self) -> Rate:
        """Step size."""
        ...

    @property
    def clip_norm(self) -> float | None:
        """Largest global gradient norm."""
        ...

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """An optimiser of these parameters."""
        ...


def rate(lr: Rate, frames: int) -> float:
    """The step size at a number of emulator frames since learning began."""
    return lr if isinstance(lr, int | float) else lr(frames)


def set_rate(optimizer: Optimizer, lr: float) -> None:
    """Let all later steps be of that size."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr


def _is_recorded(parameters: Sequence[nn.Parameter]) -> bool:
    """Whether steps are recorded as a CUDA graph: then all that changes has to lie on the device."""
    return any(parameter.is_cuda for parameter in parameters)


def _of_device(lr: float, parameters: Sequence[nn.Parameter]) -> float | Tensor:
    """A step size that `set_rate` can still change where steps are recorded."""
    return torch.tensor(lr, device=parameters[0].device) if _is_recorded(parameters) else lr


def _check(lr: Rate, eps: float, clip_norm: float | None) -> None:
    lowest = lr if isinstance(lr, int | float) else extremes(lr)[0]
    if rate(lr, 0) <= 0 or lowest < 0:
        raise ValueError("optimizer.lr must begin above 0 and never fall below it")
    if eps < 0 or (clip_norm is not None and clip_norm <= 0):
        raise ValueError("optimizer.eps must be 0 or more and clip_norm above 0")


class CenteredRMSProp(Optimizer):
    """See `RMSProp`."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float | Tensor, decay: float, eps: float) -> None:
        super().__init__(parameters, {"lr": lr, "decay": decay, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        assert closure is None
        for group in self.param_groups:
            weights = [p for p in group["params"] if p.grad is not None]
            grads: list[Tensor] = [p.grad for p in weights]
            for p in weights:
                if p not in self.state:
                    self.state[p] = {"mean": torch.zeros_like(p), "square": torch.zeros_like(p)}
            mean, square = ([self.state[p][key] for p in weights] for key in ("mean", "square"))
            decay = group["decay"]
            torch._foreach_lerp_(mean, grads, 1.0 - decay)
            torch._foreach_mul_(square, decay)
            torch._foreach_addcmul_(square, grads, grads, 1.0 - decay)
            variance = torch._foreach_addcmul(square, mean, mean, -1.0)
            torch._foreach_add_(variance, group["eps"])
            torch._foreach_sqrt_(variance)
            if isinstance(group["lr"], Tensor):
                step = torch._foreach_div(grads, variance)
                torch._foreach_mul_(step, -group["lr"])
                torch._foreach_add_(weights, step)
            else:
                torch._foreach_addcdiv_(weights, grads, variance, -group["lr"])


class RectifiedAdam(Optimizer):
    """See `RAdam`. PyTorch's counts anew for each parameter, and goes through all its memory ten times."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, eps: float) -> None:
        super().__init__(parameters, {"lr": lr, "betas": (0.9, 0.999), "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        assert closure is None
        for group in self.param_groups:
            weights = [p for p in group["params"] if p.grad is not None]
            grads: list[Tensor] = [p.grad for p in weights]
            for p in weights:
                if p not in self.state:
                    moments = {"exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
                    self.state[p] = {"step": torch.tensor(0.0), **moments}
            count, mean, square = ([self.state[p][key] for p in weights] for key in ("step", "exp_avg", "exp_avg_sq"))
            torch._foreach_add_(count, torch.tensor(1.0), alpha=1.0)
            beta1, beta2 = group["betas"]
            step = float(count[0])
            if (shortened := _rectification(step, beta2)) is None:
                torch._foreach_lerp_(mean, grads, 1.0 - beta1)
                torch._foreach_mul_(square, beta2)
                torch._foreach_addcmul_(square, grads, grads, 1.0 - beta2)
                torch._foreach_add_(weights, mean, alpha=-group["lr"] / (1.0 - beta1**step))
            else:
                # Adam's step at a shorter rate. Its eps comes after the root's slow start is made up for, ours before.
                torch._fused_adam_(
                    weights, grads, mean, square, [], count, lr=group["lr"] * shortened, beta1=beta1, beta2=beta2,
                    weight_decay=0.0, eps=group["eps"] / (1.0 - beta2**step) ** 0.5, amsgrad=False, maximize=False,
                )  # fmt: skip


def _rectification(step: float, beta2: float) -> float | None:
    """By how much a step is shortened; None where the mean square rests on too few gradients to be used."""
    longest = 2.0 / (1.0 - beta2) - 1.0
    length = longest - 2.0 * step * beta2**step / (1.0 - beta2**step)
    if length <= 5.0:
        return None
    return ((length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)) ** 0.5


def optimizer_state(optimizer: Optimizer) -> Tree:
    """What the optimiser has learnt about every parameter, by the parameter's position."""
    state: dict[str, Any] = {}
    for i, p in enumerate(_parameters(optimizer)):
        state[str(i)] = dict(optimizer.state.get(p, {}))
    return state


def load_optimizer_state(optimizer: Optimizer, tree: Tree) -> None:
    """The inverse of `optimizer_state`.

    Raises: ValueError where the tree is of other parameters.
    """
    parameters = _parameters(optimizer)
    if len(tree) != len(parameters):
        raise ValueError(f"the optimiser has {len(parameters)} parameters but its saved state has {len(tree)}")
    optimizer.state.clear()
    for i, p in enumerate(parameters):
        if saved := tree[str(i)]:
            optimizer.state[p] = {k: _like(v, p) if isinstance(v, Tensor) else v for k, v in saved.items()}


def _like(value: Tensor, parameter: nn.Parameter) -> Tensor:
    """A copy laid out in memory as the parameter, so that later sums are made in the same order."""
    if value.shape != parameter.shape:
        return value.to(_place_of_counts(parameter), copy=True)
    copy = torch.empty_like(parameter)
    return copy.copy_(value).detach()


def _place_of_counts(parameter: nn.Parameter) -> torch.device:
    """Where an optimiser counts its steps: on the device where they are recorded, on the host else."""
    return parameter.device if _is_recorded([parameter]) else HOST


def _parameters(optimizer: Optimizer) -> list[nn.Parameter]:
    return [p for group in optimizer.param_groups for p in group["params"]]
