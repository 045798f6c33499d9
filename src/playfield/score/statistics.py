"""Statistics of scores: pure, with every draw from the generator passed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from playfield.types import Array

Statistic = Callable[[Array], Array]
"""Reduces the last axis of an array of scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A percentile bootstrap interval."""

    low: float
    high: float
    level: float
    """Share of resamples inside: 0.95 for 95 %."""


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
    _check_level(level)
    values = statistic(np.concatenate(resampled(strata, generator, resamples), axis=1))
    return _percentiles(values, level)


def resampled(
    strata: Sequence[Sequence[float]], generator: np.random.Generator, resamples: int
) -> list[Float[Array, "N _"]]:
    """N resamples with replacement of each stratum, drawn by itself and as large as it is.

    Raises: ValueError for a stratum without scores, and for N below 1.
    """
    if not strata or any(len(stratum) == 0 for stratum in strata):
        raise ValueError("A bootstrap needs at least one stratum, and at least one score in each.")
    if resamples < 1:
        raise ValueError(f"A bootstrap needs resamples >= 1, not {resamples}.")
    drawn: list[Array] = []
    for stratum in strata:
        scores = np.asarray(stratum, dtype=np.float64)
        drawn.append(scores[generator.integers(len(scores), size=(resamples, len(scores)))])
    return drawn


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ValueError(f"A bootstrap needs 0 < level < 1, not {level}.")


def _percentiles(values: Array, level: float) -> Interval:
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return Interval(low=float(low), high=float(high), level=level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A statistic of runs, and how sure it is."""

    value: float
    interval: Interval | None
    """None where some game has a single run: one seed says nothing about how others would have done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregates:
    """What many runs on some games come to."""

    iqm: Estimate
    """Interquartile mean over all runs of all games; of fewer than 4 runs it is their mean."""
    median: Estimate
    """Over games, of each game's mean; with one game, over its runs."""
    mean: Estimate
    """Over games, of each game's mean."""


def aggregate(
    runs: Sequence[Sequence[float]], generator: np.random.Generator, *, resamples: int = 2000, level: float = 0.95
) -> Aggregates:
    """IQM, median and mean of one score per run, `runs[game][seed]`, with stratified bootstrap intervals.

    Runs are resampled within each game. Scores of several games must have been normalised to one scale before.

    Source: Agarwal et al. (2021), sections 4.1 and 4.3.
    Raises: ValueError for no game and for a game without runs.
    """
    _check_level(level)
    drawn = resampled(runs, generator, resamples)
    whole = [np.asarray(game, dtype=np.float64)[None] for game in runs]
    sure = all(len(game) > 1 for game in runs)

    def estimate(statistic: Callable[[Sequence[Array]], Array]) -> Estimate:
        interval = _percentiles(statistic(drawn), level) if sure else None
        return Estimate(value=float(statistic(whole)[0]), interval=interval)

    return Aggregates(iqm=estimate(_pooled_iqm), median=estimate(_median_of_games), mean=estimate(_mean_of_games))


def _pooled_iqm(games: Sequence[Array]) -> Array:
    return iqm(np.concatenate(games, axis=-1))


def _median_of_games(games: Sequence[Array]) -> Array:
    return median(games[0]) if len(games) == 1 else median(np.stack([mean(game) for game in games], axis=-1))


def _mean_of_games(games: Sequence[Array]) -> Array:
    return mean(np.stack([mean(game) for game in games], axis=-1))


def probability_of_improvement(
    left: Sequence[Sequence[float]],
    right: Sequence[Sequence[float]],
    generator: np.random.Generator,
    *,
    resamples: int = 2000,
    level: float = 0.95,
) -> Estimate:
    """How likely a run of `left` beats a run of `right` on a game drawn at random; 0.5 is no difference.

        P(X > Y) = mean over games of  1/(N M) sum_ij S(x_i, y_j),   S = 1 if x > y, 1/2 if x = y, else 0

    `left[game][seed]` and `right[game][seed]` name the same games in the same order; any scale of a game will do.

    Source: Agarwal et al. (2021), section 4.3. Neutral: equal scores give 0.5.
    Raises: ValueError where the games do not match, and for a game without runs.
    """
    _check_level(level)
    if len(left) != len(right):
        raise ValueError(
            f"A probability of improvement needs the same games on both sides, not {len(left)} and {len(right)}."
        )
    drawn = list(zip(resampled(left, generator, resamples), resampled(right, generator, resamples), strict=True))
    value = np.mean([_wins(np.asarray(x)[None], np.asarray(y)[None])[0] for x, y in zip(left, right, strict=True)])
    sure = all(len(game) > 1 for game in (*left, *right))
    draws = np.mean([_wins(x, y) for x, y in drawn], axis=0)
    return Estimate(value=float(value), interval=_percentiles(draws, level) if sure else None)


def _wins(x: Float[Array, "N X"], y: Float[Array, "N Y"]) -> Float[Array, "N"]:
    """Share of pairs that x wins, ties counted half."""
    difference = x[:, :, None] - y[:, None, :]
    return np.asarray(((difference > 0) + 0.5 * (difference == 0)).mean(axis=(1, 2)))


def as_of(frames: Float[Array, "E"], values: Float[Array, "E"], grid: Float[Array, "T"]) -> Float[Array, "T"]:
    """What was known at each place of a grid: the newest value not after it; NaN before the first."""
    index = np.searchsorted(frames, grid, side="right") - 1
    known = np.concatenate([[np.nan], np.asarray(values, dtype=np.float64)])
    return known[index + 1]


def iqm_curve(
    runs: Sequence[Float[Array, "_ T"]], generator: np.random.Generator, *, resamples: int = 500, level: float = 0.95
) -> tuple[Float[Array, "T"], Float[Array, "2 T"] | None]:
    """The IQM over runs and games at each place of a grid, and a band of pointwise bootstrap intervals.

    `runs[game][seed, place]`. Runs are resampled whole and within each game; there is no band where a game has one run.

    Source: Agarwal et al. (2021), section 4.3, sample efficiency curves.
    Raises: ValueError for no game and for a game without runs.
    """
    _check_level(level)
    if not runs or any(len(game) == 0 for game in runs):
        raise ValueError("A curve needs at least one game, and at least one run in each.")
    middle = iqm(np.concatenate(runs).T)
    if any(len(game) < 2 for game in runs):
        return middle, None
    draws = [generator.integers(len(game), size=(resamples, len(game))) for game in runs]
    tail = (1.0 - level) / 2.0
    low_high = [
        np.quantile(
            iqm(np.concatenate([g[d, t] for g, d in zip(runs, draws, strict=True)], axis=1)), [tail, 1.0 - tail]
        )
        for t in range(len(middle))
    ]
    return middle, np.array(low_high).reshape(-1, 2).T
