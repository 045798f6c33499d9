"""A desktop game as a data file: how it is started, seen, played and read. No file can name code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from playfield.extras import shell_word
from playfield.games.desktop.actions import Action, Axis, Choice, Combination, combined, refuse_continuous
from playfield.games.desktop.gamepads import Pad
from playfield.games.desktop.readers import ReaderSpec, Region
from playfield.games.desktop.sight import Sight
from playfield.games.desktop.tables import NOT_IN_FILES, value_from
from playfield.games.desktop.windows import WindowMatch
from playfield.settings import explained, setting

MOST_BYTES = 1 << 20
"""Of a game file."""

MOST_PARTS = 32
"""Of a key: `a.b.c` has three."""
_DEEP_KEY = re.compile(rf"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){{{MOST_PARTS}}}""")

PAGES = ("http:", "https:", "chrome:", "file:")
"""What an address of a page may begin with."""

PYTHON = "{python}"
"""Stands for the interpreter that runs Playfield, in a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeFile:
    """A file that the game finds in its home when it starts: its settings, for the most part."""

    path: str = field(metadata=explained("where it lies below the home"))
    text: str = field(metadata=explained("what it holds"))
    encoding: Literal["utf-8", "latin-1"] = setting("utf-8", "of its letters; or latin-1")

    def __post_init__(self) -> None:
        parts = PurePosixPath(self.path).parts
        if not parts or self.path.startswith("/") or ".." in parts or "\0" in self.path:
            raise ValueError(f"path must lie below the home, which {self.path!r} does not")
        try:
            self.text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise ValueError(f"text of {self.path} has a letter that {self.encoding} has not") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How one comes to the game: by exactly one of command, steam, url and attach."""

    command: tuple[str, ...] = setting((), "program and arguments; {python} is Playfield's own interpreter")
    steam: int | None = setting(None, "number of an app that Steam starts, on the person's display")
    url: str | None = setting(None, "page that a browser shows: http(s)://, chrome://, or a file beside the game file")
    attach: WindowMatch | None = setting(
        None, "window of a game that runs on the person's display already; it is neither started nor ended"
    )
    lasting: bool = setting(False, "one process for all episodes, each begun by [[begin]] alone; steam and attach are")
    environment: Mapping[str, str] = field(
        default_factory=dict[str, str], metadata=explained("variables that the game is given besides")
    )
    package: str | None = setting(None, "Debian package that brings it, for whoever does not have it")
    home: tuple[HomeFile, ...] = setting((), "files that its private home begins with")

    def __post_init__(self) -> None:
        given = {"command": bool(self.command), "steam": self.steam is not None, "url": self.url is not None,
                 "attach": self.attach is not None}  # fmt: skip
        ways = [name for name, is_given in given.items() if is_given]
        if len(ways) != 1:
            said = f"not by {' and '.join(ways)}" if ways else "and none is given"
            raise ValueError(f"a game is come to by one of command, steam, url and attach, {said}")
        if self.home and not self.command:
            raise ValueError(
                f"home is for a program that command starts: a game of {ways[0]} has no home that files could be put in"
            )
        if self.attach is not None and self.attach.is_empty:
            raise ValueError("attach says nothing: give the title, group or pid of the window")
        scheme = scheme_of(self.url or "")
        if scheme not in ("", *PAGES):
            raise ValueError(
                f"url begins with {scheme!r}; it may begin with {', '.join(PAGES)}, or be the path of a page"
            )

    @property
    def page_file(self) -> Path | None:
        """The page, where it is a file of this machine."""
        return Path(unquote(urlsplit(self.url).path)) if self.url and scheme_of(self.url) == "file:" else None


def scheme_of(url: str) -> str:
    """What an address begins with, in small letters and with its colon; empty where it is a path."""
    found = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", url)
    return found[0].lower() if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """The display that the game is shown on."""

    place: Literal["own", "here"] = setting("own", "own: a display that nobody sees; here: the display of the person")
    width: int = setting(640, "of a display of its own, in pixels")
    height: int = setting(480, "of a display of its own, in pixels")
    panic: str = setting("F12", "key that stops everything at once on the person's display, held for a step")

    def __post_init__(self) -> None:
        if not (16 <= self.width <= 4096 and 16 <= self.height <= 4096):
            raise ValueError("width and height must lie between 16 and 4096")


MOST_MS = 3_600_000
"""An hour: whoever waits longer has mistyped."""

Clock = Literal["virtual", "real", "suspend", "javascript"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How fast the game is played."""

    step_ms: int = setting(50, "milliseconds of the game that an action lasts")
    appear_ms: int = setting(10_000, "of the game, within which its window must be there")
    hang_ms: int = setting(30_000, "of real time, after which a game that does not answer is given up and begun anew")
    clock: Clock = setting(
        "virtual",
        "virtual: the game waits for the agent; real: the agent keeps pace with the game; suspend: the game is stopped "
        "while the agent thinks, but its clock is not; javascript: a page waits for the agent",
    )

    def __post_init__(self) -> None:
        times = (self.step_ms, self.appear_ms, self.hang_ms)
        if min(times) < 1 or max(times) > MOST_MS:
            raise ValueError(f"step_ms, appear_ms and hang_ms must lie between 1 and {MOST_MS:,}")

    @property
    def replays(self) -> bool:
        """Whether (seed, actions) plays an episode again exactly."""
        return self.clock in ("virtual", "javascript")


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A step of the macro that begins an episode: keys and buttons held for a while, or a wait where there are none."""

    keys: tuple[str, ...] = setting((), "keys held down together; with nothing held it is a wait")
    buttons: tuple[int, ...] = setting((), "mouse buttons held down: 1 left, 2 middle, 3 right")
    pads: tuple[Pad, ...] = setting((), "held on a gamepad")
    at: str | None = setting(None, "region whose middle the pointer goes to first")
    ms: int = setting(50, "milliseconds of the game for which they are held")

    def __post_init__(self) -> None:
        if self.ms < 1:
            raise ValueError("ms must be 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """A part of the reward: how much a reader has grown since the step before."""

    reader: str = field(metadata=explained("whose growth is rewarded"))
    scale: float = setting(1.0, "reward for each point; negative where a growing number is bad")
    falls: bool = setting(False, "a fall counts too, otherwise it is taken for a new beginning")


@dataclass(frozen=True, slots=True, kw_only=True)
class GameFile:
    """All of a game. Every entry is explained in `games new`'s file."""

    name: str = field(metadata=explained("of the game, for runs and recordings"))
    about: str = setting("", "what is played and what is rewarded, in a sentence")
    launch: Launch = field(
        metadata=explained("how one comes to the game: by exactly one of command, steam, url and attach")
    )
    screen: Screen = setting(Screen(), "the display that the game is shown on")
    window: WindowMatch = setting(WindowMatch(), "which window is the game's")
    timing: Timing = setting(Timing(), "how fast it is played")
    regions: Mapping[str, Region] = field(
        default_factory=dict[str, Region], metadata=explained("a part of the window, in pixels from its corner")
    )
    sight: Sight = setting(Sight(), "what the agent sees")
    axes: tuple[Axis, ...] = setting((), "choices that exclude each other; one axis at least, several are combined")
    combine: Combination = setting(
        "product",
        "of several axes: every choice of one with every one of the others; concatenation: the choices of one axis "
        "after the other's",
    )
    readers: Mapping[str, ReaderSpec] = field(
        default_factory=dict[str, ReaderSpec], metadata=explained("a number read off the window at every step")
    )
    rewards: tuple[Reward, ...] = setting((), "a part of the reward: how much a reader has grown since the step before")
    over: tuple[str, ...] = setting((), "readers of which any that is not 0 ends the episode")
    lives: str | None = setting(None, "reader of the lives left: no value flows across a lost one")
    begin: tuple[Press, ...] = setting((), "what is pressed until the game can be played")
    most_steps: int = setting(10_000, "steps after which an episode is cut off")
    typed: str | None = field(default=None, repr=False, compare=False, metadata=NOT_IN_FILES)
    """How the person calls the game on the command line: by name, or by the path of its file; no part of the game."""

    def __post_init__(self) -> None:
        _ = self.actions
        named = [("sight.region", self.sight.region), *(("begin.at", press.at) for press in self.begin)]
        named += [(f"readers.{name}.region", getattr(r, "region", None)) for name, r in self.readers.items()]
        named += [(f"choice {c.label!r}", place) for axis in self.axes for c in axis.choices for place in (c.at, c.to)]
        for where, region in named:
            if region is not None and region not in self.regions:
                raise ValueError(
                    f"{where} is {region!r}, and there is no such region; there are: {_list(self.regions)}"
                )
        used = [*(reward.reader for reward in self.rewards), *self.over, *([self.lives] if self.lives else [])]
        for reader in used:
            if reader not in self.readers:
                raise ValueError(f"there is no reader {reader!r}; there are: {_list(self.readers)}")
        if self.most_steps < 1:
            raise ValueError("most_steps must be 1 or more")
        for wrong, sentence in self._misfits():
            if wrong:
                raise ValueError(sentence)

    def _misfits(self) -> list[tuple[bool, str]]:
        """How it is started, where it is shown and how its time passes must go together."""
        launch, clock, here = self.launch, self.timing.clock, self.screen.place == "here"
        theirs = "steam" if launch.steam is not None else "attach"
        return [
            (
                (launch.steam is not None or launch.attach is not None) and not here,
                f'launch.{theirs} is for games on your own display: set screen.place to "here"',
            ),
            (
                (launch.steam is not None or launch.attach is not None) and clock != "real",
                f'a game of launch.{theirs} runs in real time: set timing.clock to "real"',
            ),
            (clock == "virtual" and here, 'the virtual clock needs a display of its own: set timing.clock to "real"'),
            (clock == "virtual" and self.lasts, 'a lasting game does not repeat itself: set timing.clock to "real"'),
            (
                launch.url is not None and clock not in ("javascript", "real"),
                f'a page takes no {clock} clock: set timing.clock to "javascript", or to "real"',
            ),
            (
                launch.url is not None and (here or self.lasts),
                "a page has its own display, and each episode a new page: leave out screen.place and launch.lasting",
            ),
            (
                clock == "javascript" and launch.url is None,
                'the clock "javascript" is for a page: give launch.url, or set timing.clock to "virtual"',
            ),
            (
                here and any(self.screen.panic in pressed.keys for pressed in self._pressed()),
                f"screen.panic is {self.screen.panic!r}, which is a key of the game: choose another",
            ),
        ]

    @property
    def lasts(self) -> bool:
        """Whether one process is played from episode to episode."""
        return self.launch.lasting or self.launch.steam is not None or self.launch.attach is not None

    def _pressed(self) -> list[Press | Choice]:
        return [*self.begin, *(choice for axis in self.axes for choice in axis.choices)]

    @property
    def needs_gamepad(self) -> bool:
        """Whether anything is ever held on a gamepad."""
        return any(pressed.pads for pressed in self._pressed())

    @property
    def actions(self) -> tuple[Action, ...]:
        """Everything that an agent can choose.

        Raises: ValueError where that is nothing, or too much.
        """
        return combined(self.axes, self.combine)

    @property
    def factors(self) -> tuple[int, ...]:
        """How many choices each axis has, where several are combined; empty where actions are one list."""
        several = self.combine == "product" and len(self.axes) > 1
        return tuple(len(axis.choices) for axis in self.axes) if several else ()


def _list(names: Mapping[str, object]) -> str:
    return ", ".join(names) or "none"


def read_game(path: Path) -> GameFile:
    """The game in a file.

    Raises: ValueError naming the file, the place in it and what belongs there; OSError.
    """
    with path.open("rb") as file:
        text = file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise ValueError(f"{path} is no game file: it is larger than {MOST_BYTES:,} bytes")
    typed = path.stem if shipped_games().get(path.stem) == path else str(path)
    game = replace(game_from(text.decode("utf-8", "replace"), str(path)), typed=typed)
    return page_beside(game, path.parent)


def page_beside(game: GameFile, folder: Path) -> GameFile:
    """The same game, whose page, where it is the path of one, is looked for from the folder of its game file."""
    url = game.launch.url
    if url is None or scheme_of(url):
        return game
    return replace(game, launch=replace(game.launch, url=(folder / url).resolve().as_uri()))


def game_from(text: str, where: str) -> GameFile:
    """The game that a text in TOML describes.

    Raises: ValueError.
    """
    if _DEEP_KEY.search(text) is not None:  # each of its parts costs as much as all before it
        raise ValueError(f"{where} has a key of more than {MOST_PARTS} parts")
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"{where} is not TOML: {error}") from error
    try:
        refuse_continuous(table.get("axes"))
        return value_from(GameFile, table, "")
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def shipped_games() -> dict[str, Path]:
    """The game files that come with Playfield."""
    folder = resources.files("playfield.games.desktop") / "shipped"
    return {Path(str(path)).stem: Path(str(path)) for path in folder.iterdir() if str(path).endswith(".toml")}


def region_of(file: GameFile, name: str) -> Region:
    """The region of that name.

    Raises: ValueError where there is none.
    """
    if name not in file.regions:
        raise ValueError(f"{typed_name(file)} has no region {name!r}; it has: {_list(file.regions)}")
    return file.regions[name]


def typed_name(file: GameFile) -> str:
    """How a game is named on the command line; one that was not read from a file, as `games new` would call its."""
    plain = file.typed or (file.name if file.name in shipped_games() else f"{file.name}.toml")
    return shell_word(plain)
