"""Under which rules an Atari game is played. A score means nothing without them, so every score carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from playfield.settings import from_plain, setting

SCREEN = (210, 160)
"""Height and width of the emulator's screen in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtariProtocol:
    """The rules of play; frozen, so that what was asked is what was played.

    Raises: ValueError where a setting makes no sense.
    """

    name: str = setting("nature", "The name under which scores are reported.")
    repeat_action_probability: float = setting(
        0.0, "Sticky actions: chance per emulator frame that the previous action is played instead. 0 switches it off."
    )
    noop_max: int = setting(
        30,
        "Most emulator frames that pass before the first decision, drawn per episode from 0 to this number, "
        "the FIRE press of `fire_start` counted among them. 0 switches it off.",
    )
    fire_start: bool = setting(
        True,
        "Press FIRE once when an episode starts, in games that have the button. A game that waits for FIRE after a "
        "lost life as well (Breakout) needs FIRE among `actions`.",
    )
    life_loss_ends_return: bool = setting(
        True, "A lost life gets discount 0, so no value flows across it; the game itself goes on and is never reset."
    )
    full_action_set: bool = setting(False, "All 18 actions of the console instead of those that the game uses.")
    actions: tuple[str, ...] | None = setting(
        None, "Only these actions, in this order, such as NOOP RIGHT LEFT; none means the whole action set."
    )
    frame_skip: int = setting(4, "Emulator frames that one action lasts; the last two are combined by maximum.")
    max_frames: int = setting(
        108_000, "Emulator frames, no-ops excluded, after which an episode is cut off (30 minutes of play)."
    )
    frame_size: tuple[int, int] = setting((84, 84), "Height and width of what the agent sees, in pixels.")
    crop: tuple[int, int, int, int] | None = setting(
        None,
        "Keep only rows top to bottom and columns left to right of the 210 x 160 screen: top, bottom, left, right.",
    )

    def __post_init__(self) -> None:
        for wrong, sentence in _complaints(self):
            if wrong:
                raise ValueError(sentence)

    def plain(self) -> dict[str, object]:
        """The protocol as values that JSON can hold."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}


def nature(**changes: Any) -> AtariProtocol:
    """The no-op protocol of Mnih et al. (2015), with any setting changed.

    No-ops: DQN Zoo draws 1..30 frames, Kaixhin's Rainbow 0..29; here 0..30, or 1..30 in games that have FIRE.
    Length: 108,000 frames as in DQN Zoo and all later papers; Mnih et al. themselves stopped at 18,000.

    Source: Mnih et al. (2015), methods; DQN Zoo (2020) for the 108,000 frames.
    """
    return replace(AtariProtocol(), **changes)


def machado(**changes: Any) -> AtariProtocol:
    """The sticky-action protocol of Machado et al. (2018), with any setting changed.

    Sticky 0.25, all 18 actions and no life-loss signal follow the paper. Frame skip 4 (the paper: 5) and 108,000 frames
    (the paper: 18,000) follow Dopamine and Gymnasium v5, since the published curves were made with those. Dopamine
    plays the minimal action set; `machado(full_action_set=False)` is its protocol.

    Source: Machado et al. (2018), section 6; dopamine/discrete_domains/atari_lib.py.
    """
    start = AtariProtocol(
        name="machado",
        repeat_action_probability=0.25,
        noop_max=0,
        fire_start=False,
        life_loss_ends_return=False,
        full_action_set=True,
    )
    return replace(start, **changes)


PROTOCOLS = {"nature": nature, "machado": machado}
"""The protocols that have a name on the command line."""


def atari_rules(plain: Mapping[str, Any]) -> AtariProtocol:
    """The rules that are stated as plain values; those of a game that is not Atari's are the game itself.

    Raises: ValueError where this version does not know such rules.
    """
    if "noop_max" not in plain:
        return AtariProtocol()
    known = [field.name for field in fields(AtariProtocol)]
    return from_plain(AtariProtocol, {"type": "AtariProtocol", **{name: plain.get(name) for name in known}})


def _complaints(p: AtariProtocol) -> list[tuple[bool, str]]:
    height, width = SCREEN
    top, bottom, left, right = p.crop or (0, height, 0, width)
    names = p.actions or ("NOOP",)
    return [
        (
            not 0 <= p.repeat_action_probability < 1,
            f"repeat_action_probability must be at least 0 and below 1, not {p.repeat_action_probability}",
        ),
        (p.noop_max < 0, f"noop_max must be 0 or more frames, not {p.noop_max}"),
        (p.frame_skip < 1, f"frame_skip must be at least 1 frame, not {p.frame_skip}"),
        (p.max_frames < p.frame_skip, f"max_frames must hold at least one action, not {p.max_frames} frames"),
        (
            len(p.frame_size) != 2 or min(p.frame_size) < 1 or p.frame_size[0] > height or p.frame_size[1] > width,
            f"frame_size must be height and width from 1 x 1 to {height} x {width} pixels, not {p.frame_size}",
        ),
        (
            not (0 <= top < bottom <= height and 0 <= left < right <= width),
            f"crop must be top < bottom <= {height} and left < right <= {width}, not {p.crop}",
        ),
        (
            p.actions is not None and not 1 <= len(p.actions) <= 18,
            "actions must name at least one action, or be none for the whole action set",
        ),
        (len(set(names)) < len(names), f"actions names one action twice: {' '.join(names)}"),
    ]
