"""What this machine has."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_KEPT_BYTES = 1 << 30
"""Of freed memory at the end of the heap, what stays with the process."""
_OWN_MAPPING_BYTES = (1 << 28, 1 << 25)
"""From which size on what is asked for is given back as a whole: replay memories, and no batch. Older glibc takes at
most the second."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> None:
    """Let this process keep the memory it has freed, for its next use of as much; where the C library is glibc.

    Every update frees its gradients and all that its batch left on its way, tens of megabytes. glibc gives them back to
    the system, which clears each page of them at its next use: on a virtual machine a tenth of the time of an update.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    # The second setting fixes the first one where it is, which would be far too low if it had been refused.
    if any(library.mallopt(_M_MMAP_THRESHOLD, size) for size in _OWN_MAPPING_BYTES):
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def device_asked_for(text: str) -> torch.device:
    """The device that `--device` names.

    Raises: ValueError where there is no such device, with what is missing and what can be typed instead.
    """
    from playfield.device import device_named

    try:
        return device_named(text)
    except ValueError as error:
        raise ValueError(f"--device {error}; --device cpu is always there") from error


def memory_bytes() -> int | None:
    """Physical memory, or what this process may have of it; None where the system does not say."""
    try:
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    return min([physical, *group_limits()])


def group_limits(system: Path = Path("/")) -> list[int]:
    """Limits on memory of the groups (cgroups) that this process is in, as containers and batch systems set them."""
    limits: list[int] = []
    for line in _text(system / "proc/self/cgroup").splitlines():
        _, kinds, group = line.split(":", 2)
        top, file = system / "sys/fs/cgroup", "memory.max"
        if kinds:  # version 1, with a tree of groups for each kind
            if "memory" not in kinds.split(","):
                continue
            top, file = top / "memory", "memory.limit_in_bytes"
        folder = top / group.lstrip("/")
        # A group may have what every group around it allows.
        for each in (folder, *folder.parents):
            if (text := _text(each / file).strip()).isdigit():
                limits.append(int(text))
            if each == top:
                break
    return limits


def resident_bytes(pid: int | None = None) -> int | None:
    """Memory that a process (this one) and those it has started have now; None where the system does not say."""
    folder = Path("/proc") / (str(pid) if pid is not None else "self")
    own = next((line for line in _text(folder / "status").splitlines() if line.startswith("VmRSS:")), None)
    if own is None:
        return None
    children = (child for task in folder.glob("task/*/children") for child in _text(task).split())
    return (int(own.split()[1]) << 10) + sum(resident_bytes(int(child)) or 0 for child in children)


def _text(path: Path) -> str:
    """What a file of the system says; nothing where it has no such file."""
    try:
        return path.read_text()
    except OSError:
        return ""
