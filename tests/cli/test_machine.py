"""What the command line asks of this machine."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys

import pytest

USES = """
import resource, sys
from playfield.cli.machine import keep_freed_memory

def use(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        held = [bytearray(30_000_000) for _ in range(4)]
        del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "keeping":
    keep_freed_memory()
once = use(1)
print(once, use(10))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked to keep freed memory")
def test_memory_that_was_freed_is_used_again_without_asking_the_system() -> None:
    """A page that the process has had before costs nothing; of one that the system gives, a fault is counted."""
    pages = 120_000_000 // resource.getpagesize()
    first, later = faults("keeping")
    assert first > pages / 1_000, "the first use is given by the system, whatever the size of its pages"
    assert later < first / 10
    first, later = faults("as it is")
    assert later > 5 * first


def faults(how: str) -> tuple[int, int]:
    done = subprocess.run([sys.executable, "-c", USES, how], capture_output=True, text=True, check=True)
    first, later = done.stdout.split()
    return int(first), int(later)
