"""Games that are ordinary Python objects, one per copy, driven one after the other or each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from typing import NamedTuple, ParamSpec, Protocol

import numpy as np
from jaxtyping import Int64, Shaped

from playfield.events import Tape
from playfield.games.episodes import check_tapes, draw_seeds, too_long
from playfield.games.games import GameSpec
from playfield.types import Array, Step

TRIES = 4
"""How often an open episode is played again, where the game is lost every time."""
MOST_REFUSED = 5
"""How often in a row a game may fail to begin."""

P = ParamSpec("P")


class Lost(Exception):
    """A game that was played before cannot be begun just now; the message says what happened."""


class Pace(Protocol):
    """How games that do not wait for the agent keep up with it."""

    def take(self) -> Mapping[str, float]:
        """What is late, by name, since this was last asked; nothing where nothing was played."""
        ...

    def hurry(self) -> None:
        """Wait for no person any more: somebody wants to stop."""
        ...


class Outcome(NamedTuple):
    """What one game said after one action."""

    frame: Shaped[Array, "..."]
    reward: float
    terminated: bool = False
    """The game is truly over."""
    truncated: bool = False
    """A time limit ended the episode."""
    life_lost: bool = False
    """No value flows across this step, but the game goes on."""
    lost: str | None = None
    """What happened, where the game is lost: it hangs, or its process, window or display is gone."""

    @property
    def discount(self) -> float:
        """0 where no value flows across the step, else 1."""
        return 0.0 if self.terminated or self.life_lost else 1.0


class Solo(Protocol):
    """One game whose course depends on its seed and the actions alone, unless its spec says otherwise."""

    def reset(self, seed: int) -> Shaped[Array, "..."]:
        """Start a new episode and return its first frame; a game that was lost is begun anew.

        Raises: Lost where a game that was played before cannot be begun.
        """
        ...

    def step(self, action: int) -> Outcome:
        """Play one action; the returned frame is never written to again."""
        ...

    def close(self) -> None:
        """Release windows and files."""
        ...


class _Row(NamedTuple):
    frame: Shaped[Array, "..."]
    reward: float
    discount: float
    first: bool
    last: bool
    lost: str | None = None


class EachGame:
    """G solo games as one `Games`; every action counts as `spec.frames_per_action` frames.

    With an executor they are played in its threads, from `send` on and so while the agent learns: that pays where a
    game waits for another process. It changes nothing in what comes of them.

    A lost game ends its episode as a time limit does, in a row in which no frame was played, and is begun anew:

        first  row  row  last   first  row ...       lost while it was played
        first  row  last        first, last   first  row ...       lost again while it was begun
    """

    def __init__(
        self,
        spec: GameSpec,
        solos: Sequence[Solo],
        executor: Executor | None = None,
        pace: Pace | None = None,
        halt: Callable[[], None] | None = None,
    ) -> None:
        """`halt` is called from another thread than those of the executor, and ends what is at play in them soon."""
        if len(solos) != spec.games:
            raise ValueError(f"{len(solos)} solo games were given for {spec.games} games")
        self.spec = spec
        self.pace = pace
        """How games that do not wait for the agent keep up; none of games that do."""
        self.solos = solos
        self._executor, self._halt = executor, halt
        self._seeds = np.random.default_rng(0)
        self._seed = np.zeros(spec.games, dtype=np.uint64)
        self._last = np.zeros(spec.games, dtype=np.bool_)
        self._refused = [0] * spec.games
        self._playing: list[Callable[[], _Row]] | None = None

    def begin(self, seeds: np.random.Generator) -> Step:
        """Start G new episodes."""
        self._seeds = seeds
        self._seed = draw_seeds(seeds, self.spec.games)
        return self._together([self._soon(self._start, game) for game in range(self.spec.games)])

    def resume(self, seeds: np.random.Generator, tapes: Sequence[Tape]) -> Step:
        """Play open episodes again.

        Raises: Lost where a game is lost whenever that is tried.
        """
        check_tapes(tapes, self.spec.games, len(self.spec.actions))
        self._seeds = seeds
        self._seed = np.array([tape.seed for tape in tapes], dtype=np.uint64)
        return self._together([self._soon(self._replay, game, tape) for game, tape in enumerate(tapes)])

    def send(self, action: Int64[Array, "G"]) -> None:
        """Begin to play them, or remember them where the games cannot run in the background."""
        if self._playing is not None:
            raise RuntimeError("send was called twice without recv")
        self._seed[self._last] = draw_seeds(self._seeds, int(self._last.sum()))
        self._playing = [
            self._soon(self._start, game) if self._last[game] else self._soon(self._play, game, int(a))
            for game, a in enumerate(action)
        ]

    def recv(self) -> Step:
        """What came of them.

        Raises: Lost where a game cannot be begun however often that is tried.
        """
        if self._playing is None:
            raise RuntimeError("recv was called without send")
        playing, self._playing = self._playing, None
        return self._together(playing)

    def hurry(self) -> None:
        """Wait for no person any more."""
        if self.pace is not None:
            self.pace.hurry()

    def close(self) -> None:
        """Release every game, once none is at play."""
        self.hurry()
        if self._halt is not None:
            self._halt()
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
        for solo in self.solos:
            solo.close()

    def _soon(self, play: Callable[P, _Row], *args: P.args, **kwargs: P.kwargs) -> Callable[[], _Row]:
        """What gives the row once it is asked for; with an executor the game is at play from now on."""
        if self._executor is None:
            return partial(play, *args, **kwargs)
        future: Future[_Row] = self._executor.submit(play, *args, **kwargs)
        return future.result

    def _start(self, game: int) -> _Row:
        try:
            frame = self.solos[game].reset(int(self._seed[game]))
        except Lost as lost:
            return _Row(self._blank(), 0.0, 1.0, first=True, last=True, lost=str(lost))
        return _Row(frame, 0.0, 1.0, first=True, last=False)

    def _play(self, game: int, action: int) -> _Row:
        said = self.solos[game].step(action)
        if said.lost is not None:
            return _Row(said.frame, 0.0, 1.0, first=False, last=True, lost=said.lost)
        return _Row(said.frame, said.reward, said.discount, first=False, last=said.terminated or said.truncated)

    def _replay(self, game: int, tape: Tape) -> _Row:
        if tape.cut:
            return _Row(self._blank(), 0.0, 1.0, first=False, last=True)
        reason = None
        for _ in range(TRIES):
            row = self._start(game)
            for played, action in enumerate(tape.actions):
                if row.lost is not None:
                    break
                if row.last:
                    raise too_long(game, played, tape)
                row = self._play(game, action)
            if row.lost is None:
                return row
            reason = row.lost
        raise Lost(f"the open episode of {self.spec.name} cannot be played again: {reason}")

    def _blank(self) -> Shaped[Array, "..."]:
        return np.zeros(self.spec.frame_shape, self.spec.frame_dtype)

    def _together(self, playing: Sequence[Callable[[], _Row]]) -> Step:
        rows = [row() for row in playing]
        self._count_refused(rows)
        unplayed = [row.first or row.lost is not None for row in rows]
        self._last = np.array([row.last for row in rows], dtype=np.bool_)
        return Step(
            frame=np.stack([row.frame for row in rows]),
            reward=np.array([row.reward for row in rows], dtype=np.float32),
            discount=np.array([row.discount for row in rows], dtype=np.float32),
            first=np.array([row.first for row in rows], dtype=np.bool_),
            last=self._last.copy(),
            frames=np.where(unplayed, 0, self.spec.frames_per_action).astype(np.int32),
            seed=self._seed.copy(),
            lost={game: row.lost for game, row in enumerate(rows) if row.lost is not None},
        )

    def _count_refused(self, rows: Sequence[_Row]) -> None:
        for game, row in enumerate(rows):
            self._refused[game] = self._refused[game] + 1 if row.first and row.last else 0
            if self._refused[game] > MOST_REFUSED:
                raise Lost(f"{self.spec.name} was lost: {row.lost}")
