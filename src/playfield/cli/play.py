"""`play`: a person at the keyboard, the mouse or a gamepad; what was played can be kept to learn from."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro

from playfield.cli.about import find_recipe
from playfield.cli.counts import Switch
from playfield.cli.onlooker import Onlooker
from playfield.cli.runs import result_name
from playfield.demonstrations import About, DemonstrationWriter, require_recordable, seen_in
from playfield.events import Tape
from playfield.games.desktop.games import game_file, is_desktop_game
from playfield.games.desktop.readers import Region
from playfield.games.episodes import draw_seeds
from playfield.games.films import Film, Shot, live
from playfield.games.games import GameSpec
from playfield.games.keys import Keys, chosen, held_by, is_meant, is_of_mouse, keys_by_label, keys_of, used_by
from playfield.games.make import make_games
from playfield.games.protocol import AtariProtocol
from playfield.rng import Rng
from playfield.sinks.window import HEARD, Window
from playfield.storage import fingerprint
from playfield.storage.frame_log import SeenRow
from playfield.study import slug

Positional = tyro.conf.Positional


@dataclass(frozen=True, slots=True)
class Play:
    """Play a game yourself, with the keyboard, a gamepad or the mouse: playfield play pong --record

    Escape or closing the window ends it, F1 pauses it.
    """

    game: Positional[str]
    """A name from `playfield games`, gym:ID or a game file."""
    record: Switch = 0
    """Keep what is played as demonstrations: `playfield train dqfd GAME --demonstrations FOLDER` learns from them."""
    episodes: int | None = None
    """Whole games to play; by default until the window is closed."""
    speed: float = 1.0
    """1 for the game's own; 0.5 for half of it."""
    recipe: str = "dqn"
    """The recipe that will be trained: an Atari game is played by its rules."""
    seed: int = 0
    """Of the games."""
    scale: int | None = None
    """Window pixels for each pixel of the game; by default 3, and 1 of a desktop game or a large picture."""
    name: str | None = None
    """Name of the recording; by default made from the game."""
    out: Path = Path("demos")
    """Folder of the recordings."""

    def run(self) -> int:
        if not 0.05 <= self.speed <= 20.0:
            raise ValueError(f"--speed must lie between 0.05 and 20, not at {self.speed:g}")
        if self.episodes is not None and self.episodes < 1:
            raise ValueError("--episodes must be 1 or more")
        protocol = find_recipe(self.recipe).protocol
        spec = spec_of(self.game, protocol)
        hands = self._hands(spec)
        window = self._window(hands.keys, spec)
        writer = self._writer(spec) if self.record else None
        print(legend(spec.actions, hands.keys), flush=True)
        print(f"  {ways_out(window, spec)}", flush=True)
        try:
            self._play(window, protocol, hands, writer)
        finally:
            window.close()
            if writer is not None:
                writer.close()
        if writer is not None:
            if writer.gaps:
                print(f"gaps     {gaps_text(writer.gaps, writer.unmeant)}")
            print(f"results  {writer.folder}")
        return 0

    def _hands(self, spec: GameSpec) -> Hands:
        keys = keys_in(self.game, spec)
        return Hands(
            keys=keys if plays_here(self.game) else heard(keys),
            regions=game_file(self.game).regions if is_desktop_game(self.game) else {},
            frames_per_action=spec.frames_per_action,
        )

    def _window(self, keys: tuple[Keys | None, ...], spec: GameSpec) -> Window | Onlooker:
        """Where the person plays: a window of ours, or the game's own where it is on the person's display."""
        if plays_here(self.game):
            if self.speed != 1.0:
                raise ValueError(f"--speed is for games that wait; {self.game} keeps its own time")
            return Onlooker(game_file(self.game), keys)
        return Window(scale=1 if is_desktop_game(self.game) and self.scale is None else self.scale, pauses=spec.waits)

    def _play(
        self, window: Window | Onlooker, protocol: AtariProtocol, hands: Hands, writer: DemonstrationWriter | None
    ) -> None:
        draws = Rng(self.seed).numpy("episodes")
        for number in itertools.count(1) if self.episodes is None else range(1, self.episodes + 1):
            seed = int(draw_seeds(draws, 1)[0])
            hands.begin()
            film = live(self.game, protocol, seed, hands.asked(window))
            window.frames_per_second = film.frames_per_second * self.speed
            played = watched(film, Screen(window, self.game, hands, writer))
            end = "" if played.whole else ", not played to its end"
            end = end if played.lost is None else f", lost: {played.lost}"
            print(f"game {number}: {played.score:g} points{end}", flush=True)
            if writer is not None and hands.actions:
                tape = Tape(seed=seed, actions=bytes(hands.actions))
                lost = played.lost is not None
                gaps = bytes(hands.gaps)
                writer.keep(tape, played.score, played.frames, truncated=played.truncated, lost=lost, gaps=gaps)
            if not window.open or (played.lost is not None and isinstance(window, Onlooker)):
                return  # the game's own window was closed, for the most part: that ends it as that of ours does

    def _writer(self, spec: GameSpec) -> DemonstrationWriter:
        require_recordable(self.game)
        name = result_name(self.name, f"{slug(self.game)}-person", self.out)
        about = About.of(spec, "person", "", fingerprint.take())
        return DemonstrationWriter(self.out / name, about, seen_in(spec))


@dataclass(slots=True, kw_only=True)
class Hands:
    """What a person's keys and mouse come to in the game that is played."""

    keys: tuple[Keys | None, ...]
    """Of every action."""
    regions: Mapping[str, Region]
    """Parts of the game's picture, by name, which some actions point at."""
    frames_per_action: int
    actions: bytearray = field(default_factory=bytearray)
    gaps: bytearray = field(default_factory=bytearray)
    """A 1 for every action of which what was held, of keys and mouse, is not that action's."""
    _used: Keys = field(init=False)

    def __post_init__(self) -> None:
        self._used = used_by(self.keys)

    def begin(self) -> None:
        """A new episode."""
        self.actions, self.gaps = bytearray(), bytearray()

    def asked(self, window: Window | Onlooker) -> Iterator[int]:
        """What is held when an action is asked for; each is written down as it is played."""
        while window.open:
            held = window.held() | held_by(window.mouse(), self._used, self.regions)
            self.actions.append(chosen(held, self.keys))
            self.gaps.append(not is_meant(held, self.keys))
            yield self.actions[-1]

    def only(self, actions: int) -> None:
        """Forget the actions after so many: nobody saw what they led to."""
        del self.actions[actions:], self.gaps[actions:]


class Played(NamedTuple):
    """What came of an episode."""

    score: float
    """As an agent would be told it: of numbers of 32 bits."""
    frames: int
    """Emulator frames."""
    whole: bool
    truncated: bool
    """Whether it was cut off, by the game or by the person."""
    lost: str | None = None
    """What happened, where the game was lost; the action that it did not survive is forgotten."""


class Screen(NamedTuple):
    """Where an episode is shown as it is played, and written down."""

    window: Window | Onlooker
    name: str
    """Of the game."""
    hands: Hands
    writer: DemonstrationWriter | None

    def show(self, shot: Shot, score: float) -> None:
        """Show a picture, with the score, and with what is wrong where nothing would be learnt from it."""
        if self.writer is not None and (told := shot.told) is not None:
            frames = 0 if shot.action is None else self.hands.frames_per_action
            row = SeenRow(told.frame, float(np.float32(told.reward)), told.discount, frames)
            self.writer.see(row, begins=shot.action is None)
        gap = self.writer is not None and bool(self.hands.gaps) and self.hands.gaps[-1] == 1
        wrong = " - what is held is no action: a gap in the recording" if gap else ""
        self.window.show(shot.picture, f"{self.name}: {score:g} points{wrong}")


def watched(film: Film, screen: Screen) -> Played:
    """Show an episode as it is played, until it is over or the window is closed."""
    score, pictures, shot = 0.0, -1, Shot(np.zeros((1, 1, 3), np.uint8), 0.0, None)
    lost: str | None = None
    with closing(film.shots):
        try:
            for shot in film.shots:
                if shot.told is not None and (lost := shot.told.lost) is not None:
                    screen.hands.only(pictures)
                    break
                score, pictures = score + float(np.float32(shot.reward)), pictures + 1
                # Where the window was closed, the action that is under way is played to its end, and no other is asked
                # for.
                screen.show(shot, score)
                if shot.over:
                    break
        except KeyboardInterrupt:
            if shot.told is None:
                raise
            screen.hands.only(pictures)
            screen.window.open = False
    # Of an Atari game every frame is shown, of others one for an action.
    frames = pictures * (1 if shot.told is None else screen.hands.frames_per_action)
    whole = shot.over and lost is None
    return Played(score=score, frames=frames, whole=whole, truncated=shot.truncated or not shot.over, lost=lost)


def gaps_text(gaps: int, actions: int) -> str:
    """What gaps are, and how many there were."""
    return (
        f"{gaps:,}, {actions:,} actions long together: what was held is no action of the game, and nothing is learnt "
        "of it or across it"
    )


def spec_of(game: str, protocol: AtariProtocol) -> GameSpec:
    """What a game is."""
    games = make_games(game, protocol, 1, 1)
    games.close()
    return games.spec


def plays_here(game: str) -> bool:
    """Whether a game is played in its own window, on the person's display."""
    return is_desktop_game(game) and game_file(game).screen.place == "here"


def keys_in(game: str, spec: GameSpec) -> tuple[Keys | None, ...]:
    """The keys for a game's actions."""
    if is_desktop_game(game):
        return keys_of(game_file(game).actions)
    return keys_by_label(spec.actions)


def heard(keys: tuple[Keys | None, ...]) -> tuple[Keys | None, ...]:
    """The same, without the actions whose keys our window does not hear, or has another use for."""
    return tuple(
        each if each is not None and all(is_of_mouse(name) or name in HEARD for name in each) else None for each in keys
    )


def legend(labels: tuple[str, ...], keys: tuple[Keys | None, ...]) -> str:
    """Which keys do what."""
    lines = [
        f"  {label:<16} {'an agent only, not played here' if each is None else ' + '.join(sorted(each)) or '-'}"
        for label, each in zip(labels, keys, strict=True)
    ]
    return "\n".join(["keys", *lines])


def ways_out(window: Window | Onlooker, spec: GameSpec) -> str:
    """How a person ends play, or has a rest."""
    if isinstance(window, Onlooker):
        return "play in the game's own window; its panic key, or Ctrl-C here, ends it"
    return "Escape ends it, F1 pauses it" if spec.waits else "Escape ends it; there is no pause, since the game runs on"
