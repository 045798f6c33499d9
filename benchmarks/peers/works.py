"""What is measured: the works, who does each of them, and what all of them must have done to be compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["training", "memory", "rate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Competitor:
    """A process that does a work."""

    name: str
    script: str
    environment: Literal["ours", "torch", "dopamine"]
    part: str | None = None
    """What it calls the work; by default as the work is called."""
    is_limit: bool = False
    """Whether it only says what cannot be surpassed: it is neither ours nor a peer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Something that several competitors do."""

    name: str
    title: str
    unit: str
    competitors: tuple[Competitor, ...]
    full: dict[str, int]
    """Numbers that a competitor is given."""
    quick: dict[str, int]
    """Those that differ with --quick."""
    kind: Kind = "rate"
    steps_per_update: float | None = None
    """Decisions of all games for an update, where something is learnt: what a report is checked against."""
    target: float | None = None
    """How many times as fast as the best peer we want to be."""

    def numbers(self, *, quick: bool) -> dict[str, int]:
        return {**self.full, **(self.quick if quick else {})}


def _ours(part: str | None = None, name: str = "Playfield") -> Competitor:
    return Competitor(name=name, script="ours.py", environment="ours", part=part)


def _sb3(part: str | None = None, name: str = "Stable-Baselines3") -> Competitor:
    return Competitor(name=name, script="peer_sb3.py", environment="torch", part=part)


CLEANRL = Competitor(name="CleanRL (restated)", script="peer_cleanrl.py", environment="torch")
TIANSHOU = Competitor(name="Tianshou", script="peer_tianshou.py", environment="torch")
DOPAMINE = Competitor(name="Dopamine", script="peer_dopamine.py", environment="dopamine")
ALE = Competitor(name="ale-py's vector environment", script="ours.py", environment="ours", part="ale", is_limit=True)
ALL = (_ours(), _sb3(), CLEANRL, TIANSHOU, DOPAMINE)

TRAINING = {"steps": 2_000, "warm": 400, "start": 1_000, "capacity": 100_000}
QUICK = {"steps": 80, "warm": 16, "start": 200, "capacity": 2_000}
# An episode's last decision may be of fewer frames than the others, so learning, which counts frames, begins later.
MEMORY = {"steps": 40, "warm": 400, "start": 100_000, "capacity": 100_000}
ROLLOUT = 32 * 128
"""Decisions between two times of learning of PQN with 128 games."""
FILLED = {"start": 20_000, "warm": 0, "capacity": 20_000}
QUICK_FILLED = {"start": 200, "capacity": 2_000}


def _named(competitor: Competitor, part: str, name: str | None = None) -> Competitor:
    return replace(competitor, part=part, name=name or competitor.name)


def _drawing(part: str, batch: int, competitors: tuple[Competitor, ...]) -> Work:
    titles = {"sampling": "drawing uniformly", "sampling_prioritised": "drawing and setting priorities anew"}
    return Work(
        name=f"{part}_{batch}",
        title=f"Sampling only: {titles[part]}, batch {batch}",
        unit="batches",
        competitors=tuple(_named(competitor, part) for competitor in competitors),
        full={**FILLED, "steps": 2_000, "batch": batch},
        quick={**QUICK_FILLED, "steps": 50},
    )


SAMPLERS = (_ours(), _sb3(), TIANSHOU, DOPAMINE)
WORKS = (
    Work(
        name="dqn",
        title="Nature DQN on Pong: batch 32, an update every 4 steps, one emulator",
        unit="steps",
        kind="training",
        competitors=(*ALL, _ours("dqn_rmsprop", "Playfield, centred RMSProp as in 2015")),
        full=TRAINING,
        quick=QUICK,
        steps_per_update=4,
        target=2.0,
    ),
    Work(
        name="memory",
        title="Its peak memory with 100,000 transitions",
        unit="steps",
        kind="memory",
        competitors=(*ALL, _sb3("memory_compact", "Stable-Baselines3, optimize_memory_usage")),
        full=MEMORY,
        quick={"start": 600, "capacity": 600, "warm": 16, "steps": 40},
        steps_per_update=4,
    ),
    Work(
        name="rainbow",
        title="Rainbow on Pong: batch 32, an update every 4 steps, one emulator",
        unit="steps",
        kind="training",
        competitors=(_ours(), TIANSHOU, DOPAMINE),
        full={**TRAINING, "steps": 1_200, "warm": 200},
        quick=QUICK,
        steps_per_update=4,
        target=2.5,
    ),
    Work(
        name="pqn",
        title="PQN on Pong: 128 games, rollouts of 32 steps, 2 epochs of 32 minibatches",
        unit="steps",
        kind="training",
        competitors=(_ours(), CLEANRL),
        full={"start": 0, "warm": ROLLOUT, "steps": 4 * ROLLOUT, "games": 128, "batch": 128},
        quick={"steps": 32 * 32, "warm": 32 * 32, "games": 32},
        steps_per_update=64,
        target=2.0,
    ),
    Work(
        name="update",
        title="Drawing and learning only, DQN, batch 32",
        unit="updates",
        competitors=ALL,
        full={**FILLED, "steps": 400},
        quick={**QUICK_FILLED, "steps": 20},
        steps_per_update=1,
    ),
    Work(
        name="update_rainbow",
        title="Drawing and learning only, Rainbow, batch 32",
        unit="updates",
        competitors=(_ours(), TIANSHOU, DOPAMINE),
        full={**FILLED, "steps": 200},
        quick={**QUICK_FILLED, "steps": 10},
        steps_per_update=1,
    ),
    Work(
        name="acting",
        title="Acting only: a greedy action for one game",
        unit="actions",
        competitors=ALL,
        full={**FILLED, "start": 1_000, "steps": 4_000},
        quick={**QUICK_FILLED, "steps": 50},
    ),
    _drawing("sampling", 32, SAMPLERS),
    _drawing("sampling", 256, SAMPLERS),
    _drawing("sampling_prioritised", 32, (_ours(), TIANSHOU, DOPAMINE)),
    _drawing("sampling_prioritised", 256, (_ours(), TIANSHOU, DOPAMINE)),
    Work(
        name="emulator",
        title="The emulator alone, one game, random actions: the limit",
        unit="steps",
        competitors=(ALE, *ALL[:2], TIANSHOU, DOPAMINE),
        full={"start": 0, "warm": 0, "steps": 4_000},
        quick={"steps": 100},
    ),
    Work(
        name="emulators",
        title="The emulator alone, 128 games, random actions: the limit",
        unit="steps",
        competitors=(ALE, _ours("emulator"), _named(TIANSHOU, "emulator", "envpool, as Tianshou and CleanRL use it")),
        full={"start": 0, "warm": 0, "steps": 128 * 200, "games": 128},
        quick={"steps": 32 * 10, "games": 32},
    ),
)
