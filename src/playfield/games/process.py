"""A process that plays games for us, and the line to it: what it says is waited for, for as long as it may take."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from playfield.messages import Broken, hear, message

LOOK_SECONDS = 0.25
"""For which it is waited at a time."""
HURRIED_SECONDS = 3.0
"""For which it is waited at most once somebody wants to stop: of the 10 s in which a run is saved and gone."""
SEND_SECONDS = 5.0
"""For which a question may stay unread: one that is longer than a line holds is that of a resume."""
MOST_SAID_BYTES = 1 << 31
"""Of what all games show at once."""
MOST_WORDS_BYTES = 1 << 26
"""Of what games are: observations of many numbers have as many limits."""


class Hangs(Exception):
    """A game did not answer in time, or answered with nonsense; the message says what happened."""


class WatchedProcess:
    """The other process, and the line to it."""

    def __init__(self, worker: str, asked: dict[str, Any], is_hurried: Callable[[], bool] = lambda: False) -> None:
        """Start the module `worker` and tell it what is `asked`; `is_hurried` says whether somebody wants to stop."""
        ours, theirs = socket.socketpair()
        # Modules are found there as here; a group of its own, so that a person's Ctrl-C is ours alone to answer.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", worker, str(theirs.fileno()), json.dumps(asked)],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno() if _has_descriptor() else subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        self._line, self._is_hurried = ours, is_hurried
        self.gone = False
        """Whether it was ended."""
        self.announced = False
        """Whether it has said what its games are."""

    @property
    def number(self) -> int:
        """Of the process."""
        return self._process.pid

    def tell(self, words: dict[str, Any], data: bytes = b"") -> None:
        """Ask for something; that nobody is there or listens is found when the answer is waited for."""
        self._line.settimeout(SEND_SECONDS)
        with contextlib.suppress(OSError):
            self._line.sendall(message(words, data))
        self._line.settimeout(None)

    def hear(self, seconds: float) -> tuple[Mapping[str, Any], bytes]:
        """Wait for its answer: for so many seconds, and no longer than `HURRIED_SECONDS` more once we are hurried.

        Raises: Hangs.
        """
        left, limit = seconds, f"within {seconds:g} s"

        def read(count: int) -> bytes:
            nonlocal left, limit
            data = bytearray()
            while len(data) < count:
                if left > HURRIED_SECONDS and self._is_hurried():
                    left, limit = HURRIED_SECONDS, f"in the {HURRIED_SECONDS:g} s after a stop was asked for"
                if left <= 0.0:
                    raise Hangs(f"it did not answer {limit}")
                left -= self._wait()
                data += self._received(count - len(data))
            return bytes(data)

        try:
            words, data = hear(read, most_header_bytes=MOST_WORDS_BYTES, most_payload_bytes=MOST_SAID_BYTES)
        except Broken as what:
            raise Hangs(self._end(str(what))) from what
        self.announced = self.announced or "spec" in words
        return words, data

    def _wait(self) -> float:
        """Look for a moment whether it says something; the seconds that took.

        A time in which we were stopped ourselves, as by Ctrl-Z or a closed lid, counts as a moment.
        """
        before = time.monotonic()
        select.select([self._line], [], [], LOOK_SECONDS)
        return min(time.monotonic() - before, 2 * LOOK_SECONDS)

    def _received(self, most: int) -> bytes:
        """What there is to be read, at once.

        Raises: Broken.
        """
        try:
            data = self._line.recv(min(most, 1 << 20), socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise Broken(str(error)) from error
        if not data:
            raise Broken("it has ended")
        return data

    def _end(self, otherwise: str) -> str:
        """How the process ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(1.0)
            if code < 0:
                return f"its process was ended by {_signal_name(-code)}"
            return f"its process ended with exit code {code}"
        return otherwise

    def kill(self) -> None:
        """End it at once, whatever it does, with all that it started."""
        self.gone = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._line.close()

    def close(self) -> None:
        """Hang up, which ends it; at once where it does not hear that."""
        if self.gone:
            return
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2.0)
        self.kill()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"


def _has_descriptor() -> bool:
    """Whether standard error is a real file here; under a notebook or a test it may be an object only."""
    try:
        return sys.stderr.fileno() >= 0
    except (AttributeError, OSError, ValueError):
        return False
