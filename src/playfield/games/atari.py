"""Atari 2600 games through ale-py's vector environment, with a seed of ours for every single episode."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from ale_py.vector_env import AtariVectorEnv
from jaxtyping import Bool, Int32, Int64, UInt8, UInt64
from PIL import Image

from playfield.events import Tape
from playfield.extras import pip_install
from playfield.games.episodes import check_tapes, draw_seeds, too_long
from playfield.games.games import GameSpec
from playfield.games.protocol import SCREEN, AtariProtocol
from playfield.types import Array, Step

FRAMES_PER_SECOND = 60.0

_NOT_FOR_ONE_PLAYER = frozenset({"combat", "joust", "maze_craze", "warlords"})
"""ROMs that ale-py 0.12.1 ships for PettingZoo; with one player the emulator raises or plays nothing."""


class DamagedRom(ValueError):
    """A game's ROM is missing or is not the one that ale-py expects."""


@cache
def _md5_table() -> dict[str, str]:
    return json.loads((files("ale_py.roms") / "md5.json").read_text())


def atari_names() -> list[str]:
    """Every game of the installed ale-py that one player can play."""
    return sorted({name.removesuffix(".bin") for name in _md5_table()} - _NOT_FOR_ONE_PLAYER)


def check_rom(name: str) -> Path:
    """The path of a game's ROM, once its hash is known to be right.

    The emulator must never see a damaged ROM: it would spin forever, holding Python's global lock.

    Raises: DamagedRom with one sentence.
    """
    folder = os.environ.get("ALE_ROMS_DIR")
    path = (Path(folder) if folder else Path(str(files("ale_py.roms")))) / f"{name}.bin"
    good = pip_install("--force-reinstall", "--no-deps", f"ale-py=={version('ale-py')}")
    cure = f"{good} brings a good one"
    if not path.is_file():
        raise DamagedRom(f"the ROM of {name} is missing at {path}; {cure}")
    found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if found != (expected := _md5_table()[f"{name}.bin"]):
        raise DamagedRom(f"the ROM of {name} at {path} is damaged (MD5 {found}, expected {expected}); {cure}")
    return path


def emulators(name: str, protocol: AtariProtocol, games: int, **changes: Any) -> AtariVectorEnv:
    """Emulators under `protocol`, one frame per observation; `changes` are arguments of AtariVectorEnv.

    `episodic_life` stays off, since ale-py restarts the whole game at a lost life with it on.
    """
    check_rom(name)
    height, width = SCREEN if protocol.crop else protocol.frame_size
    arguments: dict[str, Any] = {
        "max_num_frames_per_episode": protocol.max_frames,
        "repeat_action_probability": protocol.repeat_action_probability,
        "full_action_space": protocol.full_action_set,
        "img_height": height,
        "img_width": width,
        "stack_num": 1,
        "frameskip": protocol.frame_skip,
        # ale-py draws from 0 to noop_max - 1.
        "noop_max": protocol.noop_max + 1,
        "use_fire_reset": protocol.fire_start,
        "episodic_life": False,
        "reward_clipping": False,
    }
    return AtariVectorEnv(name, games, **{**arguments, **changes})


def action_indices(
    name: str, protocol: AtariProtocol, env: AtariVectorEnv
) -> tuple[tuple[str, ...], Int64[Array, "A"]]:
    """The names of an agent's actions and, for each, the emulator's index of it.

    Raises: ValueError where the protocol names an action that the game has not.
    """
    known = [action.name for action in env.ale.get_action_set()]
    names = tuple(protocol.actions or known)
    if missing := [n for n in names if n not in known]:
        raise ValueError(f"{name} has no action {missing[0]}; it has: {' '.join(known)}")
    return names, np.array([known.index(n) for n in names], dtype=np.int64)


def crop_and_shrink(screens: UInt8[Array, "G 210 160"], protocol: AtariProtocol) -> UInt8[Array, "G H W"]:
    """The cropped part of each screen, shrunk by area."""
    assert protocol.crop
    top, bottom, left, right = protocol.crop
    height, width = protocol.frame_size
    shrunk = [
        np.asarray(Image.fromarray(screen).resize((width, height), Image.Resampling.BOX))
        for screen in screens[:, top:bottom, left:right]
    ]
    return np.stack(shrunk)


class AtariGames:
    """G copies of one Atari game, run by ale-py's threads.

    `frames` of a row is exact: the emulator's own count, so the action in which a game ends may last fewer than
    `frame_skip`; frames before the first decision (no-ops, FIRE) are not counted.

    Every restart costs 0.1 to 0.2 s, since ale-py takes a seed only by loading the ROM again. So restarts run in the
    background between `send` and `recv`, like the emulators themselves.
    """

    def __init__(self, name: str, protocol: AtariProtocol, games: int, threads: int = 0) -> None:
        self._env = emulators(name, protocol, games, num_threads=threads)
        self._protocol = protocol
        names, self._emulator_action = action_indices(name, protocol, self._env)
        self.spec = GameSpec(
            name=name,
            games=games,
            actions=names,
            frame_shape=(*protocol.frame_size, 1),
            frame_dtype="uint8",
            frames_per_action=protocol.frame_skip,
            frames_per_second=FRAMES_PER_SECOND,
            protocol={**protocol.plain(), "action_names": list(names), "emulator": f"ale-py {version('ale-py')}"},
        )
        self._background = ThreadPoolExecutor(1, thread_name_prefix="playfield-atari")
        self._waiting: Callable[[], Step] | None = None
        self._seeds = np.random.default_rng(0)
        self._seed = np.zeros(games, dtype=np.uint64)
        self._last = np.zeros(games, dtype=np.bool_)
        self._lives = np.zeros(games, dtype=np.int32)
        self._frames = np.zeros(games, dtype=np.int32)

    def begin(self, seeds: np.random.Generator) -> Step:
        """Start G new episodes."""
        self._seeds = seeds
        return self._begin_all(draw_seeds(seeds, self.spec.games), np.ones(self.spec.games, dtype=np.bool_))

    def resume(self, seeds: np.random.Generator, tapes: Sequence[Tape]) -> Step:
        """Play open episodes again: longer tapes start earlier, so that all end at the same vector step.

        Tapes aab, b and nothing:    game 0  first a  a  b
                                     game 1  .  .  first b     (a dot is idle play, thrown away by the restart)
                                     game 2  .  .  .  first
        """
        check_tapes(tapes, self.spec.games, len(self.spec.actions))
        if any(tape.cut for tape in tapes):
            raise ValueError(f"an episode of {self.spec.name} was cut, which is not done to Atari games")
        self._seeds = seeds
        length = np.array([len(t.actions) for t in tapes])
        seed = np.array([t.seed for t in tapes], dtype=np.uint64)
        step = self._begin_all(seed, length == length.max())
        for remaining in range(length.max() - 1, -1, -1):
            for game in np.flatnonzero((length > remaining) & step.last).tolist():
                raise too_long(game, len(tapes[game].actions) - 1 - remaining, tapes[game])
            action = [t.actions[-1 - remaining] if len(t.actions) > remaining else 0 for t in tapes]
            self._env.send(self._emulator_action[action])
            step = self._receive(length == remaining, seed[length == remaining])
        return step

    def send(self, action: Int64[Array, "G"]) -> None:
        """Start the emulators; games that ended are restarted, and their action is ignored."""
        if self._waiting:
            raise RuntimeError("send was called twice without recv")
        self._env.send(self._emulator_action[action])
        restart = self._last
        fresh = draw_seeds(self._seeds, int(restart.sum()))
        if len(fresh):
            self._waiting = self._background.submit(self._receive, restart, fresh).result
        else:
            self._waiting = partial(self._receive, restart, fresh)

    def recv(self) -> Step:
        """Wait for the emulators."""
        if not self._waiting:
            raise RuntimeError("recv was called without send")
        waiting, self._waiting = self._waiting, None
        return waiting()

    def hurry(self) -> None:
        """Emulators wait for nobody."""

    def close(self) -> None:
        """Stop the emulators' threads."""
        self._background.shutdown()
        self._env.close()
        del self._env

    def _begin_all(self, seed: UInt64[Array, "G"], loading: Bool[Array, "G"]) -> Step:
        """Restart every game; those not `loading` start anywhere, which spares loading their ROM."""
        screen, info = self._env.reset(seed=np.where(loading, seed.astype(np.int64), -1))
        self._seed = seed.copy()
        nothing = np.zeros(self.spec.games, dtype=np.bool_)
        return self._row(screen, nothing.astype(np.int32), nothing, nothing, info, first=~nothing)

    def _receive(self, restart: Bool[Array, "G"], seed: UInt64[Array, "R"]) -> Step:
        """Wait for the step that was sent, then restart some games with seeds of ours.

        Where a game had ended, ale-py has just restarted it with a seed of its own; that start is thrown away.
        """
        screen, reward, over, cut, info = self._env.recv()
        if len(seed):
            screen, info = self._env.reset(seed=seed.astype(np.int64), options={"reset_mask": restart})
            self._seed[restart] = seed
        return self._row(screen, reward, over, cut, info, first=restart)

    def _row(
        self,
        screen: UInt8[Array, "G 1 H W"],
        reward: Int32[Array, "G"],
        over: Bool[Array, "G"],
        cut: Bool[Array, "G"],
        info: dict[str, Array],
        *,
        first: Bool[Array, "G"],
    ) -> Step:
        lost = (info["lives"] < self._lives) & self._protocol.life_loss_ends_return
        frames = info["frame_number"] - self._frames
        self._lives, self._frames = info["lives"], info["frame_number"]
        self._last = (over | cut) & ~first
        frame = crop_and_shrink(screen[:, 0], self._protocol) if self._protocol.crop else screen[:, 0]
        return Step(
            frame=frame[..., None],
            reward=np.where(first, 0, reward).astype(np.float32),
            discount=np.where((over | lost) & ~first, 0, 1).astype(np.float32),
            first=first.copy(),
            last=self._last.copy(),
            frames=np.where(first, 0, frames).astype(np.int32),
            seed=self._seed.copy(),
        )
