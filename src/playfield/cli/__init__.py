"""The command line: `playfield COMMAND ...`. The only place that knows both sessions and sinks."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command given on the command line, and turn a user's mistake into one sentence."""
    from playfield.cli.commands import run_command

    sys.exit(run_command(sys.argv[1:]))
