"""`compare`: own runs beside each other and beside what others published, never across protocols."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console

from playfield.cli.results import newest_evaluation, results_folder
from playfield.cli.runs import find_runs, known, new_file, recipe_label
from playfield.cli.sheets import Sheet
from playfield.cli.study_report import estimate_text
from playfield.events import Evaluated
from playfield.score import (
    AGENTS_OWN,
    Estimate,
    Family,
    Published,
    baselines,
    differences,
    evaluation_record,
    family_of,
    iqm,
    median_curves,
    no_published_note,
    published_curves,
    published_for,
    published_scores,
    rule_differences,
    rules,
    scoring_text,
    stratified_bootstrap,
)
from playfield.sinks.compare_plots import Comparison, PublishedLine, compare_plot
from playfield.sinks.plots import PICTURES, load_curve, save_plot
from playfield.storage.run import Run
from playfield.study import slug

Positional = tyro.conf.Positional

MOST_PUBLISHED = 12
"""Published scores in a table, spread from the best to the worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A run and its newest evaluation."""

    run: Run
    recipe: str
    """With every setting that is not as the recipe of that name has it."""
    settings: str
    """Every setting of the recipe: runs whose settings differ are never taken together."""
    evaluated: Evaluated

    @property
    def seed(self) -> int:
        """Of the training."""
        return self.run.about.seed


@dataclass(frozen=True, slots=True)
class Compare:
    """Set runs beside each other and beside published scores of the same game and protocol, as a table and a picture.

    Runs of one recipe and game are taken together; of two with the same seed the newer one counts.
    """

    names: Positional[tuple[str, ...]]
    """Names or paths of runs."""
    others: bool = False
    """Draw published scores of other protocols too, labelled as not comparable."""
    out: Path | None = None
    """The PNG or SVG to write, a new file; by default in the results of the newest run. Several games make
    several pictures."""
    runs: Path = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        evaluations, sentences = evaluated_once(find_runs(self.names, self.runs))
        for sentence in sentences:
            print(f"note: {sentence}")
        if not evaluations:
            raise ValueError("none of these runs was evaluated yet, so there is nothing to compare")
        groups: dict[tuple[str, str], list[Evaluation]] = {}
        for each in evaluations:
            groups.setdefault((each.evaluated.game, rules(each.evaluated.protocol)), []).append(each)
        for sentence in _across(list(groups.values())):
            print(f"note: {sentence}")
        console = Console()
        for group in groups.values():
            own_sheet(group).show(console)
            published_sheet(group, others=self.others).show(console)
            print(f"picture  {self._draw(group, several=len(groups) > 1)}", flush=True)
        median_sheet(list(groups.values())).show(console)
        return 0

    def _draw(self, group: Sequence[Evaluation], *, several: bool) -> Path:
        game = group[0].evaluated.game
        stem = slug(f"{game}-{group[0].evaluated.protocol.get('name', 'rules')}")
        asked = self.out
        if asked is not None and several and asked.stem:
            asked = asked.with_stem(f"{asked.stem}-{stem}")
        path = new_file(asked, results_folder(group[-1].run) / "comparison.png", *PICTURES)
        save_plot(compare_plot(comparison(group, others=self.others)), path)
        return path


def evaluated_once(runs: Sequence[Run]) -> tuple[list[Evaluation], list[str]]:
    """Each run's newest evaluation, one for each recipe, game and seed, and a sentence for each that is left out."""
    sentences: list[str] = []
    found: dict[tuple[str, str, int], Evaluation] = {}
    unique = {run.about.id: run for run in runs}
    for run in sorted(unique.values(), key=lambda run: (run.about.created, run.name)):
        evaluated = newest_evaluation(run)
        if evaluated is None:
            sentences.append(f"{run.name} was not evaluated yet; `playfield evaluate {run.name}` does it")
            continue
        label, stated = _label(run), json.dumps(run.about.recipe, sort_keys=True)
        each = Evaluation(run=run, recipe=label, settings=stated, evaluated=evaluated)
        if (older := found.get((stated, evaluated.game, each.seed))) is not None:
            same = "the same recipe, game and seed are one experiment, not two"
            sentences.append(f"{older.run.name} is left out for the newer {run.name}: {same}")
        found[stated, evaluated.game, each.seed] = each
    return _told_apart(list(found.values())), sentences


def _label(run: Run) -> str:
    """The recipe with its changed settings, without the rules of the game: those stand above the table."""
    name, *changed = recipe_label(known(run).recipe).split(" ")
    seen = tuple(f"protocol.{setting}=" for setting in AGENTS_OWN if setting != "name")
    kept = [text for text in changed if not text.startswith("protocol.") or text.startswith(seen)]
    return " ".join([name, *kept])


def _told_apart(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Recipes of one name with different settings, as people's own may be, get the name of their first run too."""
    first = {each.settings: each.run.name for each in reversed(evaluations)}
    shared = {
        each.recipe
        for each in evaluations
        for other in evaluations
        if each.recipe == other.recipe and each.settings != other.settings
    }
    return [
        replace(each, recipe=f"{each.recipe} ({first[each.settings]})") if each.recipe in shared else each
        for each in evaluations
    ]


def _across(groups: Sequence[Sequence[Evaluation]]) -> Iterator[str]:
    """Which of the groups are of one game and yet may not be compared, and why."""
    for number, group in enumerate(groups):
        for other in groups[number + 1 :]:
            left, right = group[0].evaluated, other[0].evaluated
            if left.game == right.game:
                names = f"{', '.join(e.run.name for e in group)} and {', '.join(e.run.name for e in other)}"
                why = "; ".join(rule_differences(left.protocol, right.protocol))
                yield f"{names} play {left.game} under different rules and are not compared: {why}"


def by_recipe(group: Sequence[Evaluation]) -> Mapping[str, list[Evaluation]]:
    """The seeds of each recipe, in order of recipe and seed."""
    found: dict[str, list[Evaluation]] = {}
    for each in sorted(group, key=lambda each: (each.recipe, each.seed)):
        found.setdefault(each.recipe, []).append(each)
    return found


def mean_score(evaluations: Sequence[Evaluation]) -> float:
    """The mean over runs of their mean scores: every run counts alike, however many games it was evaluated on."""
    return float(np.mean([np.mean(e.evaluated.scores) for e in evaluations]))


def over_seeds(evaluations: Sequence[Evaluation]) -> Estimate:
    """The IQM over runs of their mean scores; of a single run, the IQM over its games."""
    several = len(evaluations) > 1
    scores = [float(np.mean(e.evaluated.scores)) for e in evaluations] if several else evaluations[0].evaluated.scores
    interval = stratified_bootstrap([scores], iqm, np.random.default_rng(0)) if len(scores) > 1 else None
    return Estimate(value=float(iqm(np.asarray(scores))), interval=interval)


def own_sheet(group: Sequence[Evaluation]) -> Sheet:
    """One game under one set of rules: scores under different rules never stand in one table."""
    game, protocol = group[0].evaluated.game, group[0].evaluated.protocol
    baseline = baselines().get(game)
    rows: list[tuple[str, ...]] = []
    for recipe, evaluations in by_recipe(group).items():
        mean = mean_score(evaluations)
        rows.append(
            (
                recipe,
                ", ".join(str(e.seed) for e in evaluations),
                str(sum(len(e.evaluated.scores) for e in evaluations)),
                _frames_text(evaluations),
                ", ".join(dict.fromkeys(e.evaluated.policy for e in evaluations)),
                f"{mean:,.2f}",
                estimate_text(over_seeds(evaluations)),
                "-" if baseline is None else f"{baseline.normalise(mean):.1%}",
            )
        )
    columns = ("recipe", "seeds", "games", "frames", "policy", "mean", "IQM, 95 % interval", "human")
    return Sheet(
        title=game, about=scoring_text(protocol), columns=columns, rows=tuple(rows), notes=tuple(_own_notes(group))
    )


def _frames_text(evaluations: Sequence[Evaluation]) -> str:
    frames = sorted({e.evaluated.clock.frames for e in evaluations})
    return " to ".join(f"{f / 1e6:.3g}M" for f in dict.fromkeys((frames[0], frames[-1])))


def _own_notes(group: Sequence[Evaluation]) -> Iterator[str]:
    recipes = by_recipe(group)
    if any(len(evaluations) == 1 for evaluations in recipes.values()):
        yield "the interval of a single seed is over the games it played, and says nothing about other seeds"
    if any(len(evaluations) > 1 for evaluations in recipes.values()):
        yield "the interval of several seeds is over their means"
    texts = {_frames_text(evaluations) for evaluations in recipes.values()}
    if len(texts) > 1 or any(" to " in text for text in texts):
        yield "the runs were trained for different numbers of frames: see the column before you call one better"
    if len({e.evaluated.policy for e in group}) > 1:
        yield "the agents were evaluated with different shares of random actions, see policy"


def published_sheet(group: Sequence[Evaluation], *, others: bool) -> Sheet:
    """What others published of the same game and family; of other families only if asked for, and so labelled."""
    evaluated = group[0].evaluated
    family = family_of(evaluated.protocol, "evaluation")
    rows = [_row(each, "") for each in _spread(published_for(evaluated.game, family))]
    notes = [f"but these runs differ: {clause}" for clause in differences(evaluated.protocol)] if rows else []
    elsewhere = [row for row in published_scores() if row.game == evaluated.game and row.family != family]
    if not rows:
        notes.append(no_published_note(evaluation_record(evaluated), family))
    if others:
        best = {each.family: each for each in sorted(elsewhere, key=lambda row: row.score)}
        rows += [_row(each, "NOT COMPARABLE, another protocol: ") for each in best.values()]
    elif elsewhere:
        families = ", ".join(dict.fromkeys(row.family for row in elsewhere))
        notes.append(f"scores of other protocols ({families}) are not shown; --others True shows them, labelled")
    trained = _frames_text(group)
    return Sheet(
        title=f"Published scores of {evaluated.game}",
        about=f"family: {family or 'none'}; own runs were trained for {trained} frames, these as their column says",
        columns=("algorithm", "score", "million frames", "protocol as published", "source"),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def _row(published: Published, label: str) -> tuple[str, ...]:
    source = published.source.removeprefix("paper table: ").split("; transcribed")[0]
    frames = f"{published.frames / 1e6:,.0f}"
    return published.algorithm, f"{published.score:,.1f}", frames, label + published.protocol, source


def _spread(rows: Sequence[Published]) -> list[Published]:
    """A dozen rows from the best to the worst, evenly by rank."""
    if len(rows) <= MOST_PUBLISHED:
        return list(rows)
    return [rows[round(place)] for place in np.linspace(0, len(rows) - 1, MOST_PUBLISHED)]


def median_sheet(groups: Sequence[Sequence[Evaluation]]) -> Sheet:
    """The median over games of human-normalised scores, where several games allow it, beside the published medians."""
    several = [group for group in groups if _has_published_median(group)]
    if len(several) < 2:
        return Sheet(title="", about="", columns=(), rows=())
    reached = min(e.evaluated.clock.frames for group in several for e in group)
    games, every = len({group[0].evaluated.game for group in several}), len(baselines())
    notes = [] if games == every else [f"NOT COMPARABLE: over {games} games here and {every} there"]
    own = [
        (f"own {recipe}", str(len(scores)), f"{float(np.median(scores)):.1%}", _frames_text(found))
        for recipe, (scores, found) in _normalised(several).items()
    ]
    return Sheet(
        title="Median human-normalised score over games",
        about=f"family: no-op evaluation; published medians at the last milestone within {reached / 1e6:.3g}M frames",
        columns=("recipe", "games", "median", "frames"),
        rows=(*own, *_median_rows(reached)),
        notes=tuple(notes),
    )


def _has_published_median(group: Sequence[Evaluation]) -> bool:
    evaluated = group[0].evaluated
    return evaluated.game in baselines() and family_of(evaluated.protocol, "evaluation") == "no-op evaluation"


def _normalised(groups: Sequence[Sequence[Evaluation]]) -> Mapping[str, tuple[list[float], list[Evaluation]]]:
    """Of each recipe the mean of each game, human-normalised, and what it was taken from."""
    found: dict[str, tuple[list[float], list[Evaluation]]] = {}
    for group in groups:
        baseline = baselines()[group[0].evaluated.game]
        for recipe, evaluations in by_recipe(group).items():
            scores, taken = found.setdefault(recipe, ([], []))
            scores.append(baseline.normalise(mean_score(evaluations)))
            taken.extend(evaluations)
    return found


def _median_rows(frames: int) -> Iterator[tuple[str, ...]]:
    """What each algorithm was published to reach by then, best first."""
    latest = {row.algorithm: row for row in median_curves() if row.frames <= frames}
    for row in sorted(latest.values(), key=lambda row: -row.median):
        yield row.algorithm, str(len(baselines())), f"{row.median:.1%}", f"{row.frames / 1e6:.3g}M"


def comparison(group: Sequence[Evaluation], *, others: bool) -> Comparison:
    """What the picture of one game shows."""
    evaluated = group[0].evaluated
    evaluation, training = family_of(evaluated.protocol, "evaluation"), family_of(evaluated.protocol, "training")
    comparable: list[Family] = [family for family in (evaluation, training) if family is not None]
    lines = [line for family in comparable for line in _lines(evaluated.game, family, comparable=True)]
    if others:
        rest: list[Family] = [family for family in _families(evaluated.game) if family not in comparable]
        lines += [line for family in rest for line in _lines(evaluated.game, family, comparable=False)]
    return Comparison(
        game=evaluated.game,
        protocol=scoring_text(evaluated.protocol),
        own={name: [load_curve(e.run.path) for e in runs] for name, runs in by_recipe(group).items()},
        published=tuple(lines),
    )


def _families(game: str) -> list[Family]:
    return list(dict.fromkeys(row.family for row in published_scores() if row.game == game))


def _lines(game: str, family: Family, *, comparable: bool) -> Iterator[PublishedLine]:
    """Published curves of a family, and of the algorithms that have none the final scores, best first."""
    curves = published_curves(game, family)
    for name, rows in curves.items():
        points = tuple((row.frames, row.score) for row in rows)
        yield PublishedLine(name=name, family=family, points=points, comparable=comparable)
    final = {row.algorithm: row for row in reversed(published_for(game, family))}
    for name, row in sorted(final.items(), key=lambda item: -item[1].score):
        if not any(curve.startswith(name) for curve in curves):
            points = ((row.frames, row.score),)
            yield PublishedLine(name=name, family=family, points=points, comparable=comparable)
