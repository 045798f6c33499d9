"""`doctor`: what a machine offers, and how healthy a run's learning is."""

from __future__ import annotations

import importlib
import math
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from playfield.cli.machine import cores, memory_bytes
from playfield.cli.runs import find_run, known
from playfield.extras import EXTRAS, install_extra
from playfield.games.desktop.requirements import Requirement, system_requirements
from playfield.memory.replay import Replay
from playfield.sinks.advice import advise
from playfield.sinks.metrics import read_metrics
from playfield.storage.run import Run
from playfield.study import never_learns

Positional = tyro.conf.Positional


@dataclass(frozen=True, slots=True)
class Doctor:
    """Report what this machine offers, or how a run is doing: playfield doctor | playfield doctor RUN"""

    name: Positional[str | None] = None
    """The run's name, or the path of its directory; without one the machine is looked at."""
    runs: Path = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        if self.name is None:
            _print_machine()
            _print_optional()
        else:
            _print_run(find_run(self.name, self.runs))
        return 0


def _print_run(run: Run) -> None:
    """Every diagnostic with its newest value, its healthy range, and advice where it left that."""
    path, of = run.path / "metrics.jsonl", known(run)
    memory = of.recipe.memory
    rows = read_metrics(path) if path.is_file() else []
    oldest_age = memory.capacity / memory.batch if isinstance(memory, Replay) else math.inf
    table = Table(title=f"Diagnostics of {run.name}", title_justify="left")
    for column in ("diagnostic", "newest", "at frames", "healthy", "verdict"):
        table.add_column(column, overflow="fold", justify="right" if column in ("newest", "at frames") else "left")
    for finding in advise(rows, oldest_age):
        table.add_row(
            finding.title,
            "-" if finding.value is None else f"{finding.value:.4g}",
            "-" if finding.frames is None else f"{finding.frames:,.0f}",
            finding.healthy or "-",
            finding.verdict,
            style="bold" if finding.is_advice else "",
        )
    Console().print(table)
    shown = of.plan.get("demonstrations") is not None  # which count as observed
    if not shown and (sentence := never_learns(of.recipe, of.plan["frames"])) is not None:
        print(f"note: {sentence}")


def _print_machine() -> None:
    """What every part of Playfield needs."""
    import imageio_ffmpeg
    import torch

    free = shutil.disk_usage(Path.cwd()).free / 1e9
    cuda = torch.cuda.is_available()
    rows = [
        ("Python", platform.python_version()),
        (
            "PyTorch",
            f"{torch.__version__}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}",
        ),
        ("device", torch.cuda.get_device_name() if cuda else "CPU (no GPU found)"),
        ("CPU cores", str(cores())),
        ("ale-py", _version("ale_py")),
        ("Atari ROMs", _rom_health()),
        ("Gymnasium", _version("gymnasium")),
        ("free disk here", f"{free:.1f} GB"),
        ("memory", "unknown" if (has := memory_bytes()) is None else f"{has / 1e9:.1f} GB"),
        ("film encoder", f"ffmpeg {imageio_ffmpeg.get_ffmpeg_version()}"),
    ]
    table = Table(title="Playfield's doctor", show_header=False, title_justify="left")
    for what, found in rows:
        table.add_row(what, escape(found))
    Console().print(table)


def _print_optional() -> None:
    """What can be added, what for and whether it is there; below the table, on lines that are not broken, by what."""
    parts = [*_extras(), *system_requirements()]
    table = Table(title="Optional", title_justify="left")
    for column in ("part", "for", "here"):
        table.add_column(column, overflow="fold")
    for part in parts:
        table.add_row(part.name, part.purpose, escape(part.found or "missing"))
    Console().print(table)
    if missing := [part for part in parts if part.found is None]:
        print("what would bring what is missing; nothing is installed by itself:")
        for part in missing:
            print(f"  {part.name:13} {part.how}")


def _extras() -> list[Requirement]:
    """The packages of Python, by the name of their extra."""
    found: list[Requirement] = []
    for name, extra in EXTRAS.items():
        if not extra.here():
            continue
        there = None if extra.lacking() else "installed"
        found.append(Requirement(name=name, purpose=extra.purpose, found=there, how=install_extra(name)))
    return found


def _version(module: str) -> str:
    return str(getattr(importlib.import_module(module), "__version__", "unknown"))


def _rom_health() -> str:
    from playfield.games.atari import DamagedRom, atari_names, check_rom

    good = 0
    damaged = ""
    for name in atari_names():
        try:
            check_rom(name)
            good += 1
        except DamagedRom as error:
            damaged = damaged or f"; {error}"
    return f"{good} of {len(atari_names())} present with the right hash{damaged}"
