"""Advice from the rows of a run's metrics: one plain sentence for each diagnostic outside of its healthy range."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Row = Mapping[str, float | None]
Limits = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What there is to say of one diagnostic."""

    title: str
    value: float | None = None
    """The newest one; None where there is none."""
    frames: float | None = None
    """Emulator frames at which it was written."""
    healthy: str = ""
    verdict: str
    """`healthy`, or advice, or why there is no value."""

    @property
    def is_advice(self) -> bool:
        """Whether the value left its healthy range."""
        return self.value is not None and self.verdict != HEALTHY


HEALTHY = "healthy"
NOT_YET = "not measured yet; the first probe is at update 1,000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """A number in the metrics, when it is healthy, and what to do when it is not."""

    field: str
    title: str
    limits: Callable[[Sequence[Row]], Limits]
    """The healthy range, given the rows up to the one that is judged."""
    low: str = ""
    """Advice below the range."""
    high: str = ""
    """Advice above it."""
    missing: str

    def find(self, rows: Sequence[Row]) -> Finding:
        """Judge the newest value in the rows, oldest first."""
        known = [number for number, row in enumerate(rows) if row.get(self.field) is not None]
        if not known:
            return Finding(title=self.title, verdict=f"missing: {self.missing}")
        row = rows[known[-1]]
        value = row[self.field] or 0.0
        low, high = self.limits(rows[: known[-1] + 1])
        verdict = self.low if value < low else self.high if value > high else HEALTHY
        return Finding(
            title=self.title, value=value, frames=row.get("frames"), healthy=_range(low, high), verdict=verdict
        )


def _range(low: float, high: float) -> str:
    if math.isinf(high):
        return f"at least {low:.3g}"
    return f"at most {high:.3g}" if low == 0.0 or math.isinf(low) else f"{low:.3g} to {high:.3g}"


def _within(low: float, high: float) -> Callable[[Sequence[Row]], Limits]:
    return lambda _rows: (low, high)


def _half_the_return(rows: Sequence[Row]) -> Limits:
    """Half of what the decisions returned, or half a point where that is more."""
    limit = max(0.5, 0.5 * abs(rows[-1].get("discounted_return") or 0.0))
    return -limit, limit


def _as_usual(rows: Sequence[Row]) -> Limits:
    """Between a hundredth and ten times of the run's median so far."""
    usual = median([norm for row in rows if (norm := row.get("grad_norm")) is not None])
    return usual / 100.0, usual * 10.0


def _a_tenth_of_the_gradient(rows: Sequence[Row]) -> Limits:
    return 0.1 * (rows[-1].get("grad_norm") or 0.0), math.inf


def diagnostics(oldest_age: float = math.inf) -> tuple[Diagnostic, ...]:
    """Every diagnostic; priorities should be younger than `oldest_age` updates.

    Transitions in memory / transitions in a batch is a good limit: so old are, on average, the last looks at
    transitions that are drawn uniformly.
    """
    return (*_of_learning(), *_of_samples(oldest_age))


def _of_learning() -> tuple[Diagnostic, ...]:
    """What networks and gradients say."""
    return (
        Diagnostic(
            field="q_overestimation",
            title="Q overestimation (value less discounted return)",
            limits=_half_the_return,
            low="values lag behind what play brings; normal early on, else learn more often or raise optimizer.lr",
            high="values promise more than play brings: try bootstrap=Double, a slower target or a lower optimizer.lr",
            missing="no episode was played from its start to its end since learning began, or since a resume",
        ),
        Diagnostic(
            field="dormant_units",
            title="dormant units (share)",
            limits=_within(0.0, 0.25),
            high="many units say nothing any more: lower optimizer.lr or the replay ratio, or use a LayerNorm",
            missing=f"{NOT_YET} (a network without ReLU modules has none)",
        ),
        Diagnostic(
            field="grad_norm",
            title="gradient norm before clipping",
            limits=_as_usual,
            low="gradients have all but vanished against this run's median: look at dormant units and optimizer.lr",
            high="gradients grew tenfold against this run's median: learning may diverge, lower optimizer.lr",
            missing="nothing was learnt yet",
        ),
        Diagnostic(
            field="grad_norm_clipped",
            title="gradient norm after clipping",
            limits=_a_tenth_of_the_gradient,
            low="clipping takes away more than nine tenths of the gradient: raise optimizer.clip_norm",
            missing="nothing was learnt yet",
        ),
        Diagnostic(
            field="clipped_targets",
            title="clipped targets (share)",
            limits=_within(0.0, 0.01),
            high="returns lie beyond the support: widen returns.low and returns.high, or lower memory.reward_scale",
            missing="only returns with a support, Categorical or HLGauss, are ever clipped",
        ),
        Diagnostic(
            field="policy_churn",
            title="policy churn (share of best actions an update changes)",
            limits=_within(0.0, 0.25),
            high="single updates turn the policy over: lower optimizer.lr or raise memory.batch",
            missing=NOT_YET,
        ),
    )


def _of_samples(oldest_age: float) -> tuple[Diagnostic, ...]:
    """What the samples say that are learnt from."""
    return (
        Diagnostic(
            field="priority_age",
            title="age of drawn priorities (updates)",
            limits=_within(0.0, oldest_age),
            high="priorities are out of date: learn more often, or lower memory.sampler.alpha or memory.capacity",
            missing="a memory that draws uniformly has none; others tell it from update 1,000 on",
        ),
        Diagnostic(
            field="effective_sample_size",
            title="effective sample size (share of the batch)",
            limits=_within(0.5, math.inf),
            low="few samples carry most of the weight of a batch: lower memory.sampler.alpha",
            missing=NOT_YET,
        ),
        Diagnostic(
            field="replay_ratio",
            title="replay ratio (samples learnt per decision)",
            limits=_within(0.5, 64.0),
            low="most of what is played is never learnt from: learn more often, or from larger batches",
            high="each decision is learnt from so often that it overfits: learn less often, and watch dormant units",
            missing="nothing was learnt yet",
        ),
    )


def advise(rows: Sequence[Row], oldest_age: float = math.inf) -> list[Finding]:
    """What there is to say of every diagnostic of a run."""
    known = diagnostics(oldest_age)
    if all(row.get(diagnostic.field) is None for row in rows for diagnostic in known):
        return [Finding(title=diagnostic.title, verdict="missing: nothing was learnt yet") for diagnostic in known]
    return [diagnostic.find(rows) for diagnostic in known]
