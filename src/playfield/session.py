"""The loop: a generator of events. Between two events the world is at rest: save, pause, evaluate or stop there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np

from playfield.agent import Agent, nothing_decided
from playfield.events import Event, Phase, PhaseChanged, Stepped
from playfield.games.games import Games
from playfield.rng import Rng
from playfield.tape import Recorder
from playfield.types import Clock, Step, Tree

AgentT = TypeVar("AgentT", bound=Agent)


class Session(Generic[AgentT]):
    """An agent at play with G games."""

    def __init__(self, agent: AgentT, games: Games, rng: Rng) -> None:
        self.agent, self.games, self.rng = agent, games, rng
        self.clock = Clock()
        self.tape = Recorder(games.spec.games)
        self.step: Step | None = None
        self._phase: Phase | None = None

    def play(self, until_frames: float) -> Iterator[Event]:
        """Play and learn until the clock reaches `until_frames`; call again to go on."""
        yield from self._phase_change()
        while self.clock.frames < until_frames:
            yield from self._pretrain() if self.pretraining else self._play_step()
            yield from self._phase_change()

    @property
    def pretraining(self) -> bool:
        """Whether the agent learns from what it was given, and has not played yet."""
        return self.step is None and self.agent.pretraining_updates > 0

    def _pretrain(self) -> Iterator[Event]:
        yield from self.agent.pretrain(self.clock)

    def _play_step(self) -> Iterator[Event]:
        step = self.step if self.step is not None else self._begin()
        decision = self.agent.act(step, self.clock)
        self.games.send(decision.action)
        learned = self.agent.learn(self.clock)  # the emulators run meanwhile, in a fixed order, so runs are exact
        step = self.step = self.games.recv()
        self.agent.observe(decision, step)
        self.clock = self.clock.after(step)
        ended = self.tape.add(decision.action, step, self.clock)
        yield from learned
        yield from ended
        yield Stepped(clock=self.clock, action=decision.action, step=step, value=decision.value)

    def release(self) -> None:
        """Let go of the agent and its memory, whoever still holds the session: it is of no use any more."""
        del self.agent

    def standing(self) -> PhaseChanged | None:
        """The phase that goes on, told anew to somebody who was not there when it began; None before the first."""
        remaining = None if self.pretraining else self.agent.observing_frames(self.clock) or None
        phase = self._phase
        return None if phase is None else PhaseChanged(clock=self.clock, phase=phase, remaining_frames=remaining)

    def state(self) -> Tree:
        """Everything, as one tree."""
        clock = self.clock
        return {
            "clock": {"frames": clock.frames, "steps": clock.steps, "episodes": clock.episodes},
            "phase": self._phase,
            "begun": self.step is not None,
            "seen": {} if self.step is None else {"frame": self.step.frame, "reward": self.step.reward},
            "rng": self.rng.state(),
            "tape": self.tape.state(),
            "agent": self.agent.state(),
        }

    def load(self, tree: Tree) -> None:
        """Become what `state()` described, by playing every open episode again from its tape.

        Where the games cannot play an episode again, it ends with its newest step as by a time limit, and the next step
        begins a new one; all else is as it was.

        Raises: ValueError where the games do not come back as they were; Lost where one is lost meanwhile.
        """
        self.clock = Clock(**{name: int(value) for name, value in tree["clock"].items()})
        self._phase = tree["phase"]
        self.tape.load(tree["tape"])
        self.agent.load(tree["agent"])
        self.rng.load(tree["rng"])
        if tree["begun"]:
            if not self.games.spec.replays:
                self.agent.cut()
                self.tape.cut()
            self.step = self._again(tree["seen"])

    def _again(self, seen: Tree) -> Step:
        """The step that the games had come to; of an episode that was cut what was seen of it."""
        tapes = self.tape.open_tapes()
        step = self.games.resume(self.rng.numpy("episodes"), tapes)
        is_cut = np.array([tape.cut for tape in tapes])
        for name, part in seen.items():
            if not np.array_equal(getattr(step, name)[~is_cut], np.asarray(part)[~is_cut]):
                raise ValueError(
                    f"{self.games.spec.name} did not come back as it was when the run was saved ({name} differs); "
                    "the emulator or game version may have changed since: see `playfield doctor`"
                )
        return replace(step, **{name: np.asarray(part) for name, part in seen.items()})

    def _begin(self) -> Step:
        step = self.games.begin(self.rng.numpy("episodes"))
        self.tape.begin(step)
        self.agent.observe(nothing_decided(len(step.reward)), step)
        return step

    def _phase_change(self) -> Iterator[Event]:
        remaining = 0 if self.pretraining else self.agent.observing_frames(self.clock)
        phase: Phase = "pretraining" if self.pretraining else "observing" if remaining > 0 else "training"
        if phase != self._phase:
            self._phase = phase
            yield PhaseChanged(clock=self.clock, phase=phase, remaining_frames=remaining or None)
