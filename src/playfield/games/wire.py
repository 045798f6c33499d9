"""How games in a process of their own are spoken to: one message each way for a step, a length and then plain bytes."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from playfield.events import Tape
from playfield.games.games import GameSpec, Observations
from playfield.types import Step

_LENGTH = struct.Struct("<Q")
_MOST_BYTES = 1 << 31
_KINDS = {"reward": "<f4", "discount": "<f4", "first": "?", "last": "?", "frames": "<i4", "seed": "<u8"}


class Gone(Exception):
    """The other side has hung up, or says what nobody says."""


def tell(end: socket.socket, words: dict[str, Any], data: bytes = b"") -> None:
    """Send one message: JSON and bytes.

    Raises: Gone.
    """
    text = json.dumps(words).encode()
    try:
        end.sendall(b"".join((_LENGTH.pack(len(text)), _LENGTH.pack(len(data)), text, data)))
    except OSError as error:
        raise Gone(str(error)) from error


def hear(end: socket.socket) -> tuple[dict[str, Any], bytes]:
    """Wait for one message.

    Raises: Gone.
    """
    text_bytes, data_bytes = _LENGTH.unpack(_exactly(end, 8))[0], _LENGTH.unpack(_exactly(end, 8))[0]
    if text_bytes + data_bytes > _MOST_BYTES:
        raise Gone(f"it speaks of {text_bytes + data_bytes} bytes")
    try:
        words = json.loads(_exactly(end, text_bytes))
    except ValueError as error:
        raise Gone("it does not speak JSON") from error
    if not isinstance(words, dict):
        raise Gone("it does not speak of anything")
    return words, _exactly(end, data_bytes)


def _exactly(end: socket.socket, count: int) -> bytes:
    data = bytearray(count)
    view = memoryview(data)
    while view:
        try:
            got = end.recv_into(view)
        except OSError as error:
            raise Gone(str(error)) from error
        if got == 0:
            raise Gone("it has ended")
        view = view[got:]
    return bytes(data)


def step_bytes(step: Step) -> tuple[dict[str, Any], bytes]:
    """A step as a message."""
    words = {"step": [str(step.frame.dtype), list(step.frame.shape)], "lost": {str(g): r for g, r in step.lost.items()}}
    parts = [np.ascontiguousarray(getattr(step, name), dtype=kind).tobytes() for name, kind in _KINDS.items()]
    return words, b"".join((*parts, np.ascontiguousarray(step.frame).tobytes()))


def step_of(spec: GameSpec, words: dict[str, Any], data: bytes) -> Step:
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
