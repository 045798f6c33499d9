"""A session at work on a run: events to the sinks, checkpoints when due, a stop when a limit is reached."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from playfield.events import EpisodeEnded, Event, GameLost, Learned, NotSaved, Saved, Stepped, Stopped
from playfield.finite import NoNumber, first_not_finite
from playfield.losses import Losses
from playfield.recipes.recipe import MOST_FRAMES
from playfield.session import Session
from playfield.sinks.console_lines import Lines
from playfield.sinks.services import Service
from playfield.storage.files import NoSpace, writing_to
from playfield.storage.log import CHUNK_ROWS
from playfield.storage.run import Run
from playfield.types import Clock

RESUMABLE = 85
"""Exit code of a run that was asked to stop before its end, and can be resumed."""

INTERRUPTED = 130
"""Exit code where a person stopped a command that has nothing to resume, or stopped a training twice."""

PARENT = "PLAYFIELD_PARENT"
"""Environment variable with the number of the process whose work this one does, and without which it shall stop."""
RETRY_SECONDS = 20.0
"""Wall time after which it is tried again to save on a disk that was full."""
MOST_UNSAVED_SECONDS = 3600.0
"""Wall time of training that may go on without a save; then too much would be lost with the machine."""
LOOKED_AT_EVERY = 200
"""Updates after which all that is learnt is looked through for what is no number."""
FLUSH_SECONDS = 2.0
"""Wall time after which other processes see what the sinks wrote."""

Sink = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was asked of a run, besides its recipe."""

    frames: int
    """Emulator frames at which training is over."""
    minutes: float | None = None
    """Wall minutes after which it is over, counted over all sessions of the run."""
    until_score: float | None = None
    """Mean score of the last `over` complete training episodes at which it is over; lost games are none."""
    over: int = 30
    episodes: int = 30
    """Whole games of the final evaluation; 0 for none."""
    save_every_frames: int = 1_000_000
    save_every_minutes: float = 5.0
    keep: int = 3
    """Newest checkpoints kept, besides the best."""
    keep_every: int | None = None
    """Of how many checkpoints one is kept for good; None for none."""
    tensorboard: bool = False
    """The same as `tensorboard` in `log`."""
    log: Sequence[Service] = ()
    """Tracking services that are told of the run."""
    project: str | None = None
    """Where the run belongs there; None for what the services' own settings say."""
    analytics: bool = False
    """Whether every action and reward is written down."""
    observe_with: str | None = None
    """The run whose agent fills the memory before learning begins; None for chance."""
    demonstrations: str | None = None
    """The folder of the recording that the memory began with."""
    features: str | None = None
    """The folder of latents that a linear learner began to see by."""
    lines: Lines | None = None
    """The set-up whose console lines are printed too."""
    device: str = "cpu"
    """Where the network and its memory live."""
    deterministic: bool = False
    """Whether a graphics card is only asked for operations that give the same bits each time."""

    def __post_init__(self) -> None:
        for name in ("frames", "over", "save_every_frames", "keep"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} must be 1 or more")
        if self.keep_every is not None and self.keep_every < 1:
            raise ValueError("--keep-every must be 1 or more")
        if self.frames > MOST_FRAMES:
            raise ValueError(f"--frames must be at most {MOST_FRAMES:,}")
        if self.episodes < 0:
            raise ValueError("--episodes must be 0 or more")
        for name in ("minutes", "save_every_minutes"):
            if (number := getattr(self, name)) is not None and not 0 < number < math.inf:
                raise ValueError(f"--{name.replace('_', '-')} must be above 0, and not endless")
        if self.until_score is not None and not math.isfinite(self.until_score):
            raise ValueError("--until-score must be a number")

    @property
    def services(self) -> tuple[Service, ...]:
        """Each tracking service once."""
        return tuple(dict.fromkeys([*(("tensorboard",) if self.tensorboard else ()), *self.log]))


class NotFinite(Exception):
    """A loss, a gradient or a weight is not a number any more; such a state is never saved."""

    def __init__(self, what: str, clock: Clock, run: str, updates: int) -> None:
        """`updates` are those that were made when it was found."""
        super().__init__(
            f"{what} at {clock.frames:,} frames; nothing was saved since it was a number, so "
            f"`playfield resume {run}` goes on from before, and a smaller optimizer.lr may help a new run"
        )
        self.what, self.clock = what, clock
        self.place = -(-updates // LOOKED_AT_EVERY)
        """The same for the same fault, whether a loss, a look at the weights or a save, which goes by wall time, found
        it: at the end of these so many updates at the latest it is found, since everything is looked through then.
        """


class NeverFinite(Exception):
    """What became no number did so before there was a checkpoint to go back to."""

    def __init__(self, found: NotFinite, why: str) -> None:
        super().__init__(
            f"{found.what} at {found.clock.frames:,} frames, {why}; start a new run with other settings, such as a "
            "smaller optimizer.lr, under another --name"
        )


class Interruption:
    """Ctrl-C and termination signals: the first asks for a clean stop, the second stops at once.

    Where another process started this one for its own work (`PARENT`), its end asks for a clean stop too.
    """

    signals = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

    def __init__(self, told: Callable[[], None] | None = None) -> None:
        """`told` is called at the first: who waits for a person, or for a game that hangs, should wait no longer."""
        self.asked: str | None = None
        self._told = told

    @contextmanager
    def watching(self) -> Generator[Interruption]:
        """Catch the signals while the block runs."""
        # A signal that is ignored stays so: nohup and background jobs ask for that.
        before = {n: h for n in self.signals if (h := signal.getsignal(n)) is not signal.SIG_IGN}
        for number in before:
            signal.signal(number, self._ask)
        over = threading.Event()
        if (parent := os.environ.get(PARENT, "")).isdigit():
            threading.Thread(target=self._watch_parent, args=(int(parent), over), daemon=True).start()
        try:
            yield self
        finally:
            over.set()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _watch_parent(self, parent: int, over: threading.Event) -> None:
        """Ask for a clean stop once that process is gone, unless one was asked for already: a second would be rude."""
        while not over.wait(1.0):
            if os.getppid() != parent:
                self._stop("SIGTERM")
                return

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked is not None:
            raise KeyboardInterrupt
        self._stop(signal.Signals(number).name)

    def _stop(self, name: str) -> None:
        self.asked = self.asked or name
        if self._told is not None:
            self._told()


@dataclass(slots=True, kw_only=True)
class Training:
    """One session of a run, from where it stands to its end or to an interruption."""

    session: Session[Any]
    run: Run
    plan: Plan
    sinks: Sequence[Sink]
    """Take every event of the session; the run's own files among them."""
    display: Sink
    """Takes the events of the session and, besides, what is saved and why it stopped."""
    elapsed_seconds: float = 0.0
    """Wall time of the sessions before this one."""
    scores: deque[float] = field(default_factory=deque[float])
    """Scores of the newest `plan.over` complete training episodes."""
    losses: Losses = field(init=False)
    """The games that were lost in this session."""
    _saved_frames: int = 0
    _saved_at: float = 0.0
    _begun_at: float = 0.0
    _flushed_at: float = 0.0
    _retry_at: float | None = None
    """When the next try to save is made, while the disk is full."""
    _full_since: float | None = None
    """When a save was first refused by a full disk, since the last one that was not."""
    full_too_long: bool = False
    """Whether it stopped because the disk stayed full."""

    def __post_init__(self) -> None:
        self.losses = Losses(self.session.games.spec.name)

    def _next(self, events: Iterator[Event]) -> Event | None:
        """Raises: NotFinite where the memory found it before a loss could tell."""
        try:
            return next(events, None)
        except NoNumber:
            session = self.session
            what = "a surprise became no number"
            raise NotFinite(what, session.clock, self.run.name, session.agent.updates) from None

    def pursue(self, interruption: Interruption) -> Stopped:
        """Train until a limit is reached or a person interrupts; the last word is always a checkpoint."""
        self._begun_at = self._saved_at = time.monotonic()
        self._saved_frames = self.session.clock.frames
        if self.session.clock.steps == 0:
            self.save()  # from here on the run can be resumed, whenever it is killed
        reason = self.reached(interruption)
        events = self.session.play(self.plan.frames)
        while reason is None and (event := self._next(events)) is not None:
            self._pass_on(event)
            # The last event of a step: only here is everything written that belongs to it.
            if isinstance(event, Stepped) or self.session.pretraining:
                reason = self.reached(interruption)
                if reason is None and self._save_is_due():
                    self._try_to_save()
                self._write_ahead()
                self._show_files()
        self._save_at_last()
        stopped = Stopped(clock=self.session.clock, reason=reason or "all frames are played")
        self._show(stopped)
        return stopped

    def save(self) -> None:
        """Commit a checkpoint.

        Raises: NotFinite where what was learnt is useless; NoSpace, WriteFailed.
        """
        score = sum(self.scores) / len(self.scores) if len(self.scores) == self.plan.over else None
        clock = self.session.clock
        self._look_through(clock, self.session.agent.updates)
        name = self.run.save(self.session.state(), clock.frames, score=score)
        if self._full_since is not None:
            seconds = time.monotonic() - self._full_since
            self.run.note(f"saved at {clock.frames} frames, after the disk was full for {seconds:.0f} s")
        self._saved_frames, self._saved_at = clock.frames, time.monotonic()
        self._retry_at = self._full_since = None
        self._show(Saved(clock=clock, checkpoint=name))

    def _try_to_save(self) -> None:
        """Save, or go on and try again later where the disk is full: all that would be saved is still in memory."""
        try:
            self.save()
        except NoSpace as full:
            now = time.monotonic()
            if self._full_since is None:
                self._full_since = now
                reason = f"{full}; it is tried again every {RETRY_SECONDS:g} s"
                self._show(NotSaved(clock=self.session.clock, reason=reason))
            self._retry_at = now + RETRY_SECONDS

    def _save_at_last(self) -> None:
        """Save before the end, in the room that was set aside where there is no other."""
        try:
            self.save()
        except NoSpace:
            self.run.give_reserve()
            self.save()

    def _look_through(self, clock: Clock, updates: int) -> None:
        """Raises: NotFinite where something that was learnt is no number."""
        if (where := first_not_finite(self.session.agent.learnt())) is not None:
            raise NotFinite(f"{where} became no number", clock, self.run.name, updates)

    def _check(self, learned: Learned) -> None:
        """Raises: NotFinite."""
        for name, value in (("loss", learned.loss), ("gradient", learned.grad_norm)):
            if not math.isfinite(value):
                raise NotFinite(f"the {name} became {value}", learned.clock, self.run.name, learned.updates)
        if learned.updates % LOOKED_AT_EVERY == 0:
            self._look_through(learned.clock, learned.updates)

    def _pass_on(self, event: Event) -> None:
        if isinstance(event, Learned):
            self._check(event)
        if isinstance(event, EpisodeEnded) and not event.lost:
            self.scores.append(event.score)
            while len(self.scores) > self.plan.over:
                self.scores.popleft()
        if self.losses.take(event) and isinstance(event, GameLost):
            self.run.note(f"a game was lost at {event.clock.frames} frames: {event.reason}")
        for sink in self.sinks:
            sink(event)
        self._show(event)

    def _show(self, event: Event) -> None:
        """Show it; where what is shown goes to a file on a full disk it is lost, and training goes on."""
        with suppress(NoSpace), writing_to(self.run.path):
            self.display(event)

    def reached(self, interruption: Interruption) -> str | None:
        """Why to stop now, if there is a reason."""
        plan = self.plan
        minutes = (self.elapsed_seconds + time.monotonic() - self._begun_at) / 60.0
        mean = sum(self.scores) / len(self.scores) if len(self.scores) == plan.over else None
        if interruption.asked is not None:
            return f"interrupted ({interruption.asked})"
        if (lost := self.losses.too_many) is not None:
            return lost
        if self._full_since is not None and time.monotonic() - self._full_since > MOST_UNSAVED_SECONDS:
            self.full_too_long = True
            return f"the disk was full for {MOST_UNSAVED_SECONDS / 60:g} minutes"
        if self.session.clock.frames >= plan.frames:
            return f"{plan.frames:,} frames are played"
        if plan.until_score is not None and mean is not None and mean >= plan.until_score:
            return f"the last {plan.over} episodes scored {mean:.2f} on average, at least {plan.until_score:g}"
        if plan.minutes is not None and minutes >= plan.minutes:
            return f"{plan.minutes:g} minutes are over"
        return None

    def _write_ahead(self) -> None:
        """Give the memory's newest rows to the disk as they come: a save then stops the training for a moment only."""
        if self.session.clock.steps % CHUNK_ROWS == 0:
            self.run.write_ahead({"agent": self.session.agent.growing()})

    def _show_files(self) -> None:
        """Let other processes see what the sinks wrote."""
        if time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            with suppress(NoSpace):  # it waits in memory; the next save tells of it
                self.run.flush()
            self._flushed_at = time.monotonic()

    def _save_is_due(self) -> bool:
        if self._retry_at is not None:
            return time.monotonic() >= self._retry_at
        played = self.session.clock.frames - self._saved_frames
        waited = time.monotonic() - self._saved_at
        return played >= self.plan.save_every_frames or waited >= 60.0 * self.plan.save_every_minutes
