"""What Playfield costs as the work grows: frames a second against games, batch and capacity, as curves and a table.

    .venv/bin/python benchmarks/peers/scaling.py            # about an hour, 9 GB of memory for a million transitions
    .venv/bin/python benchmarks/peers/scaling.py --quick

The work of a frame stays the same along an axis, so a level curve is a perfect one: with more games an update is still
due every 4 decisions (`dqn`), or every 64 (`pqn`, minibatches of 128). Only larger batches are more work. Memories of
the capacity axis are full when the clock starts, with 1,000 decisions over and over.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from bench import TABLES, about, of_ours_alone, save, tell, turn
from table import number, render_between, where_text
from works import Competitor, Work

mpl.use("Agg")
from matplotlib import pyplot

FRAMES = 4
BEGIN, END = "<!-- scaling: begin -->", "<!-- scaling: end -->"
PICTURE = TABLES.parent / "performance-scaling.png"
GAMES = (1, 4, 16, 64, 128, 256)
BATCHES = (32, 64, 128, 256, 512, 1024)
CAPACITIES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
BYTES_PER_TRANSITION = 7_200
SPARE_BYTES = 2 << 30
"""Left to all else."""


def works(*, quick: bool) -> dict[str, list[tuple[int, Work]]]:
    """The points of every axis."""
    steps = 80 if quick else 800
    one = {"start": 1_000, "warm": steps // 4, "steps": steps, "capacity": 100_000}
    ends = slice(0, 2) if quick else slice(None)
    return {
        "games, dqn": [(g, _work("dqn", 4, one | {"games": g} | _longer(g, 64))) for g in GAMES[ends]],
        "games, pqn": [
            (g, _work("pqn", 64, {"start": 0, "games": g, "batch": 128} | _longer(g, 32 * 128)))
            for g in GAMES[1:][ends]
        ],
        "batch, dqn": [(b, _work("dqn", 4, one | {"batch": b})) for b in BATCHES[ends]],
        "capacity, dqn": [(c, _work("dqn_full", 4, one | {"capacity": c})) for c in CAPACITIES[ends]],
        "capacity, prioritized": [(c, _work("prioritized_full", 4, one | {"capacity": c})) for c in CAPACITIES[ends]],
    }


def _longer(games: int, least: int) -> dict[str, int]:
    """Whole rollouts and whole steps of all games, and at least so many decisions."""
    span = max(least, 32 * games)
    return {"warm": span, "steps": 4 * span}


def _work(part: str, steps_per_update: float, numbers: dict[str, int]) -> Work:
    ours = Competitor(name="Playfield", script="ours.py", environment="ours")
    return Work(
        name=part,
        title=part,
        unit="steps",
        kind="training",
        competitors=(ours,),
        full=numbers,
        quick={},
        steps_per_update=steps_per_update,
    )


def main() -> int:
    given = arguments()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.threads])
    axes = {axis: points for axis, points in works(quick=given.quick).items() if given.axes in axis}
    results: dict[str, Any] = {"about": about(given), "axes": {axis: {} for axis in axes}}
    for repetition in range(given.repetitions):
        for axis, points in axes.items():
            for value, work in points:
                report = room_for(work) or turn(work, work.competitors[0], repetition, given)
                results["axes"][axis].setdefault(str(value), []).append(report)
                tell(work, work.competitors[0], report)
                save(results, given.results)
    results["about"]["load_after"] = os.getloadavg()
    save(results, given.results)
    if not given.quick:
        draw(results)
        render_between(TABLES, (BEGIN, END), table(results))
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two small points of every axis; changes no document")
    parser.add_argument("--axes", default="", help="only those whose name holds this: games, batch, capacity")
    return of_ours_alone(parser, "scaling")


def room_for(work: Work) -> str | None:
    """Why a memory would not fit into what is free, if it would not."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    need = work.full.get("capacity", 0) * BYTES_PER_TRANSITION + SPARE_BYTES
    return f"not measured: it needs {need / 1e9:.1f} GB, {free / 1e9:.1f} are free" if need > free else None


def frames_per_second(reports: list[dict[str, Any] | str]) -> list[float]:
    return [FRAMES * r["steps"] / r["seconds"] for r in reports if not isinstance(r, str)]


def table(results: dict[str, Any]) -> str:
    """All axes as rows of points."""
    lines = [where_text(results["about"]), "", "![Frames a second as the work grows](performance-scaling.png)"]
    for axis, points in results["axes"].items():
        values = [frames_per_second(reports) for reports in points.values()]
        cells = [f"{number(statistics.median(v))} ({number(min(v))} to {number(max(v))})" if v else "" for v in values]
        notes = [reports[0] for reports in points.values() if isinstance(reports[0], str)]
        lines += ["", f"| {axis} | {' | '.join(f'{int(x):,}' for x in points)} |", f"|---|{'---:|' * len(points)}"]
        lines += [f"| frames/s | {' | '.join(cells)} |", *(["", *notes] if notes else [])]
    return "\n".join(lines)


def draw(results: dict[str, Any]) -> None:
    """One panel for games, batch and capacity each, on logarithmic axes that begin at the same place."""
    names = ("games", "batch", "capacity")
    figure, panels = pyplot.subplots(1, len(names), figsize=(12, 3.6), sharey=True, layout="constrained")
    for name, panel in zip(names, panels, strict=True):
        for axis, points in results["axes"].items():
            if not axis.startswith(name):
                continue
            found = [(int(x), v) for x, r in points.items() if (v := frames_per_second(r))]
            middle = [statistics.median(v) for _, v in found]
            spread = [[m - min(v) for m, (_, v) in zip(middle, found, strict=True)]]
            spread.append([max(v) - m for m, (_, v) in zip(middle, found, strict=True)])
            label = axis.split(", ")[1]
            panel.errorbar([x for x, _ in found], middle, yerr=spread, marker="o", capsize=3, label=label)
        panel.set(xscale="log", yscale="log", xlabel={"capacity": "transitions in memory"}.get(name, name))
        panel.legend()
    panels[0].set_ylabel("emulator frames per second")
    figure.savefig(PICTURE, dpi=120)


if __name__ == "__main__":
    sys.exit(main())
