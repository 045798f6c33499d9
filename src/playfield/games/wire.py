"""What is said between us and a process that plays games: one message each way for a step, one for a film's picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from playfield.events import Tape
from playfield.games.films import Shot
from playfield.games.games import GameSpec, Observations
from playfield.types import Step

_KINDS = {"reward": "<f4", "discount": "<f4", "first": "?", "last": "?", "frames": "<i4", "seed": "<u8"}


def step_bytes(step: Step) -> tuple[dict[str, Any], bytes]:
    """A step as a message."""
    words = {"step": [str(step.frame.dtype), list(step.frame.shape)], "lost": {str(g): r for g, r in step.lost.items()}}
    parts = [np.ascontiguousarray(getattr(step, name), dtype=kind).tobytes() for name, kind in _KINDS.items()]
    return words, b"".join((*parts, np.ascontiguousarray(step.frame).tobytes()))


def step_of(spec: GameSpec, words: Mapping[str, Any], data: bytes) -> Step:
    """The step of a message, which is one that those games can say.

    Raises: ValueError that tells what is wrong with it.
    """
    games, shape = spec.games, (spec.games, *spec.frame_shape)
    if words.get("step") != [spec.frame_dtype, list(shape)]:
        raise ValueError(f"it showed {words.get('step')} where {[spec.frame_dtype, list(shape)]} was announced")
    parts: dict[str, Any] = {}
    at = 0
    for name, kind in [*_KINDS.items(), ("frame", np.dtype(spec.frame_dtype).str)]:
        size = np.dtype(kind).itemsize * (int(np.prod(shape)) if name == "frame" else games)
        if at + size > len(data):
            raise ValueError("what it said is too short")
        parts[name] = np.frombuffer(data, kind, size // np.dtype(kind).itemsize, at).copy()
        at += size
    if at != len(data):
        raise ValueError("what it said is too long")
    return Step(**{**parts, "frame": parts["frame"].reshape(shape)}, lost={int(g): r for g, r in words["lost"].items()})


def shot_bytes(shot: Shot, frames_per_second: float) -> tuple[dict[str, Any], bytes]:
    """A picture of a film as a message, without what an agent would be told."""
    said = [shot.reward, shot.action, shot.over, shot.truncated]
    return {"shot": said, "shape": shot.picture.shape, "rate": frames_per_second}, shot.picture.tobytes()


def shot_of(words: Mapping[str, Any], data: bytes) -> tuple[Shot, float]:
    """The picture of a message, and how many make a second."""
    reward, action, over, truncated = words["shot"]
    picture = np.frombuffer(data, np.uint8).reshape(words["shape"])
    return Shot(picture, reward, action, over, truncated), words["rate"]


def spec_words(spec: GameSpec) -> dict[str, Any]:
    """What games are, as JSON."""
    return asdict(spec)


def spec_of(words: Mapping[str, Any]) -> GameSpec:
    """What those words say games are."""
    seen = words["observations"]
    tuples: dict[str, Any] = {name: tuple(words[name]) for name in ("actions", "axes", "frame_shape")}
    if seen is not None:
        low, high = tuple(seen["low"]), tuple(seen["high"])
        tuples["observations"] = Observations(low=low, high=high, states=seen["states"])
    return GameSpec(**{**words, **tuples})


def tapes_words(tapes: Sequence[Tape]) -> list[list[Any]]:
    """Open episodes as JSON."""
    return [[tape.seed, tape.actions.hex(), tape.cut] for tape in tapes]


def tapes_of(words: list[list[Any]]) -> list[Tape]:
    """Those episodes."""
    return [Tape(seed=seed, actions=bytes.fromhex(actions), cut=cut) for seed, actions, cut in words]
