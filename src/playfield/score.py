"""What a score is worth: normalised by human and random players, with its uncertainty, beside published scores.

A score means nothing without its protocol. Sticky and non-sticky games, evaluations and training returns are different
families here, and no function mixes them. Everything is pure; chance comes from the generator passed in.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Literal, get_args

import numpy as np

from playfield.events import Evaluated
from playfield.types import Array

Kind = Literal["evaluation", "training"]
"""Whole games of a fixed policy, or the games by which it learned, exploration included."""

Family = Literal["no-op evaluation", "human-start evaluation", "sticky evaluation", "no-op training", "sticky training"]
"""Scores of one family may be compared; scores of two families never."""

MAX_FRAMES: Final = 108_000
"""Frames after which the games behind published scores are cut off: 30 minutes of play."""

Statistic = Callable[[Array], Array]
"""Reduces the last axis of an array of scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a random and a human player score in one game."""

    game: str
    random: float
    human: float

    def normalise(self, score: float) -> float:
        """Human-normalised score: (score − random) / (human − random); 0 is random, 1 is human."""
        return (score - self.random) / (self.human - self.random)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A score that somebody published, with the protocol in the publisher's words."""

    game: str
    family: Family
    algorithm: str
    frames: int
    """Emulator frames of training."""
    score: float
    protocol: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A percentile bootstrap interval."""

    low: float
    high: float
    level: float
    """Share of resamples inside: 0.95 for 95 %."""


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


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("playfield").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def baselines() -> Mapping[str, Baseline]:
    """Random and human scores of the 57 games, by ale-py name.

    Source: DQN Zoo's table; random Video Pinball is 0.0 as in the papers' means, see data/NOTICE.md.
    """
    rows = _rows("atari_human_random.csv")
    return {
        row["game"]: Baseline(game=row["game"], random=float(row["random"]), human=float(row["human"])) for row in rows
    }


@cache
def published_scores() -> tuple[Published, ...]:
    """Every published score shipped with the package."""
    families: dict[str, Family] = {family: family for family in get_args(Family)}
    found = [
        Published(
            game=row["game"],
            family=families[row["family"]],
            algorithm=row["algorithm"],
            frames=int(row["frames"]),
            score=float(row["score"]),
            protocol=row["protocol"],
            source=row["source"],
        )
        for row in _rows("atari_published_scores.csv")
    ]
    return tuple(found)


@cache
def training_curves() -> tuple[Published, ...]:
    """Dopamine's training returns at 5 to 199 million frames; all are of family `sticky training`."""
    return tuple(
        Published(
            game=row["game"],
            family="sticky training",
            algorithm=f"Dopamine_{row['algorithm']}",
            frames=int(row["frames"]),
            score=float(row["score"]),
            protocol=f"sticky 0.25, minimal action set, training-episode return, mean of {row['seeds']} runs "
            f"[{row['network']} network]",
            source="google/dopamine@5873f54 baselines/atari/data",
        )
        for row in _rows("dopamine_training_curves.csv")
    )


def human_normalised(game: str, score: float) -> float:
    """Human-normalised score of a game, 0 for a random player and 1 for the human tester.

        HNS = (score − random) / (human − random)

    Raises: ValueError where no human score of the game is known.
    """
    if game not in baselines():
        raise ValueError(f"No human and random scores are known for {game!r}; the 57 games that have them are Atari's.")
    return baselines()[game].normalise(score)


def mean(scores: Array) -> Array:
    """The arithmetic mean of the last axis."""
    return np.asarray(np.mean(scores, axis=-1))


def median(scores: Array) -> Array:
    """The median of the last axis."""
    return np.asarray(np.median(scores, axis=-1))


def iqm(scores: Array) -> Array:
    """Interquartile mean of the last axis: the mean of what is left without the lowest and the highest quarter.

    Source: Agarwal et al. (2021), Deep RL at the edge of the statistical precipice.
    """
    from scipy.stats import trim_mean  # 0.7 s of import, which a training that prints no IQM does not pay

    return np.asarray(trim_mean(scores, 0.25, axis=-1))


def stratified_bootstrap(
    strata: Sequence[Sequence[float]],
    statistic: Statistic,
    generator: np.random.Generator,
    *,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of a statistic of pooled scores; every stratum (a game, a seed) is resampled by itself.

    Source: Agarwal et al. (2021), section 4.1. One stratum makes it the ordinary bootstrap.
    Raises: ValueError for a stratum without scores, for `resamples` below 1, for a level outside (0, 1).
    """
    if not strata or any(len(stratum) == 0 for stratum in strata):
        raise ValueError("A bootstrap needs at least one stratum, and at least one score in each.")
    if resamples < 1 or not 0.0 < level < 1.0:
        raise ValueError(f"A bootstrap needs resamples >= 1 and 0 < level < 1, not {resamples} and {level}.")
    drawn: list[Array] = []
    for stratum in strata:
        scores = np.asarray(stratum, dtype=np.float64)
        drawn.append(scores[generator.integers(len(scores), size=(resamples, len(scores)))])
    values = statistic(np.concatenate(drawn, axis=1))
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return Interval(low=float(low), high=float(high), level=level)


def _deviation(protocol: Mapping[str, object]) -> str | None:
    """What sets a protocol apart from every published one, in one clause; None where nothing does."""
    repeat = protocol.get("repeat_action_probability")
    if not isinstance(repeat, int | float):
        return "it states no repeat_action_probability"
    if repeat not in (0.0, 0.25):
        return f"actions are repeated with probability {repeat:g}, published scores use 0 or 0.25"
    skip = protocol.get("frame_skip", 4)
    if skip != 4:
        return f"frame_skip is {skip}, published scores use 4"
    if protocol.get("full_action_set"):
        return "it uses the full action set, published scores use the minimal one"
    if repeat == 0.0 and protocol.get("noop_max", 30) == 0:
        return "it has neither sticky actions nor no-op starts"
    return None


def family_of(protocol: Mapping[str, object], kind: Kind) -> Family | None:
    """The family whose published scores may stand beside a score of this protocol; None where there is none."""
    if _deviation(protocol) is not None:
        return None
    sticky = protocol["repeat_action_probability"] == 0.25
    match kind:
        case "evaluation":
            return "sticky evaluation" if sticky else "no-op evaluation"
        case "training":
            return "sticky training" if sticky else "no-op training"


def protocol_text(protocol: Mapping[str, object]) -> str:
    """A protocol in one line, every setting named: `nature: frame_skip 4, repeat_action_probability 0, ...`."""
    name = str(protocol.get("name", "unnamed protocol"))
    settings = [f"{key} {_value_text(value)}" for key, value in protocol.items() if key != "name" and value is not None]
    return f"{name}: {', '.join(settings)}" if settings else name


def scoring_text(protocol: Mapping[str, object]) -> str:
    """What a score under a protocol means, short enough for a title; every setting where it is not an Atari one."""
    repeat, noops = protocol.get("repeat_action_probability"), protocol.get("noop_max")
    if not isinstance(repeat, int | float):
        return protocol_text(protocol)
    parts = [
        f"frame skip {protocol.get('frame_skip', 'unknown')}",
        f"sticky actions {repeat:g}" if repeat else "no sticky actions",
        f"up to {noops} no-ops" if noops else "no no-ops",
        "whole games, raw scores",
        "all 18 actions" if protocol.get("full_action_set") else "",
        f"actions {_value_text(protocol['actions'])}" if protocol.get("actions") else "",
    ]
    return f"{protocol.get('name', 'unnamed protocol')}: {', '.join(part for part in parts if part)}"


def differences(protocol: Mapping[str, object]) -> tuple[str, ...]:
    """Where a protocol departs from its family without leaving it, one clause each, for beside every comparison."""
    repeat, noops = protocol.get("repeat_action_probability"), protocol.get("noop_max")
    actions, cut = protocol.get("actions"), protocol.get("max_frames", MAX_FRAMES)
    found = [
        (bool(actions), f"it chooses among {_value_text(actions)} only, published scores among the minimal action set"),
        (cut != MAX_FRAMES, f"its games are cut at {cut} frames, published ones at {MAX_FRAMES}"),
        (
            repeat == 0.0 and noops not in (None, 30),
            f"its games begin with up to {noops} no-ops, published ones with 30",
        ),
        (repeat == 0.25 and bool(noops), f"its games begin with up to {noops} no-ops, published sticky ones with none"),
    ]
    return tuple(clause for differs, clause in found if differs)


def _value_text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return "/".join(str(item) for item in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return str(value)


def published_for(game: str, family: Family | None) -> tuple[Published, ...]:
    """Published final scores of one game and one family, best first."""
    found = [row for row in published_scores() if row.game == game and row.family == family]
    return tuple(sorted(found, key=lambda row: (-row.score, row.algorithm, row.source)))


def published_on_the_way(game: str, frames: int) -> tuple[Published, ...]:
    """Dopamine's training returns of a game at the last milestone that lies within `frames`, best first."""
    reached = [row for row in training_curves() if row.game == game and row.frames <= frames]
    latest = max((row.frames for row in reached), default=0)
    found = [row for row in reached if row.frames == latest]
    return tuple(sorted(found, key=lambda row: (-row.score, row.algorithm, row.protocol)))


def _note(record: ScoreRecord, family: Family | None) -> str:
    deviation = _deviation(record.protocol)
    if record.game not in {row.game for row in published_scores()}:
        return f"No published scores of {record.game} are known to Playfield."
    if deviation is not None:
        return f"No published scores of this protocol: {deviation}."
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
        note="" if published else _note(record, family),
    )


def evaluation_table(evaluated: Evaluated, generator: np.random.Generator) -> ScoreTable:
    """The table of one evaluation."""
    record = ScoreRecord(
        game=evaluated.game,
        protocol=evaluated.protocol,
        policy=evaluated.policy,
        kind="evaluation",
        frames=evaluated.clock.frames,
        scores=evaluated.scores,
    )
    return score_table(record, generator)
