"""Which commands there are, and what becomes of errors."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from types import FrameType
from typing import Protocol

import tyro

from playfield.cli.about import Recipes, Runs
from playfield.cli.budgets import Budgets
from playfield.cli.compare import Compare
from playfield.cli.demos import DEMOS_COMMANDS, Demos
from playfield.cli.doctor import Doctor
from playfield.cli.export import Export, Import
from playfield.cli.games import GAMES_COMMANDS, Games
from playfield.cli.lab import LAB_COMMANDS, Lab
from playfield.cli.look import Evaluate, Plot, Video, Watch
from playfield.cli.play import Play
from playfield.cli.record import Record
from playfield.cli.refusals import in_words
from playfield.cli.study import Ablate, Study
from playfield.cli.train import Resume, Train
from playfield.cli.training import INTERRUPTED, NeverFinite, NotFinite
from playfield.cli.tune import Tune
from playfield.games.desktop.clocks import Hung
from playfield.games.desktop.gamepads import NoGamepad
from playfield.games.desktop.own_display import NoDisplayServer
from playfield.games.desktop.virtual_clock import NoCompiler
from playfield.games.desktop.windows import NoWindow
from playfield.games.each import Lost
from playfield.recipes import LinearRecipe, Recipe
from playfield.settings import nearest
from playfield.sinks.window import NoDisplay
from playfield.storage.files import DamagedFile, NoSpace, WriteFailed
from playfield.storage.run import NameTaken, NoCheckpoint, RunBusy

USER_ERROR = 2
"""Exit code where the command was given something it cannot do; one sentence says what to do."""


class Command(Protocol):
    """A command with its options as fields."""

    def run(self) -> int:
        """Do it and return the exit code."""
        ...


COMMANDS = {
    "train": Train,
    "resume": Resume,
    "evaluate": Evaluate,
    "watch": Watch,
    "video": Video,
    "plot": Plot,
    "compare": Compare,
    "study": Study,
    "ablate": Ablate,
    "tune": Tune,
    "play": Play,
    "record": Record,
    "demos": Demos,
    "lab": Lab,
    "export": Export,
    "import": Import,
    "runs": Runs,
    "recipes": Recipes,
    "budgets": Budgets,
    "games": Games,
    "doctor": Doctor,
}

TAKE_OVERRIDES = ("train", "study", "ablate", "tune")


class Terminated(SystemExit):
    """A signal asks for the end; its code is the one of any program that a signal ends."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = signal.Signals(number).name


def run_command(arguments: list[str]) -> int:
    """Parse and run; every user's mistake ends in one sentence on standard error."""
    try:
        with _terminable():
            return _parsed(arguments).run()
    except Terminated as ended:
        with suppress(OSError):  # of a terminal that is gone
            print(f"playfield: ended by {ended.name}", file=sys.stderr)
        raise
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # of rich, which ends the program so
            return 0
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains again while it ends
        return 0
    except KeyboardInterrupt:
        print("playfield: interrupted", file=sys.stderr)
        return INTERRUPTED
    except USER_MISTAKES as error:
        if os.environ.get("PLAYFIELD_TRACEBACK"):
            raise
        print(f"playfield: {one_sentence(error)}", file=sys.stderr)
        return USER_ERROR


@contextmanager
def _terminable() -> Generator[None]:
    """Let SIGTERM and SIGHUP end a command as an error would, so that games are closed and no key stays down."""
    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    ours = [number for number in signals if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    for number in ours:
        signal.signal(number, _terminated)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _terminated(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (the system calls it)
    raise Terminated(number)


def _parsed(arguments: list[str]) -> Command:
    if arguments[:1] == ["lab"] and arguments[1:]:
        return _read(LAB_COMMANDS, "playfield lab", "Linear learners in small worlds.", arguments[1:])
    if arguments[:1] == ["games"] and _begins_with_command(arguments[1:]) and not _is_part_of_name(arguments[1:]):
        return _read(GAMES_COMMANDS, "playfield games", "Games, and desktop games as files.", arguments[1:])
    if arguments[:1] == ["demos"] and _begins_with_command(arguments[1:]):
        return _read(DEMOS_COMMANDS, "playfield demos", "Recordings of play.", arguments[1:])
    takes = arguments[:1] and arguments[0] in TAKE_OVERRIDES
    arguments, overrides = without_overrides(arguments) if takes else (arguments, [])
    command = _read(COMMANDS, "playfield", "Agents that learn to play games from what they see.", arguments)
    if isinstance(command, Train | Study | Ablate | Tune):
        return replace(command, overrides=(*command.overrides, *overrides))
    return command


def _begins_with_command(arguments: list[str]) -> bool:
    return bool(arguments) and not arguments[0].startswith("-")


def _is_part_of_name(arguments: list[str]) -> bool:
    """Whether what follows `games` is the part of a name that is looked for: one word, and that of no command."""
    return arguments[0] not in GAMES_COMMANDS and not set(arguments[1:]) - {"-h", "--help"}


def _read(commands: Mapping[str, type[Command]], program: str, about: str, arguments: list[str]) -> Command:
    """The one of the commands that is asked for, with its options.

    Raises: ValueError naming the nearest ones where there is none of that name, or what an option's value should be.
    """
    if _begins_with_command(arguments) and arguments[0] not in commands:
        near = nearest(arguments[0], list(commands))
        raise ValueError(
            f"there is no command `{program} {arguments[0]}`; the nearest are: {near}; "
            f"those that there are: {program} --help"
        )
    with in_words(f"{program} {arguments[0]}" if _begins_with_command(arguments) else program):
        return tyro.extras.subcommand_cli_from_dict(
            dict(commands), prog=program, description=about, args=arguments, config=(tyro.conf.FlagConversionOff,)
        )


def without_overrides(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Arguments apart from the `path=value` overrides among them, which may stand anywhere, also after options."""
    heads = "|".join(field.name for recipe in (Recipe, LinearRecipe) for field in fields(recipe))
    space = _space(arguments)
    is_override = [
        re.match(rf"({heads})(\.\w+)*=", argument) is not None and not before.startswith("--") and number not in space
        for number, (before, argument) in enumerate(zip(["", *arguments], arguments, strict=False))
    ]
    kept = [argument for argument, overrides in zip(arguments, is_override, strict=True) if not overrides]
    return kept, [argument for argument, overrides in zip(arguments, is_override, strict=True) if overrides]


def _space(arguments: list[str]) -> range:
    """Where the paths of `tune --space` stand: they look like overrides and are none."""
    if "--space" not in arguments:
        return range(0)
    begin = arguments.index("--space") + 1
    after = next((n for n in range(begin, len(arguments)) if arguments[n].startswith("--")), len(arguments))
    return range(begin, after)


# Errors of these kinds carry a sentence meant for the person at the keyboard; others are ours and keep their traceback,
# and with PLAYFIELD_TRACEBACK=1 these keep theirs too.
USER_MISTAKES = (
    ValueError,
    OSError,
    ImportError,
    DamagedFile,
    Hung,
    Lost,
    NameTaken,
    NoCheckpoint,
    NoCompiler,
    NoDisplay,
    NoDisplayServer,
    NoGamepad,
    NoSpace,
    NoWindow,
    NeverFinite,
    NotFinite,
    RunBusy,
    WriteFailed,
)


def one_sentence(error: BaseException) -> str:
    """What the error says, on one line; of the system's own errors, which file or folder they are about."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        place = "the disk or device that is written to" if error.filename is None else f"the disk of {error.filename}"
        return f"no space is left on {place}; make room there, or write elsewhere"
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        place = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError)
        advice = "; choose another file or folder" if isinstance(error, place) or error.errno == errno.EROFS else ""
        return f"'{error.filename}' cannot be used: {error.strerror}{advice}"
    return " ".join(_shown(error).split())


def _shown(error: BaseException) -> str:
    """A message may quote a stranger's file: what would steer the terminal is written as its number."""
    return "".join(letter if letter.isprintable() or letter.isspace() else ascii(letter)[1:-1] for letter in str(error))
