"""What a competitor measures of itself, the same for all: the standard library alone, since environments differ.

A competitor is a process of its own. It plays at random for `start` decisions, learns for `warm` more, and what it does
in the next `steps` is measured:

    decisions  0 ....... start ....... start+warm ............ start+warm+steps
               random    learning      measured                 report, one line of JSON on standard output
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
MARK = "REPORT "
"""Begins the line of the report: what libraries print besides is left alone."""
SLICES = 10
"""Parts of the measured time that are told apart, so that a disturbance shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The work, as numbers that every competitor is given."""

    part: str
    steps: int = 2_000
    """Decisions (or draws, updates, acts where only those are measured) that are measured."""
    warm: int = 400
    """Decisions of learning before the clock starts."""
    start: int = 1_000
    """Decisions of random play before learning."""
    capacity: int = 100_000
    """Transitions that the memory holds."""
    batch: int = 32
    games: int = 1
    threads: int = 2
    seed: int = 0


def asked() -> Asked:
    """What the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part")
    for name in ("steps", "warm", "start", "capacity", "batch", "games", "threads", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Asked(part=""), name))
    return Asked(**vars(parser.parse_args()))


@dataclass(slots=True)
class Meter:
    """The clock, the processor time and the memory of this process with all that it started."""

    asked: Asked
    weights: Callable[[], float] = lambda: 0.0
    """A sum over all weights: it has to change where something is learnt."""
    updates: Callable[[], int] = lambda: 0
    """Updates made so far, as the competitor itself counts them."""
    samples: int = 0
    """Transitions that gradients were made of so far; the competitor counts them."""
    _marks: list[tuple[float, float, int, int, int, float]] = field(default_factory=list)
    _resident: dict[int, int] = field(default_factory=dict)
    _peak: int = 0

    def tick(self, steps: int) -> bool:
        """Take note of how many decisions were made in all; whether everything is measured now."""
        self.note(steps)
        asked, begin = self.asked, self.asked.start + self.asked.warm
        over = steps >= begin + asked.steps
        if over or steps >= begin + asked.steps * len(self._marks) // SLICES:
            weights = self.weights() if over or not self._marks else 0.0
            self._peak = bytes_of("VmHWM") if over else 0  # now, while what it started is alive
            self._marks.append((time.perf_counter(), cpu_seconds(), steps, self.updates(), self.samples, weights))
        return over

    def note(self, steps: int) -> None:
        """Look at the memory when half of the random play is done, and all of it."""
        for mark in (self.asked.start // 2, self.asked.start):
            if steps >= mark > 0 and mark not in self._resident:
                self._resident[mark] = bytes_of("VmRSS")

    def report(self, packages: tuple[str, ...] = (), **told: Any) -> None:
        """Print what was measured; `told` is what the competitor says of itself."""
        (begun, cpu_begun, steps, updates, samples, weights), last = self._marks[0], self._marks[-1]
        rates = [
            (after[2] - before[2]) / (after[0] - before[0])
            for before, after in zip(self._marks, self._marks[1:], strict=False)
        ]
        found = {
            "asked": asdict(self.asked),
            "steps": last[2] - steps,
            "updates": last[3] - updates,
            "samples": last[4] - samples,
            "seconds": last[0] - begun,
            "cpu_seconds": last[1] - cpu_begun,
            "steps_per_second_of_slices": [round(rate, 1) for rate in rates],
            "weights_moved": last[5] != weights and last[5] == last[5],
            "resident_bytes_after": {str(mark): size for mark, size in self._resident.items()},
            "peak_bytes": self._peak,
            "versions": {"python": platform.python_version(), **{name: _version(name) for name in packages}},
            **told,
        }
        print(MARK + json.dumps(found), flush=True)


def repeat(meter: Meter, do: Callable[[], int]) -> None:
    """Do something, which says how often it was done at once, until all is measured: here that counts as a decision."""
    done = meter.asked.start + meter.asked.warm
    for _ in range(3):
        do()
    while not meter.tick(done):
        done += do()


def tree() -> list[int]:
    """The numbers of this process and of all that it started."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError):
            continue  # it ended meanwhile
    found = [os.getpid()]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found


def cpu_seconds() -> float:
    """Processor time of all threads of this process and of those that it started, ended ones among them."""
    total = 0.0
    for process in tree():
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(ticks) for ticks in fields[11:15]) / TICKS_PER_SECOND
    return total


def bytes_of(line: str) -> int:
    """A line of what the system says of this process and of those that it started, in bytes: VmHWM is the peak."""
    total = 0
    for process in tree():
        try:
            status = Path(f"/proc/{process}/status").read_text().splitlines()
        except OSError:
            continue
        total += next((int(text.split()[1]) << 10 for text in status if text.startswith(f"{line}:")), 0)
    return total


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
