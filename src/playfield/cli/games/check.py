"""`games check`: what every reader makes of a game, step by step, and what is suspicious in it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from playfield.cli.games.play import check_steps
from playfield.cli.games.results import new_folder, save_picture
from playfield.cli.lab.progress import progress
from playfield.games.desktop.checking import (
    TRUTH,
    Checked,
    Policy,
    Summary,
    check,
    check_keys,
    findings,
    policy_actions,
    short_episodes,
)
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import GameFile
from playfield.games.desktop.games import game_file
from playfield.games.desktop.pictures import annotated
from playfield.games.desktop.scratch import Scratch

FOUND = 1
"""Exit code where something is suspicious."""


@dataclass(frozen=True, slots=True)
class GamesCheck:
    """What every reader makes of a game, beside the truth where the game tells it: playfield games check NAME"""

    name: tyro.conf.Positional[str]
    """A desktop game, or a game file ending in .toml."""
    policy: Policy = "random"
    """By chance, or every action in turn, held for eight steps."""
    steps: int = 1000
    """Steps to play; an episode that ends is followed by another."""
    seed: int = 0
    """Of the first episode and of the actions."""
    out: Path = Path("checks")
    """Folder of the results: steps.csv and regions.png."""

    def run(self) -> int:
        check_steps(self.steps)
        file = game_file(self.name)
        check_keys(file)
        with closing(Scratch()) as scratch:
            truth = scratch.path / "truth.jsonl"
            told = replace(
                file, launch=replace(file.launch, environment={**file.launch.environment, TRUTH: str(truth)})
            )
            with closing(DesktopGame(told)) as game, progress("playing", self.steps) as advance:
                actions = policy_actions(file, self.policy, self.steps, self.seed)
                trace: list[Checked] = []
                last: Checked | None = None
                for found in check(game, actions, self.seed, truth):
                    trace.append(replace(found, picture=found.picture[:0]))
                    last = found
                    advance(len(trace), f"episode {found.episode}")
        assert last is not None
        return self._report(file, trace, last)

    def _report(self, file: GameFile, trace: Sequence[Checked], last: Checked) -> int:
        summaries = [_summary(name, trace) for name in file.readers]
        folder = new_folder(self.out, file.name)
        _write_steps(folder / "steps.csv", file, trace)
        words = {name: _words(name, last) for name in file.readers}
        said = {
            r: ", ".join(words[n] for n in words if getattr(file.readers[n], "region", None) == r) for r in file.regions
        }
        rest = {n: words[n] for n in words if getattr(file.readers[n], "region", None) is None}
        save_picture(folder / "regions.png", annotated(last.picture, file.regions, {**said, **rest}))
        _print_table(file, trace, summaries)
        suspicious = [*findings(file, summaries), *short_episodes(file, trace)]
        for sentence in suspicious:
            print(f"warning: {sentence}")
        print(f"results: {folder}")
        return FOUND if suspicious else 0


def _summary(name: str, trace: Sequence[Checked]) -> Summary:
    summary = Summary(name)
    for found in trace:
        summary.add(found)
    return summary


def _words(name: str, found: Checked) -> str:
    return f"{name} unreadable" if name in found.unreadable else f"{name} = {found.values[name]:g}"


def _print_table(file: GameFile, trace: Sequence[Checked], summaries: Sequence[Summary]) -> None:
    about = f"{file.name}: {len(trace):,} steps, {trace[-1].episode + 1} episodes"
    table = Table(title=about, title_justify="left")
    for column in ("reader", "from", "to", "changes", "unreadable", "as the game says"):
        table.add_column(column, justify="left" if column == "reader" else "right")
    for each in summaries:
        span = ("", "") if each.last is None else (f"{each.lowest:g}", f"{each.highest:g}")
        truth = f"{each.compared - each.wrong:,} of {each.compared:,}" if each.compared else "it does not say"
        table.add_row(each.name, *span, f"{each.changes:,}", f"{each.unreadable:,}", truth)
    Console().print(table)


def _write_steps(path: Path, file: GameFile, trace: Sequence[Checked]) -> None:
    told = [name for name in file.readers if any(name in found.truth for found in trace)]
    with path.open("w", newline="", encoding="utf-8") as target:
        rows = csv.writer(target)
        rows.writerow(["episode", "step", "action", *file.readers, *(f"true {name}" for name in told)])
        for found in trace:
            values = [f"{found.values[name]:g}" for name in file.readers]
            true = [f"{found.truth[name]:g}" if name in found.truth else "" for name in told]
            rows.writerow([found.episode, found.step, file.actions[found.action].label, *values, *true])
