"""A process that gives the emulator a ROM of zeros, which it never comes back from, holding Python's lock."""

from __future__ import annotations

import json
import socket
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from ale_py import ALEInterface

from playfield.games import worker


def load_zeros(*asked: object) -> NoReturn:
    with tempfile.TemporaryDirectory() as folder:
        rom = Path(folder) / "pong.bin"
        rom.write_bytes(bytes(4096))
        ALEInterface().loadROM(rom)
    raise AssertionError("the emulator came back")


if __name__ == "__main__":
    worker.make_games = load_zeros  # type: ignore[assignment]
    sys.exit(worker.main(socket.socket(fileno=int(sys.argv[1])), json.loads(sys.argv[2])))
