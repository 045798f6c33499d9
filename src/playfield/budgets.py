"""Budgets: how long somebody wants to wait, and which recipe uses that time best by what is known.

    choose(BUDGETS["overnight"], "pong")   # a recipe, the score to expect of it, and where that comes from

What is known is data and nothing else: our own results within the budget, then how many frames a recipe plays in
that time and what others published of its algorithm after so many. Nothing is extrapolated: where a curve begins
later than a recipe gets, the recipe is no candidate.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

from playfield.games.desktop.games import is_desktop_game
from playfield.games.gymnasium_games import PREFIX
from playfield.games.make import check_game
from playfield.games.toys import TOYS
from playfield.score.published import (
    Published,
    PublishedMedian,
    evaluation_curves,
    median_curves,
    shipped_rows,
    training_curves,
)

Device = Literal["cpu", "cuda"]
Sureness = Literal["measured", "published, not ours", "not measured"]
"""How sure a band is; of none it is not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A time to wait, and what is chosen for it where no score decides."""

    name: str
    about: str
    minutes: float
    """Of training; the evaluation comes after it."""
    device: Device
    recipe: str
    """For Atari games of which nothing is measured or published."""
    because: str
    """Why this one, in a clause."""


BUDGETS: Mapping[str, Budget] = {
    budget.name: budget
    for budget in (
        Budget(
            name="10min-cpu",
            about="ten minutes on two CPU cores",
            minutes=10.0,
            device="cpu",
            recipe="pong_laptop",
            because="the fastest recipe on two cores, with schedules that fit into the time",
        ),
        Budget(
            name="1h-gpu",
            about="an hour on one CUDA GPU",
            minutes=60.0,
            device="cuda",
            recipe="pqn",
            because="it learns from 128 games at once without a replay memory; CleanRL's was at 20.5 in Pong after 40M "
            "frames",
        ),
        Budget(
            name="overnight",
            about="ten hours on two CPU cores",
            minutes=600.0,
            device="cpu",
            recipe="dqn_adam",
            because="the plainest full-sized recipe",
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one seed of a recipe scored in a game within a budget: a row of data/budget_scores.csv."""

    budget: str
    game: str
    recipe: str
    seed: int
    score: float
    """Mean over the games of the final evaluation."""
    episodes: int
    protocol: str
    hardware: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How fast a recipe is while it learns: a row of data/recipe_speeds.csv."""

    recipe: str
    device: Device
    frames_per_second: float
    """Emulator frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a choice is made from."""

    scores: Sequence[Measured] = ()
    speeds: Sequence[Speed] = ()
    curves: Sequence[Published] = ()
    medians: Sequence[PublishedMedian] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a budget chooses for a game, and what may be expected of it."""

    recipe: str
    band: tuple[float, float] | None = None
    """Lowest and highest score to expect; None where nobody knows."""
    source: str
    """Where the band comes from, or why there is none, in a clause."""
    sureness: Sureness

    def expected(self) -> str:
        """`18.1 to 20 (measured: 3 seeds ...)`, or `not measured (...)`."""
        if self.band is None:
            return f"{self.sureness} ({self.source})"
        low, high = (f"{score:.4g}" if abs(score) < 1_000 else f"{score:,.0f}" for score in self.band)
        return f"{low if low == high else f'{low} to {high}'} ({self.sureness}: {self.source})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Whose published scores stand for a recipe of ours."""

    algorithm: str = ""
    """Of the curve of each game; empty where none is of the same ingredients or fewer."""
    network: str = ""
    """Dopamine's word for its code and network; empty where a curve has none."""
    median: str = ""
    """The algorithm's name among the medians of 57 games; empty where it has none."""
    departs: str = ""
    """What ours has and the other one has not."""


LIKENESSES: Mapping[str, Likeness] = {
    "dqn": Likeness(algorithm="Dopamine_DQN", network="legacy", median="DQN Zoo DQN"),
    "dqn_adam": Likeness(algorithm="Dopamine_DQN (Adam + MSE in JAX)", network="legacy"),
    "double": Likeness(median="DQN Zoo Double DQN"),
    "rainbow": Likeness(
        algorithm="Dopamine_Rainbow",
        network="legacy",
        median="DQN Zoo Rainbow",
        departs="without double, dueling and noisy layers",
    ),
    "c51": Likeness(algorithm="Dopamine_C51", network="legacy", median="DQN Zoo C51"),
    # Dopamine's have three steps, and the former priorities, which ours have not: their curves would promise too much.
    "qr_dqn": Likeness(median="DQN Zoo QR-DQN"),
    "iqn": Likeness(median="DQN Zoo IQN"),
    "btr": Likeness(algorithm="BTR"),
}


@cache
def shipped_evidence() -> Evidence:
    """What comes with the package."""
    devices: Mapping[str, Device] = {"cpu": "cpu", "cuda": "cuda"}
    return Evidence(
        scores=[
            Measured(
                budget=row["budget"],
                game=row["game"],
                recipe=row["recipe"],
                seed=int(row["seed"]),
                score=float(row["score"]),
                episodes=int(row["episodes"]),
                protocol=row["protocol"],
                hardware=row["hardware"],
            )
            for row in shipped_rows("budget_scores.csv")
        ],
        speeds=[
            Speed(
                recipe=row["recipe"],
                device=devices[row["device"]],
                frames_per_second=float(row["frames_per_second"]),
            )
            for row in shipped_rows("recipe_speeds.csv")
        ],
        curves=(*training_curves(), *evaluation_curves()),
        medians=median_curves(),
    )


def choose(budget: Budget, game: str, evidence: Evidence | None = None) -> Choice:
    """The recipe that a budget is best spent on in a game, with the score to expect.

    Raises: UnknownGame with the nearest names; ValueError where no budget is made for such a game.
    """
    check_game(game)
    known = shipped_evidence() if evidence is None else evidence
    if (measured := _by_measurement(budget, game, known.scores)) is not None:
        return measured
    if game.startswith(PREFIX):
        raise ValueError(
            f"a budget cannot tell what {game} shows before it is made; choose a recipe for it, "
            f"for instance: playfield train dqn_classic {game} --minutes {budget.minutes:g}"
        )
    if game in TOYS or is_desktop_game(game):
        return _without_atari(budget, game)
    choice = _by_curves(budget, game, known) or _by_medians(budget, known)
    return choice or Choice(
        recipe=budget.recipe,
        source=f"{budget.recipe} by default: {budget.because}; nothing is measured on this game",
        sureness="not measured",
    )


def _by_measurement(budget: Budget, game: str, scores: Sequence[Measured]) -> Choice | None:
    """The recipe of the highest mean over seeds; of equals the one of more seeds, then the first in the alphabet."""
    found: dict[str, list[Measured]] = {}
    for row in scores:
        if (row.budget, row.game) == (budget.name, game):
            found.setdefault(row.recipe, []).append(row)
    if not found:
        return None
    best = min(found, key=lambda name: (-statistics.fmean(r.score for r in found[name]), -len(found[name]), name))
    rows = found[best]
    values = [row.score for row in rows]
    seeds = f"{len(rows)} seeds" if len(rows) > 1 else "one seed, so nobody knows how far it scatters"
    first = rows[0]
    return Choice(
        recipe=best,
        band=(min(values), max(values)),
        source=f"{seeds}, means of {first.episodes} games each, {first.protocol}, {first.hardware}",
        sureness="measured",
    )


def _without_atari(budget: Budget, game: str) -> Choice:
    """For toys and desktop games, whose recipes say themselves how many frames they need."""
    if budget.device == "cuda":
        raise ValueError(
            f"{budget.name} is for Atari games, and {game} asks for no GPU: "
            f"type `playfield train {game} --budget 10min-cpu`"
        )
    recipe, what = ("dqn_toy", "toy") if game in TOYS else ("der_desktop", "desktop")
    return Choice(
        recipe=recipe,
        source=f"the recipe for {what} games, which ends by itself when its frames are played",
        sureness="not measured",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A recipe whose frames within the budget lie on a published curve."""

    recipe: str
    frames: float
    score: float
    before: Published
    after: Published


def _by_curves(budget: Budget, game: str, known: Evidence) -> Choice | None:
    """The recipe whose published curve is highest where the budget ends.

    Scores of two families are never compared: the family with more candidates decides, training before evaluation.
    """
    families: dict[str, list[_Candidate]] = {}
    for speed in known.speeds:
        if speed.device != budget.device or (like := LIKENESSES.get(speed.recipe)) is None:
            continue
        frames = speed.frames_per_second * budget.minutes * 60.0
        for candidate in _candidates(speed.recipe, frames, _curve(game, like, known.curves)):
            families.setdefault(candidate.before.family, []).append(candidate)
    if not families:
        return None
    most = max(families, key=lambda family: (len(families[family]), family == "sticky training"))
    best = min(families[most], key=lambda one: (-one.score, -one.frames, one.recipe))
    return _published_choice(best, budget)


def _curve(game: str, like: Likeness, curves: Sequence[Published]) -> list[Published]:
    """Points of a likeness's curve in a game, by frames."""
    of_network = f"[{like.network} network]" if like.network else ""
    found = [
        row for row in curves if (row.game, row.algorithm) == (game, like.algorithm) and of_network in row.protocol
    ]
    return sorted(found, key=lambda row: row.frames)


def _candidates(recipe: str, frames: float, curve: Sequence[Published]) -> list[_Candidate]:
    """One where the frames lie on the curve or behind its end, whose last point then stands for it; else none."""
    if not curve or frames < curve[0].frames:
        return []
    before = after = curve[-1]
    score = before.score
    for left, right in pairwise(curve):
        if left.frames <= frames < right.frames:
            before, after = left, right
            share = (frames - left.frames) / (right.frames - left.frames)
            score = left.score + share * (right.score - left.score)
    return [_Candidate(recipe=recipe, frames=frames, score=score, before=before, after=after)]


def _published_choice(best: _Candidate, budget: Budget) -> Choice:
    """A candidate with the points around it as its band, and in words how little that says of our own code."""
    low, high = sorted((best.before.score, best.after.score))
    like = LIKENESSES[best.recipe]
    departs = f" {like.departs}" if like.departs else ""
    ends = sorted({best.before.frames, best.after.frames})
    points = " and ".join(f"{frames / 1e6:g}M" for frames in ends)
    return Choice(
        recipe=best.recipe,
        band=(low, high),
        source=f"{like.algorithm.replace('_', ' ')}{departs} at {points} frames, "
        f"{best.before.family}; {best.frames / 1e6:.1f}M fit into {budget.minutes:g} minutes at its "
        f"measured speed, there about {best.score:.4g}",
        sureness="published, not ours",
    )


def _by_medians(budget: Budget, known: Evidence) -> Choice | None:
    """For a game without curves, the recipe whose median over 57 other games is highest where the budget ends."""
    reached: list[tuple[float, float, str, int]] = []
    for speed in known.speeds:
        like = LIKENESSES.get(speed.recipe)
        if speed.device != budget.device or like is None or not like.median:
            continue
        frames = speed.frames_per_second * budget.minutes * 60.0
        rows = [row for row in known.medians if row.algorithm == like.median and row.frames <= frames]
        if rows:
            newest = max(rows, key=lambda row: row.frames)
            reached.append((-newest.median, -frames, speed.recipe, newest.frames))
    best = min(reached, default=None)
    # Before anything is learnt, medians are noise around chance.
    if best is None or -best[0] < LEAST_MEDIAN:
        return None
    return Choice(
        recipe=best[2],
        source=f"no curve of this game is known; over 57 games its published median is {-best[0]:.0%} of a human's "
        f"at {best[3] / 1e6:g}M frames, where {-best[1] / 1e6:.1f}M fit",
        sureness="not measured",
    )


LEAST_MEDIAN = 0.05
"""Human-normalised median from which on algorithms are told apart by it."""
