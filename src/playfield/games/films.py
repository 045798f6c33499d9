"""Episodes played again from their tapes, in full resolution and colour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from playfield.events import Tape
from playfield.games import atari, toys
from playfield.games.atari import action_indices, emulators
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.games import game_file, is_desktop_game
from playfield.games.each import Solo
from playfield.games.episodes import check_tapes, too_long
from playfield.games.gymnasium_games import PREFIX, GymnasiumGame, open_environment
from playfield.games.protocol import SCREEN, AtariProtocol
from playfield.games.toys import TOYS
from playfield.types import Array

SMALLEST = 160
"""Toy games are enlarged until their shorter side has this many pixels."""


class Shot(NamedTuple):
    """One picture of a film."""

    picture: UInt8[Array, "H W 3"]
    reward: float
    """Raw reward since the shot before."""
    action: int | None
    """The action being played; none in the first shot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """An episode being played again: made as it is watched, and only once."""

    frames_per_second: float
    shots: Iterator[Shot]

    def __iter__(self) -> Iterator[UInt8[Array, "H W 3"]]:
        """The pictures alone."""
        return (shot.picture for shot in self.shots)


def film(name: str, protocol: AtariProtocol, tape: Tape) -> Film:
    """The film of one episode; it ends where the tape ends.

    Raises: ValueError where the tape goes on after its episode has ended.
    """
    if name.startswith(PREFIX):
        environment_id = name.removeprefix(PREFIX)
        game = GymnasiumGame(open_environment(environment_id, render_mode="rgb_array"), environment_id)
        shots = _solo(game, len(game.actions), tape, lambda _: game.picture())
        return Film(frames_per_second=game.frames_per_second, shots=shots)
    if name in TOYS:
        toy = TOYS[name]()
        return Film(frames_per_second=toys.FRAMES_PER_SECOND, shots=_solo(toy, len(toy.actions), tape, enlarge))
    if is_desktop_game(name):
        desktop = DesktopGame(game_file(name))
        rate = 1000.0 / desktop.file.timing.step_ms
        return Film(
            frames_per_second=rate,
            shots=_solo(desktop, len(desktop.file.actions), tape, lambda _: desktop.picture()),
        )
    return Film(frames_per_second=atari.FRAMES_PER_SECOND, shots=_atari(name, protocol, tape))


def _atari(name: str, protocol: AtariProtocol, tape: Tape) -> Iterator[Shot]:
    """Every emulator frame. Sticky actions are drawn per emulator frame, so the course is that of the episode."""
    height, width = SCREEN
    changes = {"grayscale": False, "img_height": height, "img_width": width, "maxpool": False, "frameskip": 1}
    env = emulators(name, protocol, 1, num_threads=1, **changes)
    try:
        names, emulator_action = action_indices(name, protocol, env)
        check_tapes([tape], 1, len(names))
        screen, _ = env.reset(seed=np.array([tape.seed]))
        yield Shot(screen[0, 0], 0.0, None)
        over = False
        for played, action in enumerate(tape.actions):
            if over:
                raise too_long(0, played, tape)
            for _ in range(protocol.frame_skip):
                screen, reward, ended, cut, _ = env.step(emulator_action[[action]])
                yield Shot(screen[0, 0], float(reward[0]), action)
                if over := bool(ended[0] or cut[0]):
                    break
    finally:
        env.close()


def _solo(
    game: Solo, actions: int, tape: Tape, picture: Callable[[UInt8[Array, "H W 1"]], UInt8[Array, "h w 3"]]
) -> Iterator[Shot]:
    try:
        check_tapes([tape], 1, actions)
        yield Shot(picture(game.reset(tape.seed)), 0.0, None)
        over = False
        for played, action in enumerate(tape.actions):
            if over:
                raise too_long(0, played, tape)
            said = game.step(action)
            over = said.terminated or said.truncated
            yield Shot(picture(said.frame), said.reward, action)
    finally:
        game.close()


def enlarge(frame: UInt8[Array, "H W 1"]) -> UInt8[Array, "h w 3"]:
    """A small grey frame as a large picture with hard pixel edges."""
    times = -(-SMALLEST // min(frame.shape[:2]))
    return np.repeat(np.repeat(np.repeat(frame, times, axis=0), times, axis=1), 3, axis=2)
