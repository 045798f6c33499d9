"""Which commands there are, and what becomes of errors."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from dataclasses import replace
from typing import Protocol, cast

import tyro

from playfield.cli.about import Doctor, ListGames, Recipes, Runs
from playfield.cli.look import Compare, Evaluate, Plot, Video, Watch
from playfield.cli.train import Resume, Train
from playfield.sinks.window import NoDisplay
from playfield.storage.files import DamagedFile, NoSpace, WriteFailed
from playfield.storage.run import NameTaken, NoCheckpoint, RunBusy

USER_ERROR = 2
"""Exit code where the command was given something it cannot do; one sentence says what to do."""


OVERRIDE = re.compile(r"[a-z_]+(\.[a-z_]+)*=")


OVERRIDE = re.compile(r"[a-z_]+(\.[a-z_]+)*=")


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
    # Overrides may stand anywhere, also after options, where the parser would not look for them.
    overrides = [a for a in arguments[1:] if OVERRIDE.match(a)] if arguments[:1] == ["train"] else []
    command = cast(
        Command,
        tyro.extras.subcommand_cli_from_dict(
            COMMANDS,
            prog="playfield",
            description="Agents that learn to play games from what they see.",
            args=[a for a in arguments if a not in overrides],
            config=(tyro.conf.FlagConversionOff,),
        ),
    )
    if isinstance(command, Train):
        command = replace(command, overrides=(*command.overrides, *overrides))
    try:
        return command.run()
    except BrokenPipeError:
        return 0
    except USER_MISTAKES as error:
        if os.environ.get("PLAYFIELD_TRACEBACK"):
            raise
        print(f"playfield: {one_sentence(error)}", file=sys.stderr)
        return USER_ERROR


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
    RunBusy,
    WriteFailed,
)


def one_sentence(error: BaseException) -> str:
    """What the error says, on one line."""
    return " ".join(str(error).split())
