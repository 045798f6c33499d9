"""The command line: `playfield COMMAND ...`. The only place that knows both sessions and sinks."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command given on the command line, and turn a user's mistake into one sentence."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)
    from playfield.cli.commands import run_command

    sys.exit(run_command(sys.argv[1:]))


def _end(*_: object) -> None:
    """Being asked to end is as Ctrl-C: games and windows are closed on the way out."""
    raise KeyboardInterrupt
