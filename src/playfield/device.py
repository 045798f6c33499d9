"""Where tensors live, and how numbers come and go there without anybody waiting for them.

The host gives work to a graphics card and goes on; it waits only for what it looks at. Whoever sends something there
must not touch it before it has arrived, and whoever asks for a number must not ask before it is needed:

    host    sent(index)   work   Late(loss)   emulators ...   late[0]
    card       index -->  work --> loss -------------------->  looked at: waits, if it must, for this number alone
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Literal, Protocol

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

HOST: Final = torch.device("cpu")


def processor(field: str) -> str:
    """What Linux tells of the processor under a name such as `model name`; elsewhere what the system calls it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith(field)), "unknown")
    except OSError:
        return platform.processor() or "unknown"


def device_named(text: str) -> torch.device:
    """The device of that name: cpu, cuda, or one of several as in cuda:1.

    Raises: ValueError where there is no such device, with what is missing.
    """
    kind, _, number = text.partition(":")
    if text == "cpu":
        return HOST
    if kind != "cuda" or (":" in text and not number.isdecimal()):
        raise ValueError(f"{text!r} is no device; choose cpu, cuda or, of several graphics cards, cuda:1")
    if torch.version.cuda is None:
        raise ValueError(
            f"{text} needs a PyTorch that is built for CUDA, and this is {torch.__version__}: install one as "
            "https://pytorch.org/get-started says"
        )
    cards = torch.cuda.device_count()
    if cards <= int(number or 0):
        found = "no graphics card was found" if cards == 0 else f"the last one found is cuda:{cards - 1}"
        raise ValueError(f"{text} is not there: {found}; see `nvidia-smi`")
    return torch.device("cuda", int(number or 0))


def card_bytes(device: torch.device) -> int | None:
    """Memory of a graphics card, also what others use of it; None of a device that is none."""
    return torch.cuda.mem_get_info(device)[1] if device.type == "cuda" else None


def use_deterministic_algorithms() -> None:
    """Let every operation of this process give the same bits each time it is done, and refuse those that cannot.

    To be called before anything is done on a graphics card: its linear algebra then works in memory of fixed size.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def device_text(device: torch.device) -> str:
    """What results depend on about a device, in words."""
    if device.type != "cuda":
        return device.type
    name, versions = torch.cuda.get_device_name(device), f"CUDA {torch.version.cuda}"
    exact = torch.are_deterministic_algorithms_enabled()
    return f"{name}, {versions}, {'deterministic' if exact else 'bits may differ from run to run'}"


Precision = Literal["float32", "tf32", "bfloat16"]
"""How a graphics card may multiply: in full, with 10 bits of mantissa, or with numbers of 16 bits."""


def allow(precision: Precision, device: torch.device) -> None:
    """Let the graphics cards of this process multiply no less exactly than that; PyTorch's own setting is not full."""
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"


def arithmetic(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Where a network passes: with 16 bits if it may on a graphics card; a processor always calculates in full."""
    if precision == "bfloat16" and device.type == "cuda":
        return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)  # a recording must not remember casts
    return nullcontext()


def sent(tensor: Shaped[Tensor, "*S"], device: torch.device) -> Shaped[Tensor, "*S"]:
    """The tensor on that device; nobody waits for its arrival, and what was given may be overwritten at once."""
    if tensor.device == device:
        return tensor
    if device.type != "cuda":
        return tensor.to(device)
    # Pinned memory of PyTorch's is not given to anybody else before the copy from it is over.
    return tensor.pin_memory().to(device, non_blocking=True)


Journey = Callable[[Tensor, Tensor], Callable[[], object]]
"""Begins to copy the first tensor into the second one; what comes back waits until that is over."""


def journey(source: Tensor, into: Tensor) -> Callable[[], object]:
    """See `Journey`."""
    into.copy_(source, non_blocking=True)
    if not (source.is_cuda or into.is_cuda):
        return lambda: None
    arrived = torch.cuda.Event()
    arrived.record(torch.cuda.current_stream(source.device if source.is_cuda else into.device))
    return arrived.synchronize


class Late:
    """A few numbers that a device may still be working on: they set out at once and are waited for when looked at."""

    def __init__(self, numbers: Float[Tensor, "N"]) -> None:
        self._numbers: list[float] | None = None
        if numbers.device == HOST:
            self._numbers = numbers.tolist()
        else:
            self._arriving = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=numbers.is_cuda)
            self._wait = journey(numbers.detach(), self._arriving)

    def __len__(self) -> int:
        return len(self._arriving) if self._numbers is None else len(self._numbers)

    def __getitem__(self, index: int) -> float:
        if self._numbers is None:
            self._wait()
            self._numbers = self._arriving.tolist()
        return self._numbers[index]


class Carrier(Protocol):
    """Puts what the host has into tensors that may lie elsewhere."""

    def send(self, values: Tensor, into: Tensor) -> None:
        """`values` may be overwritten as soon as this returns."""
        ...


class Beside:
    """Puts values into tensors of the host."""

    def send(self, values: Tensor, into: Tensor) -> None:
        into.copy_(values)


class DoubleBuffer:
    """Two buffers of the host that take turns: one is filled while the values in the other are still on their way.

        send(f0)   buffer 0 filled                    f0 sets out
        send(f1)   buffer 1 filled                    f1 sets out
        send(f2)   buffer 0: waits for f0, filled     f2 sets out

    They are pinned where values go to a graphics card, which then fetches them by itself.
    """

    def __init__(
        self, shape: tuple[int, ...], dtype: torch.dtype, *, pinned: bool = False, begin: Journey = journey
    ) -> None:
        self._buffers = [torch.empty(shape, dtype=dtype, pin_memory=pinned) for _ in range(2)]
        self._waits: list[Callable[[], object]] = [lambda: None, lambda: None]
        self._begin, self._turn = begin, 0

    def send(self, values: Tensor, into: Tensor) -> None:
        turn, self._turn = self._turn, 1 - self._turn
        self._waits[turn]()
        self._waits[turn] = self._begin(self._buffers[turn].copy_(values), into)


def carrier(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Carrier:
    """What brings values of that shape to a device again and again."""
    return Beside() if device == HOST else DoubleBuffer(shape, dtype, pinned=device.type == "cuda")
