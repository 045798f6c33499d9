"""The text of a new game file: everything that was found, and a comment for everything that may be said."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from playfield.games.desktop.actions import Axis, Choice
from playfield.games.desktop.entries import told
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
    launch: Launch
    window: WindowMatch
    screen: Screen
    timing: Timing
    keys: tuple[str, ...]
    begin: tuple[Press, ...]

    def game(self) -> GameFile:
        """The game as far as it can be played: without regions and readers.

        Raises: ValueError.
        """
        stay = Choice(label=STAY)
        choices = tuple(Choice(label=key.upper(), keys=(key,)) for key in self.keys)
        return GameFile(
            name=self.name,
            launch=self.launch,
            screen=self.screen,
            window=self.window,
            timing=self.timing,
            axes=(Axis(name="keys", choices=(stay, *choices)),),
            begin=self.begin,
            typed=self.name,
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
    """A game file with comments, and after it everything that a game file may say.

    `answers` says of every key at which step it first showed; of a key that is not in it, that is not known.
    """
    parts = (
        _head(draft),
        _regions(regions),
        _readers(draft, regions),
        _axes(draft, answers),
        _begin(draft),
        _launch(draft.launch),
        _screen(draft.screen),
        _window(draft, window),
        _timing(draft.timing),
        EVERYTHING + told() + "\n",
    )
    return "\n".join(parts)


EVERYTHING = f"""\
# {"-" * 118}
# Everything that a game file may say, and what it is where nothing is said; nothing here needs to be edited.
# What games calibrate learns is written below it.
"""


def exactly(text: str) -> str:
    """The regular expression that finds a text, as a person would write it: blanks need nothing before them."""
    return re.escape(text).replace("\\ ", " ")


def _text(value: str) -> str:
    # TOML forbids U+007F even in a comment, where JSON lets it through.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(_text(value) for value in values)}]"


def _table(values: Mapping[str, str | int | None]) -> str:
    said = {key: _text(value) if isinstance(value, str) else value for key, value in values.items()}
    return f"{{{', '.join(f'{key} = {value}' for key, value in said.items() if value is not None)}}}"


def _head(draft: Draft) -> str:
    return f"""\
# A desktop game. What it says, in words: playfield games show {draft.name}.toml
#
# Now edit, in this order: the regions; the readers, which say what stands in them; over and rewards, which say what
# ends an episode and what is good; and begin, if the game starts with a menu. The rest was found and can stay.
name = {_text(draft.name)}
about = ""
# Readers of which any that is not 0 ends the episode.
over = ["gone"]
# Steps after which an episode is cut off.
most_steps = 10000
# Reader of the lives left, if there is one: no value flows across a lost one.
# lives = "lives"
"""


def _launch(launch: Launch) -> str:
    lines = ["# How one comes to the game, by one of command, url, steam and attach.", "[launch]"]
    if launch.command:
        lines += [f"command = {_list(launch.command)}"]
        lines += [f"environment = {_table(launch.environment)}"] if launch.environment else []
        lines += ["# Debian package that brings it, for whoever does not have it:", '# package = "..."']
    if launch.url is not None:
        lines += [f"url = {_text(launch.url)}"]
    if launch.steam is not None:
        lines += [f"steam = {launch.steam}"]
    if (window := launch.attach) is not None:
        lines += ["# The window of a game that is there, and stays when we go."]
        lines += ["# The number of a process is another at each start: a title or group lasts."] if window.pid else []
        lines += [f"attach = {_table({'title': window.title, 'group': window.group, 'pid': window.pid})}"]
    return "\n".join([*lines, ""])


def _screen(screen: Screen) -> str:
    if screen.place == "here":
        return f"""\
# It is shown on your display, and played while its window has the focus; the panic key, held for a step, stops all.
[screen]
place = "here"
panic = {_text(screen.panic)}
"""
    return f"""\
# The display that the game gets, which nobody sees, in pixels.
[screen]
width = {screen.width}
height = {screen.height}
"""


def _window(draft: Draft, window: Window) -> str:
    found = f"# It was found with the title {_text(window.title)}, the class {_text(window.group)}"
    lines = [f"{found}, {window.width} x {window.height}."]
    if draft.launch.attach is not None or draft.launch.url is not None:
        why = "is that of attach" if draft.launch.attach is not None else "shows nothing but the page"
        return "\n".join([f"# The window {why}.", *lines, ""])
    title = draft.window.title or (f"^{exactly(window.title)}$" if window.title else None)
    match = f"title = {_text(title)}" if title else "# any window"
    if not title and window.group:
        match = f"group = {_text(f'^{exactly(window.group)}$')}"
    head = "# Which window is the game's: regular expressions, searched for in its title and in its class (group)."
    return "\n".join([head, *lines, "[window]", match, ""])


def _timing(timing: Timing) -> str:
    return f"""\
[timing]
# Milliseconds of the game that an action lasts.
step_ms = {timing.step_ms}
# What waits for whom: playfield games doctor says which clocks the game takes.
clock = {_text(timing.clock)}
"""


def _regions(regions: Mapping[str, Proposal]) -> str:
    lines = [
        "# Parts of the window, in pixels from its corner. These are proposals: look at the picture beside this file,",
        "# give them names, and leave out what is none.",
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
        '# A game for gamepads has choices like {label = "JUMP", pads = ["A", "LEFT_STICK_LEFT"]}.',
        "[[axes]]",
        'name = "keys"',
        "choices = [",
        f"  {{label = {_text(STAY)}}},",
    ]
    for key in draft.keys:
        step = answers.get(key)
        seen = "# changed nothing that was seen" if step is None else f"# first seen after step {step}"
        choice = f"  {{label = {_text(key.upper())}, keys = [{_text(key)}]}},"
        lines.append(f"{choice}  {seen}" if key in answers else choice)
    return "\n".join([*lines, "]", ""])


def _begin(draft: Draft) -> str:
    lines = ["# What is pressed until the game can be played: keys held for some milliseconds of the game, or a wait."]
    for press in draft.begin:
        lines += ["[[begin]]", *([f"keys = {_list(press.keys)}"] if press.keys else []), f"ms = {press.ms}"]
    if not draft.begin:
        lines += ["# [[begin]]", '# keys = ["Return"]', "# ms = 100"]
    return "\n".join([*lines, ""])


def _readers(draft: Draft, regions: Mapping[str, Proposal]) -> str:
    writing = next((name for name in regions if name.startswith("writing")), "score")
    file = f"{draft.name}.toml"
    return f"""\
# What is read off the window at every step; playfield games check {file} shows what each makes of it. Digits and
# looks are learnt, and written into this file:
#     playfield games calibrate {file} --region {writing} --as digits
#     playfield games calibrate {file} --region {writing} --as looks --step 120
[readers.gone]
kind = "gone"

# [readers.frozen]          # 1 once the window has not changed for so many steps
# kind = "still"
# steps = 40

# [readers.lives]           # pixels of a colour; each is how many of them count as one
# kind = "pixels"
# region = "lives"
# colour = [255, 255, 0]
# each = 64

# The reward: how much a reader has grown since the step before.
# [[rewards]]
# reader = "{writing}"
# scale = 1.0
"""
