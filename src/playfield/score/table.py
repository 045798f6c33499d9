"""A score as it should be reported: with its protocol, its spread and what others got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from playfield.events import Evaluated
from playfield.score.protocols import Family, Kind, deviation, differences, family_of, protocol_text
from playfield.score.published import Baseline, Published, baselines, published_for, published_scores
from playfield.score.statistics import Interval, mean, stratified_bootstrap


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRecord:
    """Whole-game raw scores of one policy in one game under one protocol."""

    game: str
    protocol: Mapping[str, object]
    policy: str
    """What played: `greedy, epsilon 0.001` or `random`."""
    kind: Kind
    frames: int
    """Emulator frames of training before (evaluation) or until (training) these games."""
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTable:
    """A score as it should be reported: its protocol, its spread, and what others got under the same protocol."""

    game: str
    kind: Kind
    policy: str
    protocol: str
    """The protocol as text, every setting named."""
    frames: int
    """Emulator frames of training."""
    episodes: int
    mean: float
    median: float
    minimum: float
    maximum: float
    std: float | None
    """Sample standard deviation between episodes; None for one episode."""
    interval: Interval | None
    """Bootstrap interval of the mean; None for one episode."""
    baseline: Baseline | None
    """None for a game without published human and random scores."""
    human_normalised: float | None
    """Of the mean; 1.0 is the human tester."""
    family: Family | None
    published: tuple[Published, ...]
    """Same game and same family, best score first."""
    differences: tuple[str, ...]
    """Where this protocol departs from the published ones of its family."""
    note: str
    """Why `published` is empty; empty otherwise."""


def no_published_note(record: ScoreRecord, family: Family | None) -> str:
    """Why no published score may stand beside this one."""
    departs = deviation(record.protocol)
    if record.game not in {row.game for row in published_scores()}:
        return f"No published scores of {record.game} are known to Playfield."
    if departs is not None:
        return f"No published scores of this protocol: {departs}."
    note = f"No published {family} scores of {record.game}."
    if family == "sticky evaluation":
        note += " Dopamine's sticky scores are training returns, another protocol, and are not shown beside it."
    return note


def score_table(record: ScoreRecord, generator: np.random.Generator) -> ScoreTable:
    """Everything that belongs beside a score, worked out.

    Raises: ValueError for a record without scores.
    """
    if not record.scores:
        raise ValueError(f"No finished episode of {record.game}: there is nothing to tabulate.")
    scores = np.asarray(record.scores, dtype=np.float64)
    several = len(scores) > 1
    baseline = baselines().get(record.game)
    family = family_of(record.protocol, record.kind)
    published = published_for(record.game, family) if family is not None else ()
    return ScoreTable(
        game=record.game,
        kind=record.kind,
        policy=record.policy,
        protocol=protocol_text(record.protocol),
        frames=record.frames,
        episodes=len(scores),
        mean=float(scores.mean()),
        median=float(np.median(scores)),
        minimum=float(scores.min()),
        maximum=float(scores.max()),
        std=float(scores.std(ddof=1)) if several else None,
        interval=stratified_bootstrap([record.scores], mean, generator) if several else None,
        baseline=baseline,
        human_normalised=baseline.normalise(float(scores.mean())) if baseline else None,
        family=family,
        published=published,
        differences=differences(record.protocol) if published else (),
        note="" if published else no_published_note(record, family),
    )


def evaluation_record(evaluated: Evaluated) -> ScoreRecord:
    """The scores of one evaluation."""
    return ScoreRecord(
        game=evaluated.game,
        protocol=evaluated.protocol,
        policy=evaluated.policy,
        kind="evaluation",
        frames=evaluated.clock.frames,
        scores=evaluated.scores,
    )


def evaluation_table(evaluated: Evaluated, generator: np.random.Generator) -> ScoreTable:
    """The table of one evaluation."""
    return score_table(evaluation_record(evaluated), generator)
