"""A recording of play: what was played by whom, and every episode as a tape that plays again exactly.

about.json   game, rules, actions, what a frame is, who played, fingerprint; written once, before the first step
tapes.log    episodes as (seed, actions, score); it grows at its end, so what was cut by a crash is the last one alone
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np

from playfield.events import Tape
from playfield.games.episodes import check_tapes
from playfield.games.games import Games, GameSpec
from playfield.games.make import names_code
from playfield.memory.demonstrated import Demonstrations
from playfield.memory.rows import RowRing, RowShape
from playfield.storage.files import DamagedFile, parse_json, read_capped
from playfield.storage.tapes import RecordedEpisode, Tapes
from playfield.types import Decision, Step

ABOUT, TAPES = "about.json", "tapes.log"
MOST_TEXT_BYTES = 1 << 20
Player = Literal["person", "agent", "chance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What was played, and by whom."""

    game: str
    """As given on the command line."""
    protocol: dict[str, Any]
    """The rules as they were played."""
    actions: tuple[str, ...]
    """A label for every action."""
    frames_per_action: int
    frame_shape: tuple[int, ...]
    player: Player
    name: str
    """Of the run or model file that played; empty for others."""
    fingerprint: dict[str, Any]
    """Of the process that played."""

    @staticmethod
    def of(spec: GameSpec, player: Player, name: str, fingerprint: Mapping[str, Any]) -> About:
        """What is to be said of a game that is being played."""
        return About(
            game=spec.name,
            protocol=dict(spec.protocol),
            actions=spec.actions,
            frames_per_action=spec.frames_per_action,
            frame_shape=spec.frame_shape,
            player=player,
            name=name,
            fingerprint=dict(fingerprint),
        )

    def text(self) -> bytes:
        """The file."""
        return json.dumps({field.name: getattr(self, field.name) for field in fields(self)}, indent=2).encode() + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording as its files say; whether it plays again is found out by `demonstrations`."""

    folder: Path
    about: About
    episodes: tuple[RecordedEpisode, ...]
    warning: str | None
    """A sentence, where the last episode was cut by a crash."""

    @property
    def frames(self) -> int:
        """Emulator frames that were played."""
        return sum(episode.frames for episode in self.episodes)


def read_recording(folder: Path) -> Recording:
    """The recording in a folder; its files may be a stranger's.

    Raises: DamagedFile; ValueError where it holds nothing.
    """
    if not (folder / ABOUT).is_file():
        raise DamagedFile(folder, "holds no recording of play; `playfield record GAME` makes such a folder")
    about = _read_about(folder / ABOUT)
    if not (folder / TAPES).is_file():
        raise DamagedFile(folder / TAPES, "is missing, and with it all that was played")
    tapes = Tapes(folder / TAPES)
    episodes = tuple(tapes)
    if not episodes:
        raise ValueError(f"{folder} holds no episode yet; record more with `playfield record`")
    return Recording(folder=folder, about=about, episodes=episodes, warning=tapes.warning)


def demonstrations(recording: Recording, games: Games, stack: int) -> Demonstrations:
    """The rows of a recording, which come from playing it again in the game that is trained on, one copy of it.

    Raises: ValueError where the recording is of another game or other rules, or does not play again as it says.
    """
    spec = games.spec
    check_same(recording, spec)
    shape = RowShape(
        size=sum(len(episode.actions) + 1 for episode in recording.episodes),
        games=1,
        frame_shape=spec.frame_shape,
        frame_dtype=spec.frame_dtype,
        stack=stack,
    )
    rows = RowRing(shape)
    for number, episode in enumerate(recording.episodes, 1):
        what = f"episode {number} of {recording.folder}"
        for step, decision in _played_again(what, episode, games):
            rows.add(step, decision)
    return Demonstrations(rows=rows, frames=recording.frames)


def check_same(recording: Recording, spec: GameSpec) -> None:
    """Refuse a recording of something else than what is trained on.

    Raises: ValueError with what to do.
    """
    about, folder = recording.about, recording.folder
    if about.game != spec.name:
        raise ValueError(f"{folder} was recorded on {about.game}, not on {spec.name}; record that game, or train there")
    if about.actions != spec.actions:
        raise ValueError(
            f"{folder} was recorded with the actions {' '.join(about.actions)}, and {spec.name} is trained with "
            f"{' '.join(spec.actions)}; record it anew with the rules of the recipe"
        )
    rules = cast(dict[str, Any], json.loads(json.dumps(spec.protocol)))
    for name in sorted({*rules, *about.protocol}):
        was, trained = (json.dumps(side.get(name)).replace(" ", "") for side in (about.protocol, rules))
        if was != trained:
            raise ValueError(
                f"{folder} was recorded with {name} {was}, and the training plays with {trained}; "
                f"give protocol.{name}={was.replace('null', 'none')}, or record it anew with the rules of the recipe"
            )
    if (about.frame_shape, about.frames_per_action) != (spec.frame_shape, spec.frames_per_action):
        raise ValueError(
            f"{folder} was recorded with frames of {about.frame_shape}, {about.frames_per_action} for an action, and "
            f"{spec.name} now has {spec.frame_shape} and {spec.frames_per_action}; record it anew"
        )


def _played_again(what: str, episode: RecordedEpisode, games: Games) -> Iterator[tuple[Step, Decision]]:
    """Every row of an episode; the final one is `last`, also where the recording was stopped before the game ended."""
    try:
        check_tapes([Tape(seed=episode.seed, actions=episode.actions)], 1, len(games.spec.actions))
    except ValueError as error:
        raise ValueError(f"{what} cannot have been played: {error}") from error
    step = games.resume(np.random.default_rng(0), [Tape(seed=episode.seed, actions=b"")])
    yield step, _decided(0)
    score, frames = 0.0, 0
    for number, action in enumerate(episode.actions, 1):
        games.send(np.array([action]))
        step = games.recv()
        score, frames = score + float(step.reward[0]), frames + int(step.frames[0])
        over, final = bool(step.last[0]), number == len(episode.actions)
        if over != final and not (final and episode.truncated):
            ended = f"its game ended after {number:,} actions" if over else "its game goes on after the last action"
            raise ValueError(f"{what} does not play again as it was: {ended}; {_ADVICE}")
        if final:
            step.last[:] = True
        yield step, _decided(action)
    if (score, frames) != (episode.score, episode.frames):
        raise ValueError(
            f"{what} does not play again as it was: it scored {episode.score:g} in {episode.frames:,} frames, and now "
            f"{score:g} in {frames:,}; {_ADVICE}"
        )


_ADVICE = "use the versions of game and emulator that its about.json names, or record it anew"


def _decided(action: int) -> Decision:
    return Decision(action=np.array([action]), value=np.zeros(1, np.float32))


def _read_about(path: Path) -> About:
    plain = parse_json(path, read_capped(path, MOST_TEXT_BYTES))
    kinds = {"game": str, "protocol": dict, "actions": list, "frames_per_action": int, "frame_shape": list,
             "player": str, "name": str, "fingerprint": dict}  # fmt: skip
    if not isinstance(plain, dict) or plain.keys() != kinds.keys():
        raise DamagedFile(path, "does not say what was played: something is missing, or something else is there")
    given = cast(dict[str, Any], plain)
    for name, kind in kinds.items():
        if type(given[name]) is not kind:
            raise DamagedFile(path, f"does not say what was played: {name} is of another kind")
    texts = [given["game"], given["name"], *given["actions"]]
    if not all(type(text) is str and text.isprintable() for text in texts):
        raise DamagedFile(path, "has a text with characters that cannot be shown")
    if given["player"] not in get_args(Player) or not all(type(side) is int for side in given["frame_shape"]):
        raise DamagedFile(path, "does not say what was played: player or frame_shape cannot be used")
    if names_code(given["game"]):
        raise DamagedFile(path, f"names the game {given['game']!r}, which would run code of the file's choice")
    lists: dict[str, Any] = {name: tuple(given[name]) for name in ("actions", "frame_shape")}
    return About(**(given | lists))
