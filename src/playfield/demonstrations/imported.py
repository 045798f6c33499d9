"""Somebody's recording, read by a process of its own, becomes one of ours with its frames."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image

from playfield.demonstrations.about import About
from playfield.demonstrations.writer import DemonstrationWriter
from playfield.events import Tape
from playfield.foreign.reader import NoForeignRecording
from playfield.foreign.wire import ForeignRow
from playfield.games.desktop.sight import Sight
from playfield.games.games import GameSpec
from playfield.games.keys import Keys
from playfield.storage.frame_log import SeenRow, Shown
from playfield.types import Array

Looks = Callable[[ForeignRow, ForeignRow | None], Shaped[Array, "..."]]
"""The frame that an agent would see, of a row and of the one before it in its episode."""

X_NAMES = {
    **{name: name.capitalize() for name in ("up", "down", "left", "right", "tab", "home", "end", "insert", "delete")},
    **{f"f{number}": f"F{number}" for number in range(1, 13)},
    "space": "space", "return": "Return", "enter": "Return", "escape": "Escape", "backspace": "BackSpace",
    "left_shift": "Shift_L", "right_shift": "Shift_R", "left_ctrl": "Control_L", "right_ctrl": "Control_R",
    "left_alt": "Alt_L", "right_alt": "Alt_R", "page_up": "Prior", "page_down": "Next", "comma": "comma",
    "period": "period", "slash": "slash", "semicolon": "semicolon", "minus": "minus", "equals": "equal",
    "grave": "grave", "apostrophe": "apostrophe", "backslash": "backslash", "left_bracket": "bracketleft",
    "right_bracket": "bracketright",
}  # fmt: skip
"""SerpentAI's names of keys, without their KEY_ and in small letters, as X names them; letters and digits are alike."""


MOST_TOLD = 3
"""Combinations of keys that are no action, named to the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a recording is to be one of."""

    source: str
    """What the recording is called in a sentence about it."""
    spec: GameSpec
    keys: tuple[Keys | None, ...]
    """Of every action."""
    looks: Looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came of it."""

    folder: Path
    episodes: int
    frames: int
    gaps: int
    unmeant: int
    """Actions that gaps are long together."""
    unknown: tuple[str, ...]
    """Some of the keys that were held together and are no action, as texts."""


def x_name(key: str) -> str:
    """A key of SerpentAI as X names it; one that is not known as itself, which no action has."""
    plain = key.lower().removeprefix("key_")
    return plain if len(plain) == 1 and plain.isalnum() else X_NAMES.get(plain, key)


def looks_of(source: str, spec: GameSpec, sight: Sight | None) -> Looks:
    """How foreign frames become those of a game: as they are where they fit, else as its `sight` has pictures."""

    def looks(row: ForeignRow, before: ForeignRow | None) -> Shaped[Array, "..."]:
        frame = row.frame
        if (frame.shape, frame.dtype.name) == (spec.frame_shape, spec.frame_dtype):
            return frame
        if frame.dtype != np.uint8 or frame.ndim < 2 or spec.frame_dtype != "uint8" or len(spec.frame_shape) != 3:
            raise NoForeignRecording(
                f"{source} shows {frame.dtype} {frame.shape}, and {spec.name} {spec.frame_dtype} {spec.frame_shape}; "
                "name the game that it is of with --game"
            )
        now, then = _coloured(frame), _coloured((before or row).frame)
        if sight is not None:
            return sight.frame(now, then if then.shape == now.shape else now)
        height, width, channels = spec.frame_shape
        grey = Image.fromarray(now).convert("L").resize((width, height), Image.Resampling.BOX)
        return np.repeat(np.asarray(grey, np.uint8)[:, :, None], channels, axis=2)

    return looks


def _coloured(frame: UInt8[Array, "H W ..."]) -> UInt8[Array, "H W 3"]:
    grey = frame if frame.ndim == 2 else frame[:, :, 0]
    return frame if frame.ndim == 3 and frame.shape[2] == 3 else np.repeat(grey[:, :, None], 3, axis=2)


def import_rows(rows: Iterator[ForeignRow], target: Target, folder: Path, about: About) -> Imported:
    """Write rows into a new folder; after an error nothing is left of it.

    Raises: NoForeignRecording; FileExistsError; NoSpace; and what `rows` raises.
    """
    spec = target.spec
    writer = DemonstrationWriter(folder, about, Shown(spec.frame_shape, spec.frame_dtype))
    taking = _Taking(target, writer)
    try:
        for row in rows:
            taking.take(row)
        if not writer.episodes:
            raise NoForeignRecording(f"{target.source} has no episode of more than a picture")
        writer.close()
    except BaseException:
        writer.close()
        shutil.rmtree(folder)
        raise
    return Imported(
        folder=folder,
        episodes=writer.episodes,
        frames=writer.frames,
        gaps=writer.gaps,
        unmeant=writer.unmeant,
        unknown=tuple(" + ".join(keys) or "no key" for keys in taking.unknown),
    )


class _Taking:
    """An episode that is being taken over."""

    def __init__(self, target: Target, writer: DemonstrationWriter) -> None:
        self._target, self._writer = target, writer
        self._number = {keys: at for at, keys in reversed(list(enumerate(target.keys))) if keys is not None}
        self._before: ForeignRow | None = None
        self._actions, self._gaps = bytearray(), bytearray()
        self._score, self._frames = 0.0, 0
        self.unknown: dict[tuple[str, ...], None] = {}

    def take(self, row: ForeignRow) -> None:
        if row.first != (self._before is None):
            raise NoForeignRecording(f"{self._target.source} has episodes that do not follow on each other")
        passed = 0 if row.first else self._target.spec.frames_per_action
        if row.first:
            self._actions, self._gaps, self._score, self._frames = bytearray(), bytearray(), 0.0, 0
        else:
            self._act(row)
        reward = float(np.float32(row.reward))
        frame = self._target.looks(row, self._before)
        self._writer.see(SeenRow(frame, reward, row.discount, passed), begins=row.first)
        self._score, self._frames = self._score + reward, self._frames + passed
        self._before = row
        if row.last:
            self._before = None
            self._keep(row)

    def _act(self, row: ForeignRow) -> None:
        action = row.action
        if action is None:
            held = frozenset(x_name(key) for key in row.keys)
            action = self._number.get(held)
            if action is None and len(self.unknown) < MOST_TOLD:
                self.unknown.setdefault(tuple(sorted(held)))
        elif action >= len(self._target.spec.actions):
            raise NoForeignRecording(
                f"{self._target.source} has the action {action}, and {self._target.spec.name} has only "
                f"{len(self._target.spec.actions)}; name the game that it is of with --game"
            )
        self._actions.append(action or 0)
        self._gaps.append(action is None)

    def _keep(self, row: ForeignRow) -> None:
        if not self._actions:
            return  # a single picture
        tape = Tape(seed=row.seed, actions=bytes(self._actions))
        cut = row.discount == 1.0
        self._writer.keep(tape, self._score, self._frames, truncated=cut, gaps=bytes(self._gaps))
