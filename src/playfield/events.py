"""What a session says happened, as frozen values. Consumers (files, screens, plots) know these and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from playfield.types import Array, Clock, Step

Phase = Literal["pretraining", "observing", "training", "evaluating"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """An episode as (seed, actions): enough to play it again exactly, at any resolution.

    `actions` are indices into the action set of the protocol that the episode was played under.
    """

    seed: int
    actions: bytes
    """One byte per agent step, oldest first."""
    cut: bool = False
    """Whether the episode cannot be gone on with: its game does not replay, or was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseChanged:
    """The session entered a named phase."""

    clock: Clock
    phase: Phase
    remaining_frames: int | None = None
    """Emulator frames until the phase ends, where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """Every game took one action. Not stored; for displays only."""

    clock: Clock
    action: Array
    step: Step
    value: Array | None = None
    """What the agent expected of each game when it chose, as in `Decision.value`; None where nobody asked it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """Signs of health of one optimiser step; None where the recipe has no such thing or this step was not probed."""

    samples: int
    """Transitions in the batch."""
    clipped_grad_norm: float
    """Global gradient norm after clipping."""
    clipped_targets: float | None = None
    """Share of the targets' probability beyond the support of a categorical prediction, which counts as at its ends."""
    dormant_units: float | None = None
    """Share of units that are nearly silent; of probed steps only."""
    policy_churn: float | None = None
    """Share of the batch's observations whose best action this step changed; of probed steps only."""
    effective_sample_size: float | None = None
    """Samples of equal weight that would be worth the batch, as a share of it; of probed steps only."""
    priority_age: float | None = None
    """Mean number of updates since the samples' priorities were set; of probed steps only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """One optimiser step was taken."""

    clock: Clock
    updates: int
    """Optimiser steps so far, this one included."""
    loss: float
    """Mean loss of the batch, weighted as it was descended."""
    grad_norm: float
    """Global gradient norm before clipping."""
    mean_q: float
    """Mean predicted return of the batch's actions."""
    epsilon: float
    """Exploration rate at this clock."""
    diagnostics: Diagnostics | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GameLost:
    """A game hung, or its process, window or display was gone: it is begun anew. Comes before its episode's end."""

    clock: Clock
    game: int
    """Which of the G games, 0-based."""
    reason: str
    """What happened, as a part of a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeEnded:
    """One whole game was played to its end or to its time limit; or it was cut off there, where it was lost."""

    clock: Clock
    game: int
    """Which of the G games, 0-based."""
    episode: int
    """Number of the episode in this run or evaluation, 1-based."""
    score: float
    """Sum of raw rewards of the whole game."""
    life_scores: tuple[float, ...]
    """The same sum, split where lives were lost; one entry where the protocol ignores lives."""
    frames: int
    """Emulator frames of the episode."""
    truncated: bool
    """True when a time limit ended it, or the game was lost."""
    tape: Tape
    """Of a game that was lost without the action that it did not survive."""
    lost: bool = False
    """Whether the game was lost: then the score is not that of a whole game, and counts in no mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """An evaluation under a named protocol is complete."""

    clock: Clock
    game: str
    protocol: dict[str, object]
    """The protocol as plain values; every score carries it."""
    policy: str
    """What played: `greedy, epsilon 0.001` or `random`."""
    seed: int
    scores: tuple[float, ...]
    """Raw whole-game scores, in order of game and episode."""
    frames: tuple[int, ...]
    best: Tape


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A checkpoint was committed to disk."""

    clock: Clock
    checkpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSaved:
    """A checkpoint could not be saved, and training goes on: it is tried again."""

    clock: Clock
    reason: str
    """As a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Training stopped, and why."""

    clock: Clock
    reason: str
    details: dict[str, object] = field(default_factory=dict)


Event = PhaseChanged | Stepped | Learned | GameLost | EpisodeEnded | Evaluated | Saved | NotSaved | Stopped
