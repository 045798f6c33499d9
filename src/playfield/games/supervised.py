"""Games in a process of their own, watched: one that hangs, dies or says nonsense is begun anew, and all else goes on.

The open episodes of all games of that process end there as by a time limit, in a row in which no frame was played; what
was seen before is kept. While games do as they should, everything is as if they were in this process, to the bit.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from playfield.events import Tape
from playfield.games.atari import atari_names
from playfield.games.each import MOST_REFUSED, Lost
from playfield.games.episodes import check_tapes, draw_seeds
from playfield.games.games import Games, GameSpec
from playfield.games.gymnasium_games import PREFIX
from playfield.games.make import make_games
from playfield.games.process import Hangs, WatchedProcess
from playfield.games.protocol import AtariProtocol
from playfield.games.wire import spec_of, step_of, tapes_words
from playfield.settings import to_plain
from playfield.types import Array, Step

WORKER = "playfield.games.worker"
"""The module that plays there."""
STEP_SECONDS = {"atari": 5.0, "gymnasium": 30.0}
"""Time for one action of all games."""
RESTART_SECONDS = 2.0
"""More time for every game that begins an episode, of which Atari games take up to 0.2 s."""
START_SECONDS = 60.0
"""Time for a process to start and make its games."""
REPLAYED_ACTIONS_PER_SECOND = 100
"""Fewer than any game plays again."""


def supervised_games(name: str, protocol: AtariProtocol, games: int, threads: int = 0) -> Games:
    """G copies of a game; Atari and Gymnasium ones in a process of their own, but on Windows.

    Raises: as `make_games`.
    """
    if (seconds := step_seconds(name)) is None:
        return make_games(name, protocol, games, threads)
    return SupervisedGames(name, protocol, games, threads, seconds)


def step_seconds(name: str) -> float | None:
    """The time for one action of a game that has a process of its own; None of another one."""
    if os.name != "posix":  # sockets are handed to another process differently there
        return None
    if name in atari_names():
        return STEP_SECONDS["atari"]
    return STEP_SECONDS["gymnasium"] if name.startswith(PREFIX) else None


class SupervisedGames:
    """G copies of one game in another process."""

    def __init__(
        self,
        name: str,
        protocol: AtariProtocol,
        games: int,
        threads: int,
        step_seconds: float,
        worker: str = WORKER,
    ) -> None:
        """`worker` is the module that the process runs.

        Raises: ValueError, ImportError with the sentence that the games were refused with.
        """
        plain = to_plain(protocol)
        self._asked = {"game": name, "protocol": plain, "games": games, "threads": threads}
        self._worker, self._step_seconds = worker, step_seconds
        self._is_hurried = False
        self._child = self._started()
        self.spec: GameSpec = self._spec(name)
        self._seeds = np.random.default_rng(0)
        self._step = _nothing(self.spec)
        self._waiting = 0.0
        self._begins: bool | None = None
        """Whether the question that waits for its answer begins all games; None where none waits."""
        self._refused = 0

    def begin(self, seeds: np.random.Generator) -> Step:
        """Start G new episodes."""
        self._seeds = seeds
        self._begin_with(draw_seeds(seeds, self.spec.games).tolist())
        return self.recv()

    def resume(self, seeds: np.random.Generator, tapes: Sequence[Tape]) -> Step:
        """Play open episodes again; where all were cut, there is nothing to play and the next step begins others.

        Raises: ValueError where they do not play again; Lost where the games hang or die meanwhile.
        """
        check_tapes(tapes, self.spec.games, len(self.spec.actions))
        self._seeds = seeds
        if all(tape.cut for tape in tapes):
            self._child.kill()
            self._step = replace(self._step, last=np.ones(self.spec.games, np.bool_))
            return self._step
        self._ask({"do": "resume", "seeds": [], "tapes": tapes_words(tapes)})
        self._waiting += sum(len(tape.actions) for tape in tapes) / REPLAYED_ACTIONS_PER_SECOND
        try:
            words, data = self._hear()
            if "refused" in words:
                self._child.kill()
                raise ValueError(words["refused"])
            self._step = _checked(self.spec, words, data)
        except Hangs as what:
            self._child.kill()
            raise Lost(f"the open episodes of {self.spec.name} cannot be played again: {what}") from what
        return self._step

    def send(self, action: Int64[Array, "G"]) -> None:
        """Start one step in every game; all of them anew in another process where the last one is gone."""
        if self._begins is not None:
            raise RuntimeError("send was called twice without recv")
        fresh = draw_seeds(self._seeds, int(self._step.last.sum())).tolist()
        if self._child.gone:
            self._begin_with(fresh)
        else:
            self._ask({"do": "send", "seeds": fresh}, np.ascontiguousarray(action, "<i8").tobytes())

    def recv(self) -> Step:
        """Wait for the step, for as long as it may take.

        Raises: Lost where a game cannot be begun however often that is tried.
        """
        if (begins := self._begins) is None:
            raise RuntimeError("recv was called without send")
        try:
            words, data = self._hear()
            if "raised" in words:
                raise Hangs(words["raised"])
            self._step = _checked(self.spec, words, data)
            self._refused = 0
        except Hangs as what:
            self._child.kill()
            self._refused += begins
            if self._refused > MOST_REFUSED:
                raise Lost(f"{self.spec.name} was lost: {what}") from what
            self._step = self._lost(str(what), first=self._step.last | begins)
        return self._step

    def hurry(self) -> None:
        """Wait for no answer that does not come soon: games that hang are lost at once."""
        self._is_hurried = True

    def close(self) -> None:
        """End the process."""
        self._child.close()

    @property
    def process(self) -> int:
        """Number of the process that plays."""
        return self._child.number

    def _spec(self, name: str) -> GameSpec:
        try:
            words, _ = self._child.hear(START_SECONDS)
        except Hangs as what:
            self._child.kill()
            raise ValueError(f"{name} cannot be begun: {what}") from what
        if "spec" not in words:
            self._child.kill()
            raise ValueError(words.get("refused", f"{name} cannot be begun"))
        return spec_of(words["spec"])

    def _started(self) -> WatchedProcess:
        return WatchedProcess(self._worker, self._asked, lambda: self._is_hurried)

    def _begin_with(self, seeds: list[int]) -> None:
        self._ask({"do": "begin", "seeds": seeds})

    def _ask(self, words: dict[str, Any], data: bytes = b"") -> None:
        """Ask the process, or another one where it is gone."""
        if self._child.gone:
            self._child = self._started()
        self._begins = words["do"] == "begin"
        self._waiting = self._step_seconds + RESTART_SECONDS * len(words["seeds"] or words.get("tapes", []))
        if not self._child.announced:
            self._waiting += START_SECONDS
        self._child.tell(words, data)

    def _hear(self) -> tuple[Mapping[str, Any], bytes]:
        self._begins = None
        words, data = self._child.hear(self._waiting)
        if "spec" in words:  # of a process that was just started
            words, data = self._child.hear(self._waiting)
        return words, data

    def _lost(self, reason: str, first: Bool[Array, "G"]) -> Step:
        """A row in which nothing was played; those that are `first` could not be begun."""
        games = self.spec.games
        return Step(
            frame=self._step.frame,
            reward=np.zeros(games, np.float32),
            discount=np.ones(games, np.float32),
            first=first,
            last=np.ones(games, np.bool_),
            frames=np.zeros(games, np.int32),
            seed=self._step.seed,
            lost=dict.fromkeys(range(games), reason),
        )


def _checked(spec: GameSpec, words: Mapping[str, Any], data: bytes) -> Step:
    """The step, if it is one that those games can say.

    Raises: Hangs.
    """
    try:
        step = step_of(spec, words, data)
    except (ValueError, KeyError, TypeError) as error:
        raise Hangs(str(error)) from error
    for name, part in (("rewards", step.reward), ("observations", step.frame)):
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            raise Hangs(f"it returned {name} that are no numbers")
    return step


def _nothing(spec: GameSpec) -> Step:
    games = spec.games
    nothing = np.zeros(games, np.bool_)
    return Step(
        frame=np.zeros((games, *spec.frame_shape), spec.frame_dtype),
        reward=np.zeros(games, np.float32),
        discount=np.ones(games, np.float32),
        first=nothing,
        last=nothing,
        frames=np.zeros(games, np.int32),
        seed=np.zeros(games, np.uint64),
    )
