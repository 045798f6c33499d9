"""Scores that others published, shipped with the package: data/NOTICE.md says where each comes from."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import get_args

from playfield.score.protocols import Family


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


def shipped_rows(name: str) -> list[dict[str, str]]:
    """The rows of a table in `data`, each a text by column."""
    text = resources.files("playfield").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def baselines() -> Mapping[str, Baseline]:
    """Random and human scores of the 57 games, by ale-py name.

    Source: DQN Zoo's table; random Video Pinball is 0.0 as in the papers' means, see data/NOTICE.md.
    """
    rows = shipped_rows("atari_human_random.csv")
    return {
        row["game"]: Baseline(game=row["game"], random=float(row["random"]), human=float(row["human"])) for row in rows
    }


@cache
def published_scores() -> tuple[Published, ...]:
    """Every published score shipped with the package."""
    families: dict[str, Family] = {family: family for family in get_args(Family)}
    tables = [
        Published(
            game=row["game"],
            family=families[row["family"]],
            algorithm=row["algorithm"],
            frames=int(row["frames"]),
            score=float(row["score"]),
            protocol=row["protocol"],
            source=row["source"],
        )
        for row in shipped_rows("atari_published_scores.csv")
    ]
    return (*tables, *_pfrl_scores())


PFRL_PROTOCOLS = {
    "DQN_PFRL": "noop30 start, no sticky, eps 0.05, 5 min cap, best snapshot of each run played again",
    "Rainbow_PFRL": "noop30 start, no sticky, eps 0.001, 30 min cap, best snapshot of each run played again",
    "IQN_PFRL": "noop30 start, no sticky, 30 min cap, highest evaluation of each run",
}


def _pfrl_scores() -> list[Published]:
    """A reproduction by others, which differs from the papers it follows: a measure of how far scores repeat."""
    return [
        Published(
            game=row["game"],
            family="no-op evaluation",
            algorithm=row["algorithm"],
            frames=200_000_000,
            score=float(row["score"]),
            protocol=f"{PFRL_PROTOCOLS[row['algorithm']]}, mean of {row['seeds']} runs",
            source="pfnet/pfrl examples/atari/reproduction, results of commit a0ad6a7",
        )
        for row in shipped_rows("pfrl_scores.csv")
    ]


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
        for row in shipped_rows("dopamine_training_curves.csv")
    )


@cache
def evaluation_curves() -> tuple[Published, ...]:
    """BTR's evaluations at 5, 10, 20 and 200 million frames, 19 games; all are of family `sticky evaluation`."""
    return tuple(
        Published(
            game=row["game"],
            family="sticky evaluation",
            algorithm="BTR",
            frames=int(row["frames"]),
            score=float(row["score"]),
            protocol="ALE v5 (sticky 0.25), no life info, eval eps 0.01, mean of 100 episodes",
            source="VIPTankz/BeyondTheRainbowICML results.csv@86ee767",
        )
        for row in shipped_rows("btr_curves.csv")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedMedian:
    """The median human-normalised score over the 57 Atari games after so many frames."""

    algorithm: str
    frames: int
    median: float
    """1.0 is the human tester."""


@cache
def median_curves() -> tuple[PublishedMedian, ...]:
    """DQN Zoo's medians over 57 games, by algorithm and then by frames; all are no-op evaluations, no sticky actions.

    Source: read off its summary plot: 5 seeds, smoothed over 5 million frames; see data/NOTICE.md.
    """
    found = [
        PublishedMedian(
            algorithm=f"DQN Zoo {row['algorithm']}",
            frames=int(row["frames"]),
            median=float(row["median_human_normalised"]),
        )
        for row in shipped_rows("dqn_zoo_median_curves.csv")
    ]
    return tuple(sorted(found, key=lambda row: (row.algorithm, row.frames)))


def published_curves(game: str, family: Family | None) -> Mapping[str, tuple[Published, ...]]:
    """Published scores of one game and one family on the way, by algorithm, oldest first; most families have none."""
    found: dict[tuple[str, str], list[Published]] = {}
    for row in (*training_curves(), *evaluation_curves()):
        if row.game == game and row.family == family:
            found.setdefault((row.algorithm, row.protocol), []).append(row)
    several = {name for name, _ in found if sum(name == other for other, _ in found) > 1}
    return {
        f"{name} ({protocol[protocol.rfind('[') + 1 : -1]})" if name in several else name: tuple(
            sorted(rows, key=lambda row: row.frames)
        )
        for (name, protocol), rows in found.items()
    }


def human_normalised(game: str, score: float) -> float:
    """Human-normalised score of a game, 0 for a random player and 1 for the human tester.

        HNS = (score − random) / (human − random)

    Raises: ValueError where no human score of the game is known.
    """
    if game not in baselines():
        raise ValueError(f"No human and random scores are known for {game!r}; the 57 games that have them are Atari's.")
    return baselines()[game].normalise(score)


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
