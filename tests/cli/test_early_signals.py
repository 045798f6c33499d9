"""A signal that comes while a command is still being imported, or has just begun, ends it without a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SENDER = """
import os, sys

class Sender:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["SIGNAL_AT"]:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))

sys.meta_path.insert(0, Sender())
"""
"""Sends its process a signal at the instant at which a module is asked for: real time would hit another each time."""

WHILE_IMPORTING = ("playfield.cli.commands", "numpy", "torch", "numba", "scipy", "tyro", "playfield.cli.tune")


def ended(folder: Path, number: signal.Signals, at: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "sitecustomize.py").write_text(SENDER)
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "SIGNAL_AT": at, "SIGNAL": str(int(number))}
    return subprocess.run(
        [sys.executable, "-m", "playfield", *arguments], env=environment, cwd=folder, capture_output=True, text=True,
        check=False, preexec_fn=_as_from_a_terminal,
    )  # fmt: skip


def _as_from_a_terminal() -> None:
    """What started the tests may ignore these signals, as `nohup` and a shell's `&` do; children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.parametrize("at", WHILE_IMPORTING)
def test_ctrl_c_while_a_command_is_imported_is_one_line(at: str, tmp_path: Path):
    done = ended(tmp_path, signal.SIGINT, at, "games", "list", "pong")
    assert (done.stdout, done.stderr, done.returncode) == ("", "playfield: interrupted\n", 130)


@pytest.mark.parametrize("at", ["playfield.cli.commands", "torch"])
def test_sigterm_while_a_command_is_imported_ends_it_as_any_program(at: str, tmp_path: Path):
    done = ended(tmp_path, signal.SIGTERM, at, "games", "list", "pong")
    assert (done.stdout, done.stderr, done.returncode) == ("", "", -signal.SIGTERM)


@pytest.mark.parametrize(("number", "code", "said"), [
    (signal.SIGINT, 130, "playfield: interrupted\n"), (signal.SIGTERM, 143, "playfield: ended by SIGTERM\n"),
    (signal.SIGHUP, 129, "playfield: ended by SIGHUP\n"),
])  # fmt: skip
@pytest.mark.parametrize("at", ["tyro.extras._serialization", "mpmath"])
def test_a_command_that_has_begun_ends_with_the_code_of_its_signal(
    at: str, number: signal.Signals, code: int, said: str, tmp_path: Path
):
    done = ended(tmp_path, number, at, "train", "dqn_toy", "catch", "--frames", "100000000", "--threads", "1")
    assert (done.stderr, done.returncode) == (said, code)
    assert not (tmp_path / "runs").exists()
