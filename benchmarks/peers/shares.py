"""Where the time of a training goes at 64 games: emulator, network, drawing batches, and all else.

    .venv/bin/python benchmarks/peers/shares.py                 # a few minutes
    .venv/bin/python benchmarks/peers/shares.py --quick

Calls of the main process are timed, without changing what they do; the time of an inner one is not the outer one's.
`outside` is what the loop, storing, stacking, choosing and events take: the target is at most a tenth.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import HERE, TABLES, about, save
from meter import Asked, Meter
from ours import recipe_of, session_of
from table import render_between, where_text

from playfield.cli.machine import keep_freed_memory
from playfield.cli.train import set_threads
from playfield.events import Stepped
from playfield.recipes import RECIPES

BEGIN, END = "<!-- shares: begin -->", "<!-- shares: end -->"
KERNELS = ("emulator", "learning", "acting network", "sampling")
TRIED = ("dqn", "rainbow", "pqn")


class Shares:
    """Seconds of each kind of call."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = time.perf_counter()

    def _turn(self, name: str | None) -> None:
        """From now on time belongs to `name`; None goes back to whoever called."""
        now = time.perf_counter()
        self.seconds[self._open[-1] if self._open else "outside"] += now - self._since
        self._since = now
        if name is None:
            self._open.pop()
        else:
            self._open.append(name)

    def watch(self, owner: object, method: str, name: str) -> None:
        """Time a method of one object."""
        call: Callable[..., Any] = getattr(owner, method)

        def timed(*given: Any, **named: Any) -> Any:
            self._turn(name)
            try:
                return call(*given, **named)
            finally:
                self._turn(None)

        setattr(owner, method, timed)

    def watch_each(self, owner: object, method: str, name: str) -> None:
        """Time what a method yields, but not what is done with it."""
        call: Callable[..., Iterator[Any]] = getattr(owner, method)

        def timed(*given: Any) -> Iterator[Any]:
            found = call(*given)
            while True:
                self._turn(name)
                try:
                    batch = next(found, None)
                finally:
                    self._turn(None)
                if batch is None:
                    return
                yield batch

        setattr(owner, method, timed)

    def begin(self) -> None:
        self.seconds.clear()
        self._since = time.perf_counter()

    def ended(self) -> dict[str, float]:
        """Of each kind its share of the time since `begin`."""
        self._turn("outside")
        self._turn(None)
        whole = sum(self.seconds.values())
        return {name: seconds / whole for name, seconds in self.seconds.items()}


def shares_of(name: str, given: argparse.Namespace) -> dict[str, float]:
    """A recipe with 64 games: what each kind of call takes of its learning."""
    work = Asked(part=name, games=given.games, start=4_096, batch=128 if name == "pqn" else 32, capacity=100_000)
    recipe = recipe_of(Meter(work), name)
    keep_freed_memory()  # as the command `playfield` does
    set_threads(given.threads, recipe, "pong")
    session = session_of(Meter(work), recipe)
    agent, shares = session.agent, Shares()
    for method in ("send", "recv"):
        shares.watch(session.games, method, "emulator")
    for method in ("step", "refresh_target"):
        shares.watch(agent.learner, method, "learning")
    shares.watch(agent.memory, "feedback", "sampling")
    shares.watch_each(agent.memory, "batches", "sampling")
    agent.learner.network.register_forward_pre_hook(lambda *_: shares._turn("acting network") if not inner() else None)
    agent.learner.network.register_forward_hook(lambda *_: shares._turn(None) if not inner() else None)

    def inner() -> bool:
        return "learning" in shares._open

    warm = work.start + 32 * 64 * 2
    for event in session.play(float("inf")):
        decisions = event.clock.steps * given.games
        if isinstance(event, Stepped) and decisions >= warm:
            if decisions < warm + given.games:
                shares.begin()
            if decisions >= warm + given.decisions:
                break
    found = shares.ended()
    session.games.close()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short look; changes no document")
    parser.add_argument("--recipes", nargs="*", default=TRIED, choices=sorted(RECIPES))
    parser.add_argument("--games", type=int, default=64)
    parser.add_argument("--decisions", type=int, default=None)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--results", type=Path, default=HERE.parent / "results" / "shares.json")
    given = parser.parse_args()
    given.seed, given.repetitions = 0, 1
    given.decisions = given.decisions or (512 if given.quick else 8_192)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.threads])
    results = {"about": about(given), "shares": {name: shares_of(name, given) for name in given.recipes}}
    print(json.dumps(results["shares"], indent=1))
    if not given.quick:
        save(results, given.results)
        render_between(TABLES, (BEGIN, END), table(results))
    return 0


def table(results: dict[str, Any]) -> str:
    """A row for each recipe, a column for each kind."""
    names = [*KERNELS, "outside"]
    lines = [where_text(results["about"]), "", f"| | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for recipe, shares in results["shares"].items():
        lines.append(f"| {recipe} | {' | '.join(f'{shares.get(name, 0.0):.1%}' for name in names)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
