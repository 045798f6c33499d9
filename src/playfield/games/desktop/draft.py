"""The text of a new game file: everything that was found, and a comment for everything that may be said."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from playfield.games.desktop.actions import Axis, Choice
from playfield.games.desktop.game_file import GameFile, Launch, Press, Screen, Timing
from playfield.games.desktop.proposals import Proposal
from playfield.games.desktop.windows import Window, WindowMatch

STAY = "STAY"
WAIT = "wait"
DEFAULT_MS = 100
"""For which a key of the beginning is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is known of a game that has no file yet."""

    name: str
    command: tuple[str, ...]
    title: str | None
    keys: tuple[str, ...]
    begin: tuple[Press, ...]
    step_ms: int
    screen: Screen

    def game(self) -> GameFile:
        """The game as far as it can be played: without regions and readers.

        Raises: ValueError.
        """
        stay = Choice(label=STAY)
        choices = tuple(Choice(label=key.upper(), keys=(key,)) for key in self.keys)
        return GameFile(
            name=self.name,
            launch=Launch(command=self.command, environment=ENVIRONMENT),
            screen=self.screen,
            window=WindowMatch(title=self.title),
            timing=Timing(step_ms=self.step_ms),
            axes=(Axis(name="keys", choices=(stay, *choices)),),
            begin=self.begin,
        )


ENVIRONMENT = {"SDL_VIDEODRIVER": "x11", "SDL_AUDIODRIVER": "dummy", "SDL_RENDER_DRIVER": "software"}
"""What SDL games need on a display without a graphics card and a machine without sound; others do not mind."""


def presses(words: Sequence[str]) -> tuple[Press, ...]:
    """Steps of the beginning from words: `Return`, `space:500`, `wait:1000`, `Control_L+n`.

    Raises: ValueError.
    """
    found: list[Press] = []
    for number, word in enumerate(words, 1):
        keys, _, ms = word.partition(":")
        if not keys or (ms and not re.fullmatch(r"[1-9]\d{0,6}", ms)):
            raise ValueError(f"{word!r} is no step of a beginning; write KEY, KEY:MS, KEY+KEY:MS or {WAIT}:MS")
        held = () if keys == WAIT else tuple(keys.split("+"))
        found.append(Press(keys=held, ms=int(ms) if ms else DEFAULT_MS))
        if held and number < len(words):
            found.append(Press(ms=DEFAULT_MS))  # let go, or the next press of the same key is none
    return tuple(found)


def draft_text(draft: Draft, window: Window, regions: Mapping[str, Proposal], answers: Mapping[str, int | None]) -> str:
    """A game file with comments.

    `answers` says of every key at which step it first showed.
    """
    parts = (
        _head(draft),
        _window(draft, window),
        _regions(regions),
        _axes(draft, answers),
        _begin(draft),
        _readers(regions),
    )
    return "\n".join(parts)


def _exactly(text: str) -> str:
    return re.escape(text).replace("\\ ", " ")


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(_text(value) for value in values)}]"


def _head(draft: Draft) -> str:
    environment = ", ".join(f"{key} = {_text(value)}" for key, value in ENVIRONMENT.items())
    return f"""\
# A desktop game. See what it says with: playfield games show {draft.name}.toml
name = {_text(draft.name)}
about = ""
# Steps after which an episode is cut off.
most_steps = 10000
# Readers of which any that is not 0 ends the episode.
over = ["gone"]
# Reader of the lives left, if there is one: no value flows across a lost one.
# lives = "lives"

[launch]
command = {_list(draft.command)}
environment = {{{environment}}}
# Debian package that brings it, for whoever does not have it:
# package = "{draft.name}"

# The display that the game gets, in pixels; with place = "here" it is shown on yours, and F12 (panic) stops all.
[screen]
width = {draft.screen.width}
height = {draft.screen.height}
"""


def _window(draft: Draft, window: Window) -> str:
    title = draft.title or (f"^{_exactly(window.title)}$" if window.title else None)
    match = f"title = {_text(title)}" if title else ""
    if not match and window.group:
        match = f"group = {_text(f'^{_exactly(window.group)}$')}"
    return f"""\
# Which window is the game's: regular expressions, searched for in its title and in its class (group).
# It was found with the title {_text(window.title)}, the class {_text(window.group)}, {window.width} x {window.height}.
[window]
{match or "# any window"}

[timing]
# Milliseconds of the game that an action lasts.
step_ms = {draft.step_ms}
# virtual: the game waits for the agent; real: it does not, where it takes no clock of ours (see games doctor).
# clock = "virtual"
"""


def _regions(regions: Mapping[str, Proposal]) -> str:
    lines = [
        "# Parts of the window, in pixels from its corner. These are proposals: look at the picture beside this file,",
        "# give them names and leave out what is none.",
        "[regions]",
    ]
    for name, each in regions.items():
        where = each.region
        lines += [f"# {each.why}"]
        lines += [
            f"{name} = {{left = {where.left}, top = {where.top}, width = {where.width}, height = {where.height}}}"
        ]
    sight = 'region = "field"' if "field" in regions else '# region = "field"'
    lines += ["", "# What the agent sees: height and width of its grey picture, of a region or of the whole window."]
    return "\n".join([*lines, "[sight]", sight, "size = [84, 84]", ""])


def _axes(draft: Draft, answers: Mapping[str, int | None]) -> str:
    lines = [
        "# What the agent can do. The choices of an axis exclude each other; with two axes, every choice of one goes",
        '# with every one of the other, unless combine = "concatenation" stands at the top of this file.',
        '# A choice has keys, and may have buttons = [1], at = "REGION", by = [10, 0], to = "REGION", scroll = 1.',
        "[[axes]]",
        'name = "keys"',
        "choices = [",
        f"  {{label = {_text(STAY)}}},",
    ]
    for key in draft.keys:
        step = answers.get(key)
        seen = "# changed nothing that was seen" if step is None else f"# first seen after step {step}"
        lines.append(f"  {{label = {_text(key.upper())}, keys = [{_text(key)}]}},  {seen}")
    return "\n".join([*lines, "]", ""])


def _begin(draft: Draft) -> str:
    lines = ["# What is pressed until the game can be played: keys held for some milliseconds of the game, or a wait."]
    for press in draft.begin:
        lines += ["[[begin]]", *([f"keys = {_list(press.keys)}"] if press.keys else []), f"ms = {press.ms}"]
    if not draft.begin:
        lines += ["# [[begin]]", '# keys = ["Return"]', "# ms = 100"]
    return "\n".join([*lines, ""])


def _readers(regions: Mapping[str, Proposal]) -> str:
    writing = next((name for name in regions if name.startswith("writing")), "score")
    return f"""\
# What is read off the window at every step. Digits are learnt by
#     playfield games calibrate FILE --region {writing} --as digits
# and `playfield games check FILE` shows what each reader makes of the game.
[readers.gone]
kind = "gone"

# [readers.frozen]         # 1 once the window has not changed for so many steps
# kind = "still"
# steps = 40

# [readers.lives]          # pixels of a colour; each is how many of them count as one
# kind = "pixels"
# region = "lives"
# colour = [255, 255, 0]
# each = 64

# The reward: how much a reader has grown since the step before.
# [[rewards]]
# reader = "{writing}"
# scale = 1.0
"""
