"""Our side of reading a stranger's recording: start the process, believe nothing of what it says, end it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from playfield.extras import EXTRAS, install_extra
from playfield.foreign.wire import ForeignRow, row_of
from playfield.messages import Broken, hear

Kind = Literal["serpent", "minari"]
SILENT_SECONDS = 120.0
"""Without a word, after which the process is given up."""


class NoForeignRecording(ValueError):
    """A file is no recording that can be read; one sentence."""


def foreign_rows(kind: Kind, path: Path, silent_seconds: float = SILENT_SECONDS) -> Iterator[ForeignRow]:
    """Every row of a recording; the process that reads it is gone when this is.

    Raises: ModuleNotFoundError with the command that installs h5py; NoForeignRecording.
    """
    if EXTRAS["hdf5"].lacking():
        raise ModuleNotFoundError(f"recordings in HDF5 need h5py; install it with: {install_extra('hdf5')}")
    # No plug-ins: a file may name a filter, and with it a library that is to be loaded.
    environment = {**os.environ, "HDF5_PLUGIN_PRELOAD": "::", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "playfield.foreign.child", kind, str(path)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
        start_new_session=True, env=environment,
    )  # fmt: skip
    try:
        yield from _rows(child, path, silent_seconds)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


def _rows(child: subprocess.Popen[bytes], path: Path, silent_seconds: float) -> Iterator[ForeignRow]:
    assert child.stdout is not None
    pipe = _Pipe(child.stdout.fileno(), silent_seconds)
    while True:
        try:
            header, payload = hear(pipe.read)
            match header.get("kind"):
                case "row":
                    row = row_of(header, payload)
                case "end":
                    return
                case "refused":
                    why = "".join(c for c in str(header.get("why"))[:500] if c.isprintable())
                    raise NoForeignRecording(f"{path} {why}; nothing of it was kept")
                case _:
                    raise Broken("it said nothing that can be understood")
        except Broken as error:
            child.kill()
            raise NoForeignRecording(
                f"{path} could not be read: {_why(child, error)}; nothing of it was kept"
            ) from None
        yield row


def _why(child: subprocess.Popen[bytes], error: Broken) -> str:
    code = child.wait()
    if code < 0 and -code != signal.SIGKILL:
        return f"the process that read it was ended by {signal.Signals(-code).name}, so it is damaged or too large"
    return f"of the process that read it, {error}"


class _Pipe:
    """Bytes from another process, as many as are asked for."""

    def __init__(self, descriptor: int, silent_seconds: float) -> None:
        self._descriptor, self._silent = descriptor, silent_seconds

    def read(self, count: int) -> bytes:
        """Raises: Broken where it ends before, or is silent for too long."""
        data = bytearray()
        until = time.monotonic() + self._silent
        while len(data) < count:
            ready, _, _ = select.select([self._descriptor], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise Broken(f"nothing was heard for {self._silent:g} s")
            piece = os.read(self._descriptor, min(count - len(data), 1 << 20))
            if not piece:
                raise Broken("it broke off")
            data += piece
        return bytes(data)
