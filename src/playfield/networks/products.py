"""Matrix products of fully connected layers, by the library that is quicker on this processor."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

LARGE: Final = 1 << 18
"""Weights from which on a quicker product makes up for the calls of Python around it."""


def affine(x: Float[Tensor, "*B N"], weight: Float[Tensor, "M N"], bias: Float[Tensor, "M"]) -> Float[Tensor, "*B M"]:
    """Every row's weighted sums and biases: x Wᵀ + b.

    PyTorch leaves products on the processor to MKL, whose fastest kernels are for Intel's own: on one of AMD with
    AVX-512, oneDNN, which does the convolutions there, is twice as fast. Results differ by the order of their sums.
    """
    if weight.numel() < LARGE or x.device.type != "cpu" or x.dtype != torch.float32 or not onednn_is_quicker():
        return functional.linear(x, weight, bias)
    return _Affine.apply(x, weight, bias) if torch.is_grad_enabled() else _product(x, weight, bias)


@cache
def onednn_is_quicker() -> bool:
    """Whether this processor is one on which MKL does without its fastest kernels, and oneDNN is there."""
    is_there = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    return is_there and torch.backends.cpu.get_cpu_capability() == "AVX512" and "AuthenticAMD" in _processor()


def _processor() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return platform.processor()


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class _Affine(Function):
    """The same with its gradients, which are products of the same kind."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        (grad,), (x, weight) = grads, ctx.saved_tensors
        wants_x, wants_weight, wants_bias = ctx.needs_input_grad
        rows, given = grad.reshape(-1, grad.shape[-1]), x.reshape(-1, x.shape[-1])
        return (
            _product(grad, weight.t()) if wants_x else None,
            _product(rows.t(), given.t()) if wants_weight else None,
            rows.sum(0) if wants_bias else None,
        )
