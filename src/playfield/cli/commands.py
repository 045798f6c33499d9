"""Which commands there are, and what becomes of errors."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import fields, replace
from typing import Protocol, cast

import tyro

from playfield.cli.about import Doctor, ListGames, Recipes, Runs
from playfield.cli.look import Compare, Evaluate, Plot, Video, Watch
from playfield.cli.train import Resume, Train
from playfield.cli.training import NotFinite
from playfield.recipes import Recipe
from playfield.sinks.window import NoDisplay
from playfield.storage.files import DamagedFile, NoSpace, WriteFailed
from playfield.storage.run import NameTaken, NoCheckpoint, RunBusy

INTERRUPTED = 130
"""Exit code where a person stopped a command that has nothing to resume, or stopped a training twice."""
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
    "runs": Runs,
    "recipes": Recipes,
    "games": ListGames,
    "doctor": Doctor,
}


def run_command(arguments: list[str]) -> int:
    """Parse and run; every user's mistake ends in one sentence on standard error."""
    arguments, overrides = without_overrides(arguments) if arguments[:1] == ["train"] else (arguments, [])
    command = cast(
        Command,
        tyro.extras.subcommand_cli_from_dict(
            COMMANDS,
            prog="playfield",
            description="Agents that learn to play games from what they see.",
            args=arguments,
            config=(tyro.conf.FlagConversionOff,),
        ),
    )
    if isinstance(command, Train):
        command = replace(command, overrides=(*command.overrides, *overrides))
    try:
        return command.run()
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        print("playfield: interrupted", file=sys.stderr)
        return INTERRUPTED
    except USER_MISTAKES as error:
        if os.environ.get("PLAYFIELD_TRACEBACK"):
            raise
        print(f"playfield: {one_sentence(error)}", file=sys.stderr)
        return USER_ERROR


def without_overrides(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Arguments apart from the `path=value` overrides among them, which may stand anywhere, also after options."""
    heads = "|".join(field.name for field in fields(Recipe))
    is_override = [
        re.match(rf"({heads})(\.\w+)*=", argument) is not None and not before.startswith("--")
        for before, argument in zip(["", *arguments], arguments, strict=False)
    ]
    kept = [argument for argument, overrides in zip(arguments, is_override, strict=True) if not overrides]
    return kept, [argument for argument, overrides in zip(arguments, is_override, strict=True) if overrides]


# Errors of these kinds carry a sentence meant for the person at the keyboard; others are ours and keep their traceback,
# and with PLAYFIELD_TRACEBACK=1 these keep theirs too.
USER_MISTAKES = (
    ValueError,
    OSError,
    ImportError,
    DamagedFile,
    NameTaken,
    NoCheckpoint,
    NoDisplay,
    NoSpace,
    NotFinite,
    RunBusy,
    WriteFailed,
)


def one_sentence(error: BaseException) -> str:
    """What the error says, on one line."""
    return " ".join(str(error).split())
