"""What was played in a recording, and by whom: `about.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast, get_args

from playfield.games.games import GameSpec
from playfield.games.make import imports_code
from playfield.storage.files import DamagedFile, parse_json, read_capped

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


def read_about(path: Path) -> About:
    """The file, every part of it checked: it may be a stranger's.

    Raises: DamagedFile.
    """
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
    if imports_code(given["game"]):
        raise DamagedFile(path, f"names the game {given['game']!r}, which would run code of the file's choice")
    lists: dict[str, Any] = {name: tuple(given[name]) for name in ("actions", "frame_shape")}
    return About(**(given | lists))
