"""Episodes in full resolution and colour: played again from their tapes, or as somebody plays them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from playfield.events import Tape
from playfield.games import atari, toys
from playfield.games.atari import action_indices, emulators
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.games import does_replay, game_file, is_desktop_game
from playfield.games.each import Solo
from playfield.games.episodes import check_tapes
from playfield.games.gymnasium_games import PREFIX, GymnasiumGame, open_environment
from playfield.games.protocol import SCREEN, AtariProtocol
from playfield.games.toys import TOYS
from playfield.types import Array

MOST_ACTIONS = 256
"""Each action of a tape is a byte."""
SMALLEST = 160
"""Toy games are enlarged until their shorter side has this many pixels."""


class NoFilm(ValueError):
    """An episode cannot be filmed from its tape; the message says what to do instead."""


class Shot(NamedTuple):
    """One picture of a film."""

    picture: UInt8[Array, "H W 3"]
    reward: float
    """Raw reward since the shot before."""
    action: int | None
    """The action being played; none in the first shot."""
    over: bool = False
    """Whether the episode ended with it."""
    truncated: bool = False
    """Whether it did because it was cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """An episode being played again: made as it is watched, and only once."""

    frames_per_second: float
    shots: Generator[Shot]

    def __iter__(self) -> Iterator[UInt8[Array, "H W 3"]]:
        """The pictures alone."""
        return (shot.picture for shot in self.shots)


def film(name: str, protocol: AtariProtocol, tape: Tape) -> Film:
    """The film of one episode; it ends where the tape ends.

    Raises: NoFilm where the game does not play again; ValueError where the tape goes on after its episode has ended.
    """
    require_replay(name)
    check_tapes([tape], 1, MOST_ACTIONS)
    return live(name, protocol, tape.seed, tape.actions)


def require_replay(name: str) -> None:
    """Refuse a game that does not play again from a tape.

    Raises: NoFilm.
    """
    if not does_replay(name):
        raise NoFilm(
            f"{name} keeps its own time and does not play again from a tape, so only a game that is played now can be "
            f"filmed: playfield video RUN"
        )


def live(name: str, protocol: AtariProtocol, seed: int, actions: Iterable[int]) -> Film:
    """The film of an episode as it is played: an action is asked for once all shots before it were looked at.

    It ends with the actions.

    Raises: ValueError for actions that the game has not, or that go on after the episode has ended.
    """
    if name.startswith(PREFIX):
        environment_id = name.removeprefix(PREFIX)
        game = GymnasiumGame(open_environment(environment_id, render_mode="rgb_array"), environment_id)
        shots = _solo(game, seed, _checked(actions, len(game.actions)), lambda _: game.picture())
        return Film(frames_per_second=game.frames_per_second, shots=shots)
    if name in TOYS:
        toy = TOYS[name]()
        shots = _solo(toy, seed, _checked(actions, len(toy.actions)), enlarge)
        return Film(frames_per_second=toys.FRAMES_PER_SECOND, shots=shots)
    if is_desktop_game(name):
        desktop = DesktopGame(game_file(name))
        rate = 1000.0 / desktop.file.timing.step_ms
        shots = _solo(desktop, seed, _checked(actions, len(desktop.file.actions)), lambda _: desktop.picture())
        return Film(frames_per_second=rate, shots=shots)
    return Film(frames_per_second=atari.FRAMES_PER_SECOND, shots=_atari(name, protocol, seed, actions))


def _checked(actions: Iterable[int], count: int) -> Iterator[int]:
    for action in actions:
        if not 0 <= action < count:
            raise ValueError(f"there is no action {action}; the game has only {count}")
        yield action


def _goes_on(played: int) -> ValueError:
    return ValueError(f"the actions go on, but the episode ended after {played}")


def _atari(name: str, protocol: AtariProtocol, seed: int, actions: Iterable[int]) -> Generator[Shot]:
    """Every emulator frame. Sticky actions are drawn per emulator frame, so the course is that of the episode."""
    height, width = SCREEN
    changes = {"grayscale": False, "img_height": height, "img_width": width, "maxpool": False, "frameskip": 1}
    env = emulators(name, protocol, 1, num_threads=1, **changes)
    try:
        names, emulator_action = action_indices(name, protocol, env)
        screen, _ = env.reset(seed=np.array([seed]))
        yield Shot(screen[0, 0], 0.0, None)
        over = False
        for played, action in enumerate(_checked(actions, len(names))):
            if over:
                raise _goes_on(played)
            for _ in range(protocol.frame_skip):
                screen, reward, ended, cut, _ = env.step(emulator_action[[action]])
                over = bool(ended[0] or cut[0])
                yield Shot(screen[0, 0], float(reward[0]), action, over, truncated=over and not ended[0])
                if over:
                    break
    finally:
        env.close()


def _solo(
    game: Solo, seed: int, actions: Iterable[int], picture: Callable[[UInt8[Array, "H W C"]], UInt8[Array, "h w 3"]]
) -> Generator[Shot]:
    try:
        yield Shot(picture(game.reset(seed)), 0.0, None)
        over = False
        for played, action in enumerate(actions):
            if over:
                raise _goes_on(played)
            said = game.step(action)
            over = said.terminated or said.truncated
            yield Shot(picture(said.frame), said.reward, action, over, truncated=over and not said.terminated)
    finally:
        game.close()


def enlarge(frame: UInt8[Array, "H W 1"]) -> UInt8[Array, "h w 3"]:
    """A small grey frame as a large picture with hard pixel edges."""
    times = -(-SMALLEST // min(frame.shape[:2]))
    return np.repeat(np.repeat(np.repeat(frame, times, axis=0), times, axis=1), 3, axis=2)
