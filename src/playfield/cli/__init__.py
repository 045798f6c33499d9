"""The command line: `playfield COMMAND ...`. The only place that knows both sessions and sinks."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command given on the command line, and turn a user's mistake into one sentence."""
    try:
        from playfield.cli.commands import run_command
        from playfield.cli.machine import keep_freed_memory
    except KeyboardInterrupt:  # it takes seconds
        print("playfield: interrupted", file=sys.stderr)
        sys.exit(130)
    keep_freed_memory()
    sys.exit(run_command(sys.argv[1:]))
