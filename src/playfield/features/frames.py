"""Frames of a game as a data set: collected by playing at random, kept in two files, split by whole episodes."""

from __future__ import annotations

import json
import math
import os
import shutil
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8, UInt64

from playfield.games.games import Games, GameSpec
from playfield.games.make import make_games, names_code
from playfield.games.protocol import AtariProtocol, atari_rules
from playfield.rng import Rng
from playfield.storage.files import (
    DamagedFile,
    advising,
    parse_json,
    read_capped,
    reading_from,
    replace_file,
    require_space,
    sync_directory,
    temporary_name,
    writing_to,
)
from playfield.types import Array

ROWS, ABOUT = "frames.npz", "about.json"
MOST_PIXELS = 4 << 30
"""Bytes of frames that are read from one file; 600,000 frames of 84 x 84."""
MOST_ROWS = 50_000_000
MOST_TEXT_BYTES = 1 << 20
_PIECE = 1024
_BROKEN = (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, OverflowError, RuntimeError,
           ValueError, KeyError, SyntaxError, TypeError, struct.error, tokenize.TokenError, zlib.error)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Where frames are from."""

    game: str
    """As given on the command line."""
    protocol: dict[str, Any]
    """The rules as they were played."""
    actions: tuple[str, ...]
    """A label for every action."""
    seed: int
    frames: int
    """Emulator frames that were played."""
    rows: int
    """Frames that the agent saw, the first of every episode among them."""
    episodes: int
    """Whole ones; the one that was going on when the frames were reached is cut short, and not counted."""
    fingerprint: dict[str, Any]
    """Of the process that played."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What an agent sees of a game, row by row as a `Step` says it."""

    about: About
    frame: UInt8[Array, "R H W C"]
    action: Int64[Array, "R"]
    """The action that led to the row; 0 where `first`."""
    reward: Float32[Array, "R"]
    discount: Float32[Array, "R"]
    first: Bool[Array, "R"]
    last: Bool[Array, "R"]
    seeds: UInt64[Array, "E"]
    """Of every episode, in order: with its actions it plays again exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Which rows are learnt from, and which are only tested on."""

    train: Int64[Array, "N"]
    test: Int64[Array, "M"]
    train_episodes: tuple[int, ...]
    """Numbers of episodes, from 0."""
    test_episodes: tuple[int, ...]


class Rows(NamedTuple):
    """How far a collection has come."""

    frames: int
    rows: int
    episodes: int


def pixel_games(game: str, protocol: AtariProtocol, copies: int = 1) -> Games:
    """Copies of a game that shows pixels.

    Raises: UnknownGame; ValueError where it shows something else.
    """
    games = make_games(game, protocol, copies, 1)
    shape = games.spec.frame_shape
    if len(shape) != 3 or games.spec.frame_dtype != "uint8":
        games.close()
        raise ValueError(f"{game} shows {shape[0]} numbers and no pixels; a linear learner takes them as they are")
    return games


def collect(games: Games, frames: int, seed: int, on_rows: Callable[[Rows], object]) -> Recording:
    """Play by chance until so many emulator frames have passed; nothing is learnt.

    Raises: ValueError for no frames, or for more than are read again.
    """
    spec, chance = games.spec, Rng(seed)
    _check_size(frames, spec)
    pieces: list[UInt8[Array, "P H W C"]] = []
    columns: list[tuple[int, float, float, bool, bool]] = []
    seeds: list[int] = []
    draws = chance.numpy("actions")
    played, action, step = 0, 0, games.begin(chance.numpy("episodes"))
    while True:
        first, last = bool(step.first[0]), bool(step.last[0])
        if len(columns) % _PIECE == 0:
            pieces.append(np.empty((_PIECE, *spec.frame_shape), np.uint8))
        pieces[-1][len(columns) % _PIECE] = step.frame[0]
        columns.append((0 if first else action, float(step.reward[0]), float(step.discount[0]), first, last))
        if first:
            seeds.append(int(step.seed[0]))
        played += int(step.frames[0])
        on_rows(Rows(played, len(columns), len(seeds) - (not last)))
        if played >= frames:
            break
        action = int(draws.integers(len(spec.actions)))
        games.send(np.array([action]))
        step = games.recv()
    about = About(
        game=spec.name,
        protocol=spec.protocol,
        actions=spec.actions,
        seed=seed,
        frames=played,
        rows=len(columns),
        episodes=sum(column[4] for column in columns),
        fingerprint={},
    )
    pieces[-1] = pieces[-1][: (len(columns) - 1) % _PIECE + 1]
    return _recording(about, np.concatenate(pieces), columns, seeds)


def _check_size(frames: int, spec: GameSpec) -> None:
    if frames < 1:
        raise ValueError("--frames must be 1 or more")
    size = frames // spec.frames_per_action * math.prod(spec.frame_shape)
    if size > MOST_PIXELS:
        raise ValueError(
            f"{frames:,} frames of {spec.name} would be {size / 1e9:,.0f} GB, and at most {MOST_PIXELS / 1e9:.0f} GB "
            "are read again; ask for fewer --frames, or for a smaller --size"
        )


def _recording(
    about: About, frame: UInt8[Array, "R H W C"], columns: list[tuple[int, float, float, bool, bool]], seeds: list[int]
) -> Recording:
    action, reward, discount, first, last = zip(*columns, strict=True)
    return Recording(
        about=about,
        frame=frame,
        action=np.array(action, np.int64),
        reward=np.array(reward, np.float32),
        discount=np.array(discount, np.float32),
        first=np.array(first, np.bool_),
        last=np.array(last, np.bool_),
        seeds=np.array(seeds, np.uint64),
    )


def protocol_of(about: About) -> AtariProtocol:
    """The rules under which the frames were collected; those of a game that is not Atari's are the game itself.

    Raises: ValueError where this version does not know such rules.
    """
    return atari_rules(about.protocol)


def episodes_of(recording: Recording) -> Int64[Array, "R"]:
    """The number of the episode of every row, from 0."""
    return np.cumsum(recording.first).astype(np.int64) - 1


def split(recording: Recording, test_share: float, draws: np.random.Generator) -> Split:
    """Some whole episodes to test on, the others to learn from.

    Neighbouring frames are nearly equal: a split by frame would test on what was trained on. An episode that was cut
    short is learnt from, since nobody knows how it would have ended.

    Raises: ValueError where a part would be empty.
    """
    if not 0.0 < test_share < 1.0:
        raise ValueError(f"--test-share must lie between 0 and 1, not at {test_share:g}")
    of_row = episodes_of(recording)
    whole = of_row[recording.last]
    if len(whole) < 2:
        raise ValueError(
            f"these frames hold {len(whole)} whole episode{'s' * (len(whole) != 1)} of {recording.about.game}, and a "
            "split by whole episodes needs 2; collect with more --frames"
        )
    count = min(max(round(test_share * len(whole)), 1), len(whole) - 1)
    return split_by(recording, draws.permutation(whole)[:count])


def split_by(recording: Recording, test: Int64[Array, "E"]) -> Split:
    """The split of which the episodes of those numbers are the test part."""
    of_row = episodes_of(recording)
    tested = np.isin(of_row, test)
    return Split(
        train=np.flatnonzero(~tested),
        test=np.flatnonzero(tested),
        train_episodes=tuple(int(number) for number in np.unique(of_row[~tested])),
        test_episodes=tuple(int(number) for number in np.unique(of_row[tested])),
    )


def returns(recording: Recording, gamma: float) -> Float64[Array, "R"]:
    """What every row was worth: the discounted rewards that followed in its episode; 0 at its end.

        G_t = R_{t+1} + γ d_{t+1} G_{t+1}

    Of an episode that was cut off only what came until then.
    """
    found = np.zeros(len(recording.reward))
    for row in range(len(found) - 2, -1, -1):
        if not recording.last[row]:
            following = gamma * float(recording.discount[row + 1]) * found[row + 1]
            found[row] = float(recording.reward[row + 1]) + following
    return found


def save(recording: Recording, folder: Path) -> int:
    """Write a recording into a new folder, which appears whole or not at all; the bytes of its frames on the disk.

    Raises: FileExistsError; NoSpace; WriteFailed.
    """
    require_new(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    require_space(folder.parent, recording.frame.nbytes // 4)
    with new_folder(folder) as unfinished:
        with writing_to(unfinished / ROWS), (unfinished / ROWS).open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **_columns(recording))
            file.flush()
            os.fsync(file.fileno())
        about = {field.name: getattr(recording.about, field.name) for field in fields(About)}
        replace_file(unfinished / ABOUT, json.dumps(about, indent=2).encode() + b"\n")
    return (folder / ROWS).stat().st_size


@contextmanager
def new_folder(folder: Path) -> Generator[Path]:
    """A folder to write into, which has its name only once all is written; after an error nothing is left of it.

    Raises: FileExistsError.
    """
    require_new(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = temporary_name(folder)
    unfinished.mkdir()
    try:
        yield unfinished
        require_new(folder)
        os.rename(unfinished, folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    sync_directory(folder.parent)


def require_new(folder: Path) -> None:
    """Refuse a folder that is there: nothing is overwritten.

    Raises: FileExistsError.
    """
    if folder.exists() or folder.is_symlink():
        raise FileExistsError(f"{folder} exists, and nothing is overwritten; choose another name")


def _columns(recording: Recording) -> dict[str, Array]:
    return {name: getattr(recording, name) for name in _KINDS}


_KINDS: dict[str, tuple[str, int]] = {
    "frame": ("|u1", 4),
    "action": ("<i8", 1),
    "reward": ("<f4", 1),
    "discount": ("<f4", 1),
    "first": ("|b1", 1),
    "last": ("|b1", 1),
    "seeds": ("<u8", 1),
}
"""Element type and number of dimensions of every column."""


def load(folder: Path) -> Recording:
    """The recording in a folder, every number of it checked: the files may be a stranger's.

    Raises: DamagedFile.
    """
    if not (folder / ABOUT).is_file():
        raise DamagedFile(folder, "holds no collected frames; `playfield lab collect GAME` makes such a folder")
    with advising("take a sound copy, or collect them anew: playfield lab collect GAME"):
        about = _read_about(folder / ABOUT)
        columns = _read_columns(folder / ROWS)
        if reason := _complaint(about, columns):
            raise DamagedFile(folder / ROWS, f"is no recording: {reason}")
    return Recording(about=about, **columns)


def _read_columns(path: Path) -> dict[str, Array]:
    with reading_from(path), path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return {name: _member(path, archive, name) for name in _KINDS}
        except _BROKEN as error:
            raise DamagedFile(path, "is no recording that can be read: it was altered or cut") from error


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> Array:
    """One column; its size is known to be harmless before anything is unpacked."""
    about = archive.getinfo(f"{name}.npy")
    if about.file_size > MOST_PIXELS:
        raise DamagedFile(path, f"has {about.file_size:,} bytes of {name}, more than the {MOST_PIXELS:,} allowed")
    kind, dimensions = _KINDS[name]
    with archive.open(about) as member:
        shape, dtype = _header(member)
        if dtype.str != kind or len(shape) != dimensions:
            raise DamagedFile(path, f"is no recording: {name} is {dtype} of {len(shape)} dimensions")
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        data = member.read(size + 1)
        if len(data) != size:
            raise DamagedFile(path, f"is no recording: {name} has not as many numbers as it says")
    return np.frombuffer(bytearray(data), dtype).reshape(shape)


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    if version != (1, 0):
        raise ValueError("not the layout that is written")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
    if fortran or any(length < 0 for length in shape):
        raise ValueError("not the layout that is written")
    return shape, dtype


def _read_about(path: Path) -> About:
    plain = parse_json(path, read_capped(path, MOST_TEXT_BYTES))
    if not isinstance(plain, dict):
        raise DamagedFile(path, "does not say where frames are from")
    given = cast(dict[str, Any], plain)
    kinds = {"game": str, "protocol": dict, "actions": list, "seed": int, "frames": int, "rows": int, "episodes": int,
             "fingerprint": dict}  # fmt: skip
    for name, kind in kinds.items():
        if type(given.get(name)) is not kind:
            raise DamagedFile(path, f"does not say where frames are from: {name} is missing or of another kind")
    if given.keys() != kinds.keys() or not all(type(label) is str for label in given["actions"]):
        raise DamagedFile(path, "does not say where frames are from: it holds something else besides")
    if names_code(given["game"]):
        raise DamagedFile(path, f"names the game {given['game']!r}, which would run code of the file's choice")
    texts = [given["game"], *given["actions"]]
    if not all(text.isprintable() for text in texts):
        raise DamagedFile(path, "has a text with characters that cannot be shown")
    return About(
        game=given["game"],
        protocol=given["protocol"],
        actions=tuple(given["actions"]),
        seed=given["seed"],
        frames=given["frames"],
        rows=given["rows"],
        episodes=given["episodes"],
        fingerprint=given["fingerprint"],
    )


def _complaint(about: About, columns: dict[str, Array]) -> str | None:
    """Why columns are not those of a recording, if they are not."""
    rows, first, last = len(columns["frame"]), columns["first"], columns["last"]
    lengths = {len(column) for name, column in columns.items() if name != "seeds"}
    if rows != about.rows or not 1 <= rows <= MOST_ROWS or lengths != {rows}:
        return f"{ABOUT} says {about.rows:,} rows, and its columns have others"
    if min(columns["frame"].shape[1:]) < 1:
        return "its frames have no pixels"
    if len(columns["seeds"]) != first.sum() or about.episodes != last.sum():
        return "its episodes are not as many as it says"
    # A row is the first exactly where it is row 0 or follows on a last one.
    if not first[0] or (first[1:] != last[:-1]).any():
        return "its episodes do not follow on each other"
    if (columns["action"] < 0).any() or (columns["action"] >= len(about.actions)).any():
        return "it has an action that the game has not"
    if not np.isfinite(columns["reward"]).all() or not np.isin(columns["discount"], (0.0, 1.0)).all():
        return "its rewards are no numbers, or its discounts are neither 0 nor 1"
    return None


def stamped(recording: Recording, fingerprint: dict[str, Any]) -> Recording:
    """The recording with the fingerprint of the process that played it."""
    return replace(recording, about=replace(recording.about, fingerprint=dict(fingerprint)))
