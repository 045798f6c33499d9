"""How near a training is to what this machine can do at all: the emulator alone, and the network's sums alone.

    .venv/bin/python benchmarks/peers/limits.py                 # ten minutes
    .venv/bin/python benchmarks/peers/limits.py --quick

Per update: the time of its decisions in ale-py's vector environment under random actions and nothing else, and the
floating-point operations of its network, acting and learning, at the rate of the quickest matrix product found here.
That is what is left where one follows the other and nothing else takes time. They may overlap where games do not wait
for the newest weights, so their sum is a measure, and no bound.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from bench import TABLES, about, environment, of_ours_alone, save, tell, turn
from meter import Asked, Meter
from ours import DQN as PEERS_ADAM
from ours import EXPLORE, recipe_of, session_of
from table import number, rates, render_between, where_text
from torch.utils.flop_counter import FlopCounterMode
from works import ALE, WORKS, Work

from playfield.events import Learned
from playfield.networks.products import onednn_is_quicker

BEGIN, END = "<!-- limits: begin -->", "<!-- limits: end -->"
TRIED = ("dqn", "rainbow", "pqn")
SIDE = 2_048
"""Of the square matrices whose product shows what the cores can do."""
COUNTED = 64
"""Updates whose operations are counted: all of a rollout of `pqn`."""


def work_named(name: str) -> Work:
    return next(work for work in WORKS if work.name == name)


def best_rate(threads: int) -> float:
    """Floating-point operations a second of the quickest product of two matrices, by any library that networks use."""
    torch.set_num_threads(threads)
    left, right = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    products: list[Callable[[], torch.Tensor]] = [lambda: left @ right]
    if onednn_is_quicker():
        products.append(lambda: torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], ""))
    best = min(_seconds(product) for product in products for _ in range(10))
    return 2 * SIDE**3 / best


def _seconds(do: Callable[[], object]) -> float:
    begin = time.perf_counter()
    do()
    return time.perf_counter() - begin


def _of_linear(x_shape: tuple[int, ...], weight_shape: tuple[int, ...], *_: Any, **__: Any) -> int:
    return 2 * x_shape[0] * weight_shape[0] * weight_shape[1]


def operations(work: Work) -> float:
    """Floating-point operations of one update and of acting until the next, of a training of many updates."""
    numbers = {"games": work.full.get("games", 1), "batch": work.full.get("batch", 32)}
    asked = Asked(part=work.name, start=256 * numbers["games"], capacity=2_000, **numbers)
    settings = (*EXPLORE, *PEERS_ADAM) if work.name == "dqn" else ()
    session = session_of(Meter(asked), recipe_of(Meter(asked), work.name, *settings))
    ours = {torch.ops.mkldnn._linear_pointwise: _of_linear} if onednn_is_quicker() else {}
    counter = FlopCounterMode(display=False, custom_mapping=ours)
    with contextlib.ExitStack() as counting:
        for event in session.play(float("inf")):
            if isinstance(event, Learned) and event.updates == COUNTED:
                counting.enter_context(counter)
            if isinstance(event, Learned) and event.updates == 2 * COUNTED:
                break
    session.games.close()
    return counter.get_total_flops() / COUNTED


def main() -> int:
    given = arguments()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.threads])
    os.environ.update(environment(given.threads))
    results: dict[str, Any] = {"about": about(given), "works": {}}
    for name in given.works:
        work = work_named(name)
        results["works"][name] = {"operations": operations(work), "rates": [], "training": [], "emulator": []}
    for repetition in range(given.repetitions):
        for name, found in results["works"].items():
            work = work_named(name)
            alone = work_named("emulators" if work.full.get("games", 1) > 1 else "emulator")
            found["rates"].append(best_rate(given.threads))
            for kind, its_work, who in (("training", work, work.competitors[0]), ("emulator", alone, ALE)):
                report = turn(its_work, who, repetition, given)
                if isinstance(report, str):
                    print(f"{name}: {who.name}: {report}")
                    return 1
                found[kind].append(report)
                tell(its_work, who, report)
            save(results, given.results)
    results["about"]["load_after"] = os.getloadavg()
    save(results, given.results)
    if not given.quick:
        render_between(TABLES, (BEGIN, END), table(results))
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small and once; changes no document")
    parser.add_argument("--works", nargs="*", default=TRIED, choices=TRIED)
    return of_ours_alone(parser, "limits")


def table(results: dict[str, Any]) -> str:
    """A row for each recipe: milliseconds of an update."""
    head = (
        "| ms per update | its decisions in the emulator alone | its floating-point operations at the best rate "
        "| both | Playfield | both of Playfield's |"
    )
    lines = [where_text(results["about"]), "", head, "|---|---:|---:|---:|---:|---:|"]
    for name, found in results["works"].items():
        decisions = work_named(name).steps_per_update
        assert decisions is not None
        emulator, whole = (1e3 * decisions / statistics.median(rates(found[k])) for k in ("emulator", "training"))
        rate = statistics.median(found["rates"])
        sums = 1e3 * found["operations"] / rate
        of = f"{number(sums)} ({found['operations'] / 1e9:.1f} GFLOP at {rate / 1e9:.0f} GFLOP/s)"
        lines.append(
            f"| {name} | {number(emulator)} | {of} | {number(emulator + sums)} | {number(whole)} "
            f"| {(emulator + sums) / whole:.0%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
