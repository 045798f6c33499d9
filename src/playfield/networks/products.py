"""Matrix products of fully connected layers, by the library that is quicker on this processor."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from playfield.device import processor

LARGE: Final = 1 << 18
"""Weights from which on a quicker product makes up for the calls of Python around it: docs/decisions/0036."""


def affine(x: Float[Tensor, "*B N"], weight: Float[Tensor, "M N"], bias: Float[Tensor, "M"]) -> Float[Tensor, "*B M"]:
    """Every row's weighted sums and biases: x Wᵀ + b.

    PyTorch leaves products on the processor to MKL, whose fastest kernels are for Intel's own: on one of AMD with
    AVX-512, oneDNN, which does the convolutions there, is twice as fast. Results differ by the order of their sums.
    """
    if weight.numel() < LARGE or not _suits_onednn(x, weight) or not onednn_is_quicker():
        return functional.linear(x, weight, bias)
    rows = x.reshape(-1, x.shape[-1])  # outside: a view that a function of ours gave could not be changed in place
    found = _Affine.apply(rows, weight, bias) if torch.is_grad_enabled() else _product(rows, weight, bias)
    return found.reshape(*x.shape[:-1], len(weight))


def _suits_onednn(x: Tensor, weight: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32 and x.numel() > 0


@cache
def onednn_is_quicker() -> bool:
    """Whether this processor is one on which MKL does without its fastest kernels, and oneDNN is there."""
    is_there = torch.backends.mkldnn.enabled and torch.backends.mkldnn.is_available()
    is_there = is_there and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    is_amd = "AuthenticAMD" in processor("vendor_id")
    return is_there and is_amd and torch.backends.cpu.get_cpu_capability() == "AVX512"


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class _Affine(Function):
    """The same of rows, with its gradients, which are products of the same kind."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        (grad,), (x, weight) = grads, ctx.saved_tensors
        wants_x, wants_weight, wants_bias = ctx.needs_input_grad
        return (
            _product(grad, weight.t()) if wants_x else None,
            _product(grad.t(), x.t()) if wants_weight else None,
            grad.sum(0) if wants_bias else None,
        )
