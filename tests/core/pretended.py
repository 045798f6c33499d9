"""A device that is not there, for machines without a graphics card: its tensors lie in the host's memory and compute.

Which tensors are "there" is known by the memory they use. Whatever would fail or wait on a real device is found:

    there + here                      fails, but for copies and numbers of no dimension
    torch.zeros(..., device=DEVICE)   is there; without a device it is here
    float(x), x.tolist(), x.nonzero(), torch.unique(x), x[mask], x.cpu() of what is there: each counted as a wait
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

DEVICE = torch.device("hpu")
"""A kind that PyTorch knows by name, and neither this build nor this program knows more of."""
WAITS = {
    *("item", "tolist", "nonzero", "unique", "masked_select", "equal", "argwhere"),
    *("__bool__", "__float__", "__int__", "__index__"),
}

MEETING = {"copy_", "_has_compatible_shallow_copy_type", "__set__"}
"""What may be given tensors of two devices: copies, and a module that moves."""


class WrongDevice(AssertionError):
    """Tensors of two devices met."""


class Pretended(TorchFunctionMode):
    """While it is entered, `DEVICE` can be used like any other."""

    def __init__(self) -> None:
        super().__init__()
        self._there: dict[int, Any] = {}  # storages by address; held, so that no address is given out again
        self.waits: Counter[str] = Counter()

    def is_there(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage().data_ptr() in self._there

    def _put(self, value: Any) -> Any:
        for tensor in tensors_in(value):
            storage = tensor.untyped_storage()
            if storage.data_ptr() != 0:
                self._there[storage.data_ptr()] = storage
        return value

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name, given = getattr(func, "__name__", str(func)), dict(kwargs or {})
        there = any(self.is_there(tensor) for tensor in tensors_in((args, given)))
        if name == "__get__" and getattr(func.__self__, "__name__", "") == "device":
            return DEVICE if there and not from_library(sys._getframe(1)) else func(*args)
        if name in ("to", "cpu"):
            return self._moved(func, name, args, given, there)
        asked = given.get("device")
        if asked is not None:
            given["device"] = torch.device("cpu")
        if there:
            self._check(name, args, given)
        found = func(*args, **given)
        if name in MEETING:  # what is written to stays where it is
            return found
        return self._put(found) if there or asked == DEVICE else found

    def _moved(self, func: Any, name: str, args: tuple[Any, ...], given: dict[str, Any], there: bool) -> Any:
        to = given.get("device", next((each for each in args[1:] if isinstance(each, torch.device)), None))
        if name == "cpu":
            to = torch.device("cpu")
        if to is None or (there and from_library(sys._getframe(2))):
            found = func(*args, **given)
            return self._put(found) if there else found
        rest = [each for each in args[1:] if isinstance(each, torch.dtype)]
        moved = args[0].detach().clone() if not rest else args[0].detach().to(rest[0], copy=True)
        if to == DEVICE:
            return self._put(moved)
        if there:
            self.waits[name] += 1
        return moved

    def _check(self, name: str, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        if name in WAITS:
            self.waits[name] += 1
        if name == "numpy":
            raise WrongDevice("an array of what is on the device")
        if name in ("__getitem__", "__setitem__"):
            masks = [each for each in tensors_in(args[1]) if each.dtype == torch.bool]
            self.waits.update("mask" for _ in masks)
        if name in MEETING:
            return
        for tensor in tensors_in((args, given)):
            if tensor.ndim > 0 and tensor.numel() > 0 and not self.is_there(tensor):
                raise WrongDevice(
                    f"{name} of a tensor on the device and one of the host, of shape {tuple(tensor.shape)}"
                )


def from_library(frame: FrameType) -> bool:
    """Whether PyTorch itself asks: it is told the truth, that the tensors lie in the host's memory."""
    return frame.f_globals["__name__"].startswith("torch.") and "nn.modules.module" not in frame.f_globals["__name__"]


def tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for child in value:
            yield from tensors_in(child)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
