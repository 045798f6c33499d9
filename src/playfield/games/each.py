"""Games that are ordinary Python objects, one per copy, driven one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Int64, Shaped

from playfield.events import Tape
from playfield.games.episodes import check_tapes, draw_seeds, too_long
from playfield.games.games import GameSpec
from playfield.types import Array, Step


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


class Solo(Protocol):
    """One game whose course depends on its seed and the actions alone."""

    def reset(self, seed: int) -> Shaped[Array, "..."]:
        """Start a new episode and return its first frame."""
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


class EachGame:
    """G solo games as one `Games`; every action counts as `spec.frames_per_action` frames."""

    def __init__(self, spec: GameSpec, solos: Sequence[Solo]) -> None:
        if len(solos) != spec.games:
            raise ValueError(f"{len(solos)} solo games were given for {spec.games} games")
        self.spec = spec
        self._solos = solos
        self._seeds = np.random.default_rng(0)
        self._seed = np.zeros(spec.games, dtype=np.uint64)
        self._last = np.zeros(spec.games, dtype=np.bool_)
        self._action: Int64[Array, "G"] | None = None

    def begin(self, seeds: np.random.Generator) -> Step:
        """Start G new episodes."""
        self._seeds = seeds
        self._seed = draw_seeds(seeds, self.spec.games)
        return self._together([self._start(game) for game in range(self.spec.games)])

    def resume(self, seeds: np.random.Generator, tapes: Sequence[Tape]) -> Step:
        """Play open episodes again, one game after the other."""
        check_tapes(tapes, self.spec.games, len(self.spec.actions))
        self._seeds = seeds
        self._seed = np.array([tape.seed for tape in tapes], dtype=np.uint64)
        return self._together([self._replay(game, tape) for game, tape in enumerate(tapes)])

    def send(self, action: Int64[Array, "G"]) -> None:
        """Remember the actions; these games cannot run in the background."""
        if self._action is not None:
            raise RuntimeError("send was called twice without recv")
        self._action = np.array(action)
        self._seed[self._last] = draw_seeds(self._seeds, int(self._last.sum()))

    def recv(self) -> Step:
        """Play them."""
        if self._action is None:
            raise RuntimeError("recv was called without send")
        action, self._action = self._action, None
        return self._together(
            [self._start(game) if self._last[game] else self._play(game, int(a)) for game, a in enumerate(action)]
        )

    def close(self) -> None:
        """Release every game."""
        for solo in self._solos:
            solo.close()

    def _start(self, game: int) -> _Row:
        return _Row(self._solos[game].reset(int(self._seed[game])), 0.0, 1.0, first=True, last=False)

    def _play(self, game: int, action: int) -> _Row:
        said = self._solos[game].step(action)
        discount = 0.0 if said.terminated or said.life_lost else 1.0
        return _Row(said.frame, said.reward, discount, first=False, last=said.terminated or said.truncated)

    def _replay(self, game: int, tape: Tape) -> _Row:
        row = self._start(game)
        for played, action in enumerate(tape.actions):
            if row.last:
                raise too_long(game, played, tape)
            row = self._play(game, action)
        return row

    def _together(self, rows: Sequence[_Row]) -> Step:
        frame, reward, discount, first, last = zip(*rows, strict=True)
        self._last = np.array(last, dtype=np.bool_)
        return Step(
            frame=np.stack(frame),
            reward=np.array(reward, dtype=np.float32),
            discount=np.array(discount, dtype=np.float32),
            first=np.array(first, dtype=np.bool_),
            last=self._last.copy(),
            frames=np.where(first, 0, self.spec.frames_per_action).astype(np.int32),
            seed=self._seed.copy(),
        )
