"""Under which rules a score was made, in words, and whose scores may stand beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Kind = Literal["evaluation", "training"]
"""Whole games of a fixed policy, or the games by which it learned, exploration included."""

Family = Literal["no-op evaluation", "human-start evaluation", "sticky evaluation", "no-op training", "sticky training"]
"""Scores of one family may be compared; scores of two families never."""

MAX_FRAMES: Final = 108_000
"""Frames after which the games behind published scores are cut off: 30 minutes of play."""


def deviation(protocol: Mapping[str, object]) -> str | None:
    """What sets a protocol apart from every published one, in one clause; None where nothing does."""
    repeat = protocol.get("repeat_action_probability")
    if not isinstance(repeat, int | float):
        return "it states no repeat_action_probability"
    if repeat not in (0.0, 0.25):
        return f"actions are repeated with probability {repeat:g}, published scores use 0 or 0.25"
    skip = protocol.get("frame_skip", 4)
    if skip != 4:
        return f"frame_skip is {skip}, published scores use 4"
    if protocol.get("full_action_set"):
        return "it uses the full action set, published scores use the minimal one"
    if repeat == 0.0 and protocol.get("noop_max", 30) == 0:
        return "it has neither sticky actions nor no-op starts"
    return None


def family_of(protocol: Mapping[str, object], kind: Kind) -> Family | None:
    """The family whose published scores may stand beside a score of this protocol; None where there is none."""
    if deviation(protocol) is not None:
        return None
    sticky = protocol["repeat_action_probability"] == 0.25
    match kind:
        case "evaluation":
            return "sticky evaluation" if sticky else "no-op evaluation"
        case "training":
            return "sticky training" if sticky else "no-op training"


def protocol_text(protocol: Mapping[str, object]) -> str:
    """A protocol in one line, every setting named: `nature: frame_skip 4, repeat_action_probability 0, ...`."""
    name = str(protocol.get("name", "unnamed protocol"))
    settings = [f"{key} {value_text(value)}" for key, value in protocol.items() if key != "name" and value is not None]
    return f"{name}: {', '.join(settings)}" if settings else name


def scoring_text(protocol: Mapping[str, object]) -> str:
    """What a score under a protocol means, short enough for a title; every setting where it is not an Atari one."""
    repeat, noops = protocol.get("repeat_action_probability"), protocol.get("noop_max")
    if not isinstance(repeat, int | float):
        return protocol_text(protocol)
    parts = [
        f"frame skip {protocol.get('frame_skip', 'unknown')}",
        f"sticky actions {repeat:g}" if repeat else "no sticky actions",
        f"up to {noops} no-ops" if noops else "no no-ops",
        "whole games, raw scores",
        "all 18 actions" if protocol.get("full_action_set") else "",
        f"actions {value_text(protocol['actions'])}" if protocol.get("actions") else "",
    ]
    return f"{protocol.get('name', 'unnamed protocol')}: {', '.join(part for part in parts if part)}"


def differences(protocol: Mapping[str, object]) -> tuple[str, ...]:
    """Where a protocol departs from its family without leaving it, one clause each, for beside every comparison."""
    repeat, noops = protocol.get("repeat_action_probability"), protocol.get("noop_max")
    actions, cut = protocol.get("actions"), protocol.get("max_frames", MAX_FRAMES)
    found = [
        (bool(actions), f"it chooses among {value_text(actions)} only, published scores among the minimal action set"),
        (cut != MAX_FRAMES, f"its games are cut at {cut} frames, published ones at {MAX_FRAMES}"),
        (
            repeat == 0.0 and noops not in (None, 30),
            f"its games begin with up to {noops} no-ops, published ones with 30",
        ),
        (repeat == 0.25 and bool(noops), f"its games begin with up to {noops} no-ops, published sticky ones with none"),
    ]
    return tuple(clause for differs, clause in found if differs)


def value_text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return "/".join(str(item) for item in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return str(value)


AGENTS_OWN: Final = ("name", "frame_size", "crop", "life_loss_ends_return")
"""Entries of a protocol that say what an agent sees and learns from, and leave the game and its score as they are."""

OF_THE_GAME: Final = ("action_names",)
"""Entries that follow from the game and the other entries: two games under the same rules may differ in them."""


def rules(protocol: Mapping[str, object]) -> str:
    """What makes scores comparable, as one text: two protocols with the same rules give the same kind of score."""
    kept = {k: value for k, value in protocol.items() if k not in (*AGENTS_OWN, *OF_THE_GAME) and value is not None}
    return ", ".join(f"{key} {value_text(kept[key])}" for key in sorted(kept))


def rule_differences(left: Mapping[str, object], right: Mapping[str, object]) -> tuple[str, ...]:
    """Where the rules of two protocols differ, one clause each; empty where their scores may be compared."""
    names = sorted({*left, *right} - {*AGENTS_OWN, *OF_THE_GAME})
    texts = [(name, value_text(left.get(name)), value_text(right.get(name))) for name in names]
    return tuple(f"{name} {one} against {other}" for name, one, other in texts if one != other)
