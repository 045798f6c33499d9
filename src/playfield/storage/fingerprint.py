"""What exactness depends on besides the seed: versions, threads, instruction set. Where equal, bits are equal."""

from __future__ import annotations

import functools
import hashlib
import platform
from collections.abc import Mapping
from importlib import metadata

import torch

from playfield.device import processor

_ARITHMETIC = "3"
"""Raised where a change of ours alters the last bits of a recipe, with its reason in the changelog."""
_PACKAGES = ("playfield", "torch", "numpy", "ale-py", "gymnasium")


def take(device: str = "cpu") -> dict[str, str | int]:
    """The fingerprint of this process, now, whose network is on that device."""
    return {**_unchanging(), "torch threads": torch.get_num_threads(), "device": device}


def differences(saved: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """One sentence for each thing that is not as it was; none means that a resumed run is bit-identical.

    That holds on the CPU; what a device is called says whether it holds there.
    """
    saved, now = ({"device": "cpu", **each} for each in (saved, now))  # for long there was no other
    names = [*saved, *(name for name in now if name not in saved)]
    return [_difference(name, saved, now) for name in names if saved.get(name) != now.get(name)]


def _difference(name: str, saved: Mapping[str, object], now: Mapping[str, object]) -> str:
    was, is_ = ("were", "are") if name.endswith("threads") else ("was", "is")
    return f"{name} {was} {saved.get(name, 'unknown')} at save and {is_} {now.get(name, 'unknown')} now"


@functools.cache
def _unchanging() -> dict[str, str]:
    build = hashlib.blake2b(torch.__config__.show().encode(), digest_size=8).hexdigest()
    return {
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
        "arithmetic": _ARITHMETIC,
        "torch build": build,
        "instruction set": torch.backends.cpu.get_cpu_capability(),
        "platform": platform.system(),
        "machine": platform.machine(),
        "CPU model": processor("model name"),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
