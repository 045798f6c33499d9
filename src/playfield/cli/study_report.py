"""What a study found: scores, tables and pictures, each with its protocol, its frames and its seeds."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from playfield.cli.cells import Place
from playfield.cli.results import newest_evaluation
from playfield.cli.sheets import Sheet
from playfield.events import Evaluated
from playfield.score import (
    Aggregates,
    Estimate,
    aggregate,
    as_of,
    baselines,
    iqm_curve,
    probability_of_improvement,
    rules,
    scoring_text,
)
from playfield.sinks.plots import Curve, load_curve, running_mean, save_plot
from playfield.sinks.recent import LAST
from playfield.sinks.study_plots import (
    AggregatePanel,
    EfficiencyCurve,
    EfficiencyPanel,
    aggregate_bars,
    sample_efficiency,
)
from playfield.storage.files import replace_file
from playfield.storage.run import Run
from playfield.study import Cell, Grid
from playfield.types import Array

POINTS = 200
"""Places at which a sample efficiency curve is worked out."""
MOST_ON_SCREEN = 8
"""Groups whose tables are printed; of more, only those of several games together."""
FEW_SEEDS = 5
"""Below this many runs of a game, a bootstrap over runs is known to give intervals that are too narrow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished run of a study."""

    cell: Cell
    run: Path
    evaluated: Evaluated

    @property
    def score(self) -> float:
        """The mean over the games of its evaluation: one number for a run."""
        return float(np.mean(self.evaluated.scores))

    @property
    def normalised(self) -> float | None:
        """The same, human-normalised; None for a game without human and random scores."""
        baseline = baselines().get(self.cell.game)
        return baseline.normalise(self.score) if baseline else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Results that may be set against each other: one set of rules, and one game or several on one scale."""

    games: tuple[str, ...]
    protocol: Mapping[str, object]
    runs: Mapping[str, Mapping[str, tuple[Result, ...]]]
    """By variant and game, every variant with every game of the group."""
    normalised: bool

    @property
    def unit(self) -> str:
        """Of its scores."""
        return "human-normalised score (1 = human)" if self.normalised else "score of a whole game (points)"

    @property
    def title(self) -> str:
        """Which games, and on which scale."""
        return f"{len(self.games)} games, human-normalised" if self.normalised else f"{self.games[0]}, raw scores"

    def about(self, grid: Grid) -> str:
        """Under which conditions its scores were made."""
        games = f"{', '.join(self.games)}; " if self.normalised else ""
        return f"{games}{scoring_text(self.protocol)}; {conditions(grid)}"

    def value(self, result: Result) -> float:
        """A result on the group's scale."""
        return result.normalised if self.normalised and result.normalised is not None else result.score

    def scores(self, variant: str) -> list[list[float]]:
        """Of each game, of each run."""
        return [[self.value(result) for result in self.runs[variant][game]] for game in self.games]


def conditions(grid: Grid) -> str:
    """Frames, seeds and games of an evaluation, for beside every score."""
    seeds = ", ".join(str(seed) for seed in grid.seeds)
    return f"{grid.frames:,} frames of training, seeds {seeds}, {grid.episodes} evaluated games a run"


def collect(place: Place, grid: Grid) -> tuple[list[Result], list[Cell]]:
    """The results of the finished runs, and the cells that have none."""
    results: list[Result] = []
    missing: list[Cell] = []
    for cell in grid.cells():
        path = place.runs / cell.name
        evaluated = newest_evaluation(Run.open(path)) if path.is_dir() else None
        if evaluated is None or evaluated.clock.frames < grid.frames or evaluated.policy == "random":
            missing.append(cell)
        else:
            results.append(Result(cell=cell, run=path, evaluated=evaluated))
    return results, missing


def groups(grid: Grid, results: Sequence[Result]) -> list[Group]:
    """What may be compared: each game by itself, and the games with a human score together; never across rules."""
    by_rules: dict[str, list[Result]] = {}
    for result in results:
        by_rules.setdefault(rules(result.evaluated.protocol), []).append(result)
    found: list[Group] = []
    for same in by_rules.values():
        games = [game for game in grid.games if any(result.cell.game == game for result in same)]
        human = [game for game in games if game in baselines()]
        if len(human) > 1:
            found.append(_group(grid, same, human, normalised=True))
        found += [_group(grid, same, [game], normalised=False) for game in games]
    return [group for group in found if group.runs]


def _group(grid: Grid, results: Sequence[Result], games: Sequence[str], *, normalised: bool) -> Group:
    runs: dict[str, dict[str, tuple[Result, ...]]] = {}
    for variant in grid.variants:
        of = {
            game: tuple(r for r in results if (r.cell.variant.name, r.cell.game) == (variant.name, game))
            for game in games
        }
        if all(of.values()):
            runs[variant.name] = of
    return Group(games=tuple(games), protocol=results[0].evaluated.protocol, runs=runs, normalised=normalised)


def aggregates(group: Group) -> dict[str, Aggregates]:
    """IQM, median and mean of every variant; the same for the same scores."""
    return {variant: aggregate(group.scores(variant), np.random.default_rng(0)) for variant in group.runs}


def estimate_text(estimate: Estimate, form: str = ",.2f") -> str:
    """A value with its interval, `3.10 (2.50 to 3.60)`."""
    interval = estimate.interval
    value = f"{estimate.value:{form}}"
    return value if interval is None else f"{value} ({interval.low:{form}} to {interval.high:{form}})"


def score_sheet(grid: Grid, group: Group) -> Sheet:
    """IQM, median and mean of every variant."""
    human = not group.normalised and group.games[0] in baselines()
    rows: list[tuple[str, ...]] = []
    for variant, found in aggregates(group).items():
        results = [result for game in group.games for result in group.runs[variant][game]]
        row = (
            variant,
            _runs_text(grid, group, results),
            *(estimate_text(e) for e in (found.iqm, found.median, found.mean)),
        )
        rows.append((*row, f"{np.mean([r.normalised or 0.0 for r in results]):.1%}") if human else row)
    columns = (
        "recipe",
        "runs",
        "IQM (95 % interval)",
        "median",
        "mean",
        *(("human-normalised mean",) if human else ()),
    )
    return Sheet(
        title=group.title, about=group.about(grid), columns=columns, rows=tuple(rows), notes=tuple(_notes(grid, group))
    )


def _runs_text(grid: Grid, group: Group, results: Sequence[Result]) -> str:
    planned = len(group.games) * len(grid.seeds)
    return str(planned) if len(results) == planned else f"{len(results)} of {planned}"


def _notes(grid: Grid, group: Group) -> Iterator[str]:
    runs = [runs for games in group.runs.values() for runs in games.values()]
    fewest = min(len(each) for each in runs)
    if fewest < 2:
        yield "one seed of a recipe and game gives no interval: how other seeds would do is not known"
    elif fewest < FEW_SEEDS:
        yield f"with {fewest} seeds a bootstrap interval is too narrow: trust it from about {FEW_SEEDS} seeds on"
    for sentence in grid.never_learning():
        yield f"these are no results of learning: {sentence}"
    if any(len(each) < len(grid.seeds) for each in runs):
        yield "some runs are missing: where they failed because they learned badly, these numbers flatter"
    if (policies := _differing(group, lambda r: r.evaluated.policy)) is not None:
        yield f"the recipes are evaluated with policies of their own: {policies}"
    if (frames := _differing(group, lambda r: f"{r.evaluated.clock.frames:,}")) is not None:
        yield f"training ends with a whole rollout or decision, so the frames differ a little: {frames}"
    absent = [variant.name for variant in grid.variants if variant.name not in group.runs]
    if absent:
        yield f"not in this table, for want of runs under this protocol on every game: {', '.join(absent)}"


def _differing(group: Group, say: Callable[[Result], str]) -> str | None:
    """What each variant has, where they do not all have the same."""
    told = {
        variant: ", ".join(dict.fromkeys(say(result) for runs in games.values() for result in runs))
        for variant, games in group.runs.items()
    }
    return None if len(set(told.values())) < 2 else "; ".join(f"{name} {text}" for name, text in told.items())


def improvement_sheet(grid: Grid, group: Group) -> Sheet | None:
    """How likely a run of the row's recipe beats one of the column's; None for fewer than two recipes."""
    names = list(group.runs)
    if len(names) < 2:
        return None
    rows = tuple(
        (row, *("-" if row == column else _improvement(group, row, column) for column in names)) for row in names
    )
    return Sheet(
        title=f"Probability that a run of the row beats a run of the column, {group.title}",
        about=f"{group.about(grid)}; 50% is no difference, ties count half, 95 % interval",
        columns=("recipe", *names),
        rows=rows,
        notes=tuple(note for note in _notes(grid, group) if "seed" in note),
    )


def _improvement(group: Group, row: str, column: str) -> str:
    found = probability_of_improvement(group.scores(row), group.scores(column), np.random.default_rng(0))
    return estimate_text(found, ".0%")


def aggregate_panels(grid: Grid, found: Sequence[Group]) -> list[AggregatePanel]:
    """One panel for each group; a game that is part of a normalised one stands in the table only."""
    together = {(rules(group.protocol), game) for group in found if group.normalised for game in group.games}
    shown = [g for g in found if g.normalised or (rules(g.protocol), g.games[0]) not in together]
    return [
        AggregatePanel(title=f"{group.title}: {group.about(grid)}", unit=group.unit, rows=aggregates(group))
        for group in shown
    ]


def efficiency_panels(grid: Grid, found: Sequence[Group]) -> list[EfficiencyPanel]:
    """One panel for each group whose runs have finished training episodes."""
    panels: list[EfficiencyPanel] = []
    for group in found:
        curves = {
            name: {game: [load_curve(result.run) for result in runs] for game, runs in games.items()}
            for name, games in group.runs.items()
        }
        every = [curve for games in curves.values() for runs in games.values() for curve in runs]
        last = _window(every)
        if last > 0:
            drawn = {name: _efficiency(grid, group, games, last) for name, games in curves.items()}
            rules_text = scoring_text(group.protocol)
            title = f"{group.title}: IQM over runs, band: 95 % bootstrap interval\n{rules_text}; training scores"
            panels.append(EfficiencyPanel(title=title, unit=_training_unit(group, last), curves=drawn))
    return panels


def _training_unit(group: Group, last: int) -> str:
    what = "human-normalised training score (1 = human)" if group.normalised else "training score (points)"
    return f"{what},\nmean of a run's last {last} episodes, exploring"


def _window(curves: Sequence[Curve]) -> int:
    """Episodes in a running mean: the usual number, or a third of what the shortest run has, the same for all."""
    return min(LAST, min(len(curve.episode_score) for curve in curves) // 3)


def _efficiency(grid: Grid, group: Group, games: Mapping[str, Sequence[Curve]], last: int) -> EfficiencyCurve:
    every = [curve for runs in games.values() for curve in runs]
    begin = max(float(curve.episode_frames[last - 1]) for curve in every)
    frames = np.linspace(begin, max(begin, float(grid.frames)), POINTS)
    runs = [np.array([_read_off(group, curve, frames, last) for curve in games[game]]) for game in group.games]
    middle, band = iqm_curve(runs, np.random.default_rng(0))
    return EfficiencyCurve(frames=frames, iqm=middle, band=band, runs=len(every))


def _read_off(group: Group, curve: Curve, frames: Array, last: int) -> Array:
    """A run's running mean as it was known at each of the frames, on the group's scale."""
    values = as_of(curve.episode_frames[last - 1 :], running_mean(curve.episode_score, last), frames)
    baseline = curve.baseline if group.normalised else None
    return values if baseline is None else (values - baseline.random) / (baseline.human - baseline.random)


def scores_csv(results: Sequence[Result]) -> str:
    """One line for each run, with everything that its score needs beside it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ("recipe", "overrides", "game", "seed", "frames", "episodes", "score", "lowest", "highest")
    writer.writerow([*head, "human_normalised", "policy", "protocol", "run"])
    for r in results:
        evaluated = r.evaluated
        numbers = (evaluated.clock.frames, len(evaluated.scores), r.score, min(evaluated.scores), max(evaluated.scores))
        of = (r.cell.variant.name, " ".join(r.cell.variant.overrides), r.cell.game, r.cell.seed)
        normalised = "" if r.normalised is None else r.normalised
        writer.writerow([*of, *numbers, normalised, evaluated.policy, scoring_text(evaluated.protocol), r.run.name])
    return text.getvalue()


def report(place: Place, grid: Grid, console: Console) -> None:
    """Print the tables of what is finished, and write them and the pictures into the study's results."""
    results, missing = collect(place, grid)
    folder = place.folder / "results"
    if not results:
        console.print("no run is finished yet, so there is nothing to report", highlight=False)
        return
    if missing:
        console.print(f"incomplete: {_how_many(grid, missing)}", highlight=False, soft_wrap=True)
    found = groups(grid, results)
    sheets = [sheet for group in found for sheet in _sheets(grid, group)]
    folder.mkdir(exist_ok=True)
    replace_file(folder / "scores.csv", scores_csv(results).encode())
    replace_file(folder / "summary.md", _summary(place, grid, sheets, missing).encode())
    for sheet in (s for group in _on_screen(found) for s in _sheets(grid, group)):
        sheet.show(console)
    if len(_on_screen(found)) < len(found):
        console.print(f"note: the tables of the single games are in {folder / 'summary.md'}", soft_wrap=True)
    title = f"Study {place.folder.name}{' (incomplete)' if missing else ''}"
    save_plot(aggregate_bars(aggregate_panels(grid, found), title), folder / "aggregate.png")
    made = ["scores.csv", "summary.md", "aggregate.png"]
    if panels := efficiency_panels(grid, found):
        save_plot(sample_efficiency(panels, f"{title}: sample efficiency"), folder / "sample_efficiency.png")
        made.append("sample_efficiency.png")
    if len(panels) < len(found):
        console.print("note: some runs have too few training episodes for a sample efficiency curve", soft_wrap=True)
    console.print(f"results  {folder}: {', '.join(made)}", highlight=False, soft_wrap=True)


def _how_many(grid: Grid, missing: Sequence[Cell]) -> str:
    count = len(list(grid.cells()))
    return f"{count - len(missing)} of {count} runs are finished, and what is told is of those alone"


def _sheets(grid: Grid, group: Group) -> list[Sheet]:
    improvement = improvement_sheet(grid, group)
    return [score_sheet(grid, group), *([improvement] if improvement else [])]


def _on_screen(found: Sequence[Group]) -> list[Group]:
    """All groups while they are few; else those of several games, if there are any."""
    together = [group for group in found if group.normalised]
    return together if together and len(found) > MOST_ON_SCREEN else list(found)


def _summary(place: Place, grid: Grid, sheets: Sequence[Sheet], missing: Sequence[Cell]) -> str:
    head = f"## Study {place.folder.name}\n\n{conditions(grid)}.\n"
    head += f"\nIncomplete: {_how_many(grid, missing)}.\n" if missing else ""
    recipes = "".join(f"- {v.name}: {v.recipe.name} {' '.join(v.overrides)}".rstrip() + "\n" for v in grid.variants)
    absent = f"\nWithout a result: {', '.join(cell.name for cell in missing)}.\n" if missing else ""
    return "\n".join([head, recipes + absent, *(sheet.markdown() for sheet in sheets)])
