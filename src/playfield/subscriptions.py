"""Hooks as plain subscriptions: functions called before and after a session's agent observes, learns and is saved.

The loop and its agents know nothing of this: `Announced` is an agent around another one, and a subscribed session has
the same state, results and checkpoints, bit for bit, as one without. Of one step of the loop, in this order:

    what happens                               called around it                with
    the agent chooses, keys go down            -                               -
    the updates that are due are made, if any  before_update, after_update     clock, how many; clock, what was learnt
    the games have answered                    -                               -
    the agent takes note of the answer         before_observe, after_observe   decision, step
    events of the step                         - (they are what `play` yields) -

Updates that fall due together are announced together: a game that is paused `before_update` goes on `after_update`.
Before the first action each update of pretraining is announced alone, and the first frames of the games are observed
without a decision. Of a game that does not wait, updates are made between two episodes, before the agent chooses, and
both are called once they are made. Observing is announced in every phase. An exception in a subscriber ends `play`.

    session = subscribed(build_session(recipe, games, seed=0), Subscriptions(before_update=pause, after_update=go_on))
    for event in session.play(until_frames=20_000):
        ...
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from playfield.agent import Agent
from playfield.events import Learned, Saved
from playfield.linear.agent import LinearAgent
from playfield.session import Session
from playfield.types import Clock, Decision, Step, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriptions:
    """What is to be called; what is handed over is not a copy, and is to be looked at only."""

    before_observe: Callable[[Decision, Step], object] | None = None
    """The games have answered a decision, and the agent has not seen it yet."""
    after_observe: Callable[[Decision, Step], object] | None = None
    """The agent has taken note of it."""
    before_update: Callable[[Clock, int], object] | None = None
    """So many updates are due now; nothing was drawn for them yet."""
    after_update: Callable[[Clock, Sequence[Learned]], object] | None = None
    """They are made; their `Learned` events follow once the games have answered."""
    before_save: Callable[[Clock], object] | None = None
    """`save` is about to write a checkpoint."""
    after_save: Callable[[Saved], object] | None = None
    """It is on the disk."""


class Announced:
    """An agent that tells its subscribers what another one, which it is in all else, is about to do and has done."""

    def __init__(self, agent: Agent, subscriptions: tuple[Subscriptions, ...]) -> None:
        self.agent, self.subscriptions = agent, subscriptions

    def act(self, step: Step, clock: Clock) -> Decision:
        return self.agent.act(step, clock)

    def observe(self, decision: Decision, step: Step) -> None:
        for to in self.subscriptions:
            if to.before_observe is not None:
                to.before_observe(decision, step)
        self.agent.observe(decision, step)
        for to in self.subscriptions:
            if to.after_observe is not None:
                to.after_observe(decision, step)

    def cut(self) -> None:
        self.agent.cut()

    def due_updates(self, clock: Clock) -> int:
        return self.agent.due_updates(clock)

    def learn(self, clock: Clock) -> list[Learned]:
        # Asked to learn also when nothing is due: that is when targets are copied by frames.
        return self._around(self.agent.learn, clock, self.agent.due_updates(clock))

    @property
    def pretraining_updates(self) -> int:
        return self.agent.pretraining_updates

    def pretrain(self, clock: Clock) -> list[Learned]:
        return self._around(self.agent.pretrain, clock, 1)

    def _around(self, learn: Callable[[Clock], list[Learned]], clock: Clock, due: int) -> list[Learned]:
        told = self.subscriptions if due > 0 else ()
        for to in told:
            if to.before_update is not None:
                to.before_update(clock, due)
        learned = learn(clock)
        for to in told:
            if to.after_update is not None:
                to.after_update(clock, learned)
        return learned

    def observing_frames(self, clock: Clock) -> int:
        return self.agent.observing_frames(clock)

    def epsilon(self, clock: Clock) -> float:
        return self.agent.epsilon(clock)

    @property
    def updates(self) -> int:
        return self.agent.updates

    def weights(self) -> Tree:
        return self.agent.weights()

    def learnt(self) -> Tree:
        return self.agent.learnt()

    def growing(self) -> Tree:
        return self.agent.growing()

    def state(self) -> Tree:
        return self.agent.state()

    def load(self, tree: Tree) -> None:
        self.agent.load(tree)


def subscribed(session: Session[Any], to: Subscriptions) -> Session[Announced]:
    """The same session, whose agent announces from now on what it does; the agent itself is `session.agent.agent`.

    Who subscribes first is called first, before and after.

    Raises: ValueError where updates of an agent that learns while it observes were to be announced.
    """
    agent: Any = session.agent
    earlier: tuple[Subscriptions, ...] = ()
    if isinstance(agent, Announced):
        agent, earlier = agent.agent, agent.subscriptions
    if isinstance(agent, LinearAgent) and (to.before_update is not None or to.after_update is not None):
        raise ValueError(
            "a linear learner learns while it observes: subscribe to before_observe and after_observe instead of "
            "before_update and after_update"
        )
    session.agent = Announced(agent, (*earlier, to))
    return cast("Session[Announced]", session)


class Keeper(Protocol):
    """Where checkpoints are kept: a `playfield.storage.run.Run` that is being written."""

    def save(self, tree: Tree, clock_frames: int, score: float | None = None) -> str: ...


def save(session: Session[Announced], keeper: Keeper) -> Saved:
    """Commit a checkpoint, between two events of a session, with the subscribers to it called before and after."""
    clock = session.clock
    for to in session.agent.subscriptions:
        if to.before_save is not None:
            to.before_save(clock)
    saved = Saved(clock=clock, checkpoint=keeper.save(session.state(), clock.frames))
    for to in session.agent.subscriptions:
        if to.after_save is not None:
            to.after_save(saved)
    return saved
