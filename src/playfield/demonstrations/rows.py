"""From a recording to rows that are learnt from: played again, or as they were seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import groupby
from typing import Any, NamedTuple, cast

import numpy as np

from playfield.demonstrations.recording import FRAMES, Recording, anew
from playfield.events import Tape
from playfield.extras import shell_word
from playfield.games.episodes import check_tapes
from playfield.games.games import Games, GameSpec
from playfield.games.protocol import AtariProtocol
from playfield.memory.demonstrated import Demonstrations
from playfield.memory.rows import RowRing, RowShape
from playfield.storage.files import DamagedFile, advising
from playfield.storage.frame_log import Chunk, Seen, Shown
from playfield.storage.tapes import RecordedEpisode
from playfield.types import Decision, Step

MOST_FRAME_BYTES = 16 << 30
"""Of the frames of one recording, when they are read."""


class Row(NamedTuple):
    """One row of an episode: what a game said, and the action that led there."""

    step: Step
    action: int


def demonstrations(recording: Recording, games: Games, stack: int) -> Demonstrations:
    """The rows of a recording, for the game that is trained on; it plays again what was not seen, one copy of it.

    Raises: ValueError where the recording is of another game or other rules, or does not play again as it says;
        DamagedFile.
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
    _check_size(recording, shape)
    rows, frames = RowRing(shape), 0
    for _, episode in episodes_of(recording, games):
        for row in episode:
            frames += int(row.step.frames[0])
            rows.add(row.step, Decision(action=np.array([row.action]), value=np.zeros(1, np.float32)))
    if rows.stop == 0:
        raise ValueError(
            f"{recording.folder} holds nothing to learn from: keys were held that are no action of {spec.name}; "
            f"`playfield play {shell_word(spec.name)} --record` says which keys are"
        )
    return Demonstrations(rows=rows, frames=frames)


def episodes_of(recording: Recording, games: Games) -> Iterator[tuple[RecordedEpisode, Iterator[Row]]]:
    """Every episode with its rows, split at its gaps; each is to be looked at before the next is asked for.

    Raises, while they are looked at: ValueError, DamagedFile.
    """
    seen = _seen(recording, games.spec) if recording.has_frames else None
    for number, episode in enumerate(recording.episodes, 1):
        what = f"episode {number} of {recording.folder}"
        rows = _played_again(what, episode, games) if seen is None else _as_seen(recording, episode, seen)
        gaps = recording.gaps.get(episode.episode)
        yield episode, _advised(recording, rows if gaps is None else split_at_gaps(rows, gaps))


def _advised(recording: Recording, rows: Iterator[Row]) -> Iterator[Row]:
    with advising(anew(recording.about)):
        yield from rows


def split_at_gaps(rows: Iterator[Row], gaps: bytes) -> Iterator[Row]:
    """The rows of an episode without the actions that a person did not mean: each gap ends one, and begins another.

    actions    a0  a1  a2  a3        of which a1 is marked
    rows     r0  r1  r2  r3  r4
    come out r0  r1. (r2 r3  r4      where . is `last` and ( is `first`; its reward came of what was not meant
    """
    waiting, fresh = next(rows), True
    for row, gap in zip(rows, gaps, strict=True):
        if not gap:
            yield waiting
            waiting, fresh = row, False
            continue
        if not fresh:
            yield Row(replace(waiting.step, last=np.array([True])), waiting.action)
        waiting, fresh = _as_first(row), True
    if not fresh:
        yield waiting


def _as_first(row: Row) -> Row:
    zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
    told = replace(row.step, reward=zero, discount=one, frames=np.zeros(1, np.int32))
    return Row(replace(told, first=np.array([True]), last=np.array([False])), 0)


def check_same(recording: Recording, spec: GameSpec) -> None:
    """Refuse a recording of something else than what is trained on.

    Raises: ValueError with what to do.
    """
    about, folder = recording.about, recording.folder
    if about.game != spec.name and not _same_game_file(recording, spec):
        raise ValueError(
            f"{folder} was recorded on {about.game}, not on {spec.name}; train there, or record this game: "
            f"playfield play {shell_word(spec.name)} --record"
        )
    if about.actions != spec.actions:
        raise ValueError(
            f"{folder} was recorded with the actions {' '.join(about.actions)}, and {spec.name} is trained with "
            f"{' '.join(spec.actions)}; record it anew with the rules of the recipe"
        )
    settable = {field.name for field in fields(AtariProtocol)}
    rules = cast(dict[str, Any], json.loads(json.dumps(spec.protocol)))
    # What a person can set comes first, then the shape of a frame, which other rules may follow from.
    for name in sorted({*rules, *about.protocol}, key=lambda name: (name not in settable, name)):
        was, trained = (json.dumps(side.get(name)).replace(" ", "") for side in (about.protocol, rules))
        if was != trained and name in settable:
            raise ValueError(
                f"{folder} was recorded with {name} {was}, and the training plays with {trained}; "
                f"give protocol.{name}={was.replace('null', 'none')}, or record it anew with the rules of the recipe"
            )
        if was != trained:
            _check_shape(recording, spec)
            raise ValueError(
                f"{folder} was recorded with {name} {was}, and {spec.name} now has {trained}; train with the game as "
                f"it was, or record it anew: playfield play {shell_word(spec.name)} --record"
            )
    _check_shape(recording, spec)


def _same_game_file(recording: Recording, spec: GameSpec) -> bool:
    """Whether both are of game files; those are compared by what they hold, wherever they lie."""
    return all("file" in protocol for protocol in (recording.about.protocol, spec.protocol)) and (
        recording.about.protocol.get("game") == spec.protocol.get("game")
    )


def _check_shape(recording: Recording, spec: GameSpec) -> None:
    about = recording.about
    if (about.frame_shape, about.frames_per_action) != (spec.frame_shape, spec.frames_per_action):
        raise ValueError(
            f"{recording.folder} was recorded with frames of {about.frame_shape}, {about.frames_per_action} for an "
            f"action, and {spec.name} now has {spec.frame_shape} and {spec.frames_per_action}; record it anew: "
            f"playfield play {shell_word(spec.name)} --record"
        )


def _check_size(recording: Recording, shape: RowShape) -> None:
    row_bytes = int(np.prod(shape.frame_shape)) * np.dtype(shape.frame_dtype).itemsize
    if shape.size * row_bytes > MOST_FRAME_BYTES:
        raise ValueError(
            f"{recording.folder} holds {shape.size:,} rows, {shape.size * row_bytes / 1e9:,.0f} GB of frames, and at "
            f"most {MOST_FRAME_BYTES / 1e9:,.0f} GB are read; record less in one folder"
        )


def _seen(recording: Recording, spec: GameSpec) -> Iterator[tuple[int, Iterator[Chunk]]]:
    chunks = Seen(recording.folder / FRAMES, Shown(spec.frame_shape, spec.frame_dtype))
    return groupby(chunks, lambda chunk: chunk.episode)


def _as_seen(
    recording: Recording, episode: RecordedEpisode, seen: Iterator[tuple[int, Iterator[Chunk]]]
) -> Iterator[Row]:
    """Every row of an episode as it is kept; the final one is `last`."""
    path = recording.folder / FRAMES
    nothing: tuple[int, Iterator[Chunk]] = (0, iter(()))
    number, chunks = next(seen, nothing)
    check_tapes([Tape(seed=0, actions=episode.actions)], 1, len(recording.about.actions))
    count, score, passed = 0, 0.0, 0
    for chunk in chunks:
        for at, frame in enumerate(chunk.frame):
            action = 0 if count == 0 or count > len(episode.actions) else episode.actions[count - 1]
            reward, frames = float(chunk.reward[at]), int(chunk.frames[at])
            score, passed = score + reward, passed + frames
            yield Row(
                Step(
                    frame=frame[None],
                    reward=chunk.reward[at, None],
                    discount=chunk.discount[at, None],
                    first=np.array([count == 0]),
                    last=np.array([count == len(episode.actions)]),
                    frames=chunk.frames[at, None],
                    seed=np.array([episode.seed], np.uint64),
                ),
                action,
            )
            count += 1
            if count > len(episode.actions) + 1:
                raise DamagedFile(path, f"holds more rows of episode {number} than were played")
    if (number, count) != (episode.episode, len(episode.actions) + 1):
        raise DamagedFile(
            path, f"holds {count:,} rows where episode {episode.episode} has {len(episode.actions) + 1:,}"
        )
    if (score, passed) != (episode.score, episode.frames):
        raise DamagedFile(path, f"does not fit the tape of episode {number}, which scored {episode.score:g}")


def _played_again(what: str, episode: RecordedEpisode, games: Games) -> Iterator[Row]:
    """Every row of an episode; the final one is `last`, also where the recording was stopped before the game ended."""
    try:
        check_tapes([Tape(seed=episode.seed, actions=episode.actions)], 1, len(games.spec.actions))
    except ValueError as error:
        raise ValueError(f"{what} cannot have been played: {error}") from error
    step = games.resume(np.random.default_rng(0), [Tape(seed=episode.seed, actions=b"")])
    yield Row(step, 0)
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
        yield Row(step, action)
    if (score, frames) != (episode.score, episode.frames):
        raise ValueError(
            f"{what} does not play again as it was: it scored {episode.score:g} in {episode.frames:,} frames, and now "
            f"{score:g} in {frames:,}; {_ADVICE}"
        )


_ADVICE = "use the versions of game and emulator that its about.json names, or record it anew"
