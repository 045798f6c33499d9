"""A process that plays games for another one, so that a game which hangs or dies takes nothing with it but itself."""

from __future__ import annotations

import ctypes
import json
import signal
import socket
import sys
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import UInt64

from playfield.games.films import film
from playfield.games.games import Games
from playfield.games.make import make_games
from playfield.games.protocol import AtariProtocol
from playfield.games.wire import shot_bytes, spec_words, step_bytes, tapes_of
from playfield.messages import Broken, hear, message
from playfield.settings import from_plain
from playfield.types import Array, Step

MOST_ASKED_BYTES = 1 << 30
"""Of a question: open episodes may be long."""
MOST_WORDS = 4_000
"""Of what a game raised."""
_PR_SET_PDEATHSIG = 1


class _Given:
    """Stands for the source of seeds: gives those that the other process drew."""

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def integers(self, low: int, high: int, size: int, dtype: type) -> UInt64[Array, "size"]:
        given, self.seeds = self.seeds[:size], self.seeds[size:]
        return np.array(given, dtype=dtype)


def serve(end: socket.socket, games: Games) -> None:
    """Play what is asked for until the other process hangs up; then, or where a game raises, this one ends too."""
    given = _Given()
    source: Any = given
    end.sendall(message({"spec": spec_words(games.spec)}))
    while True:
        asked, data = hear(partial(_exactly, end), most_header_bytes=MOST_ASKED_BYTES)
        given.seeds = asked["seeds"]
        step: Step
        if asked["do"] == "begin":
            step = games.begin(source)
        elif asked["do"] == "resume":
            step = games.resume(source, tapes_of(asked["tapes"]))
        else:
            games.send(np.frombuffer(data, "<i8"))
            step = games.recv()
        end.sendall(message(*step_bytes(step)))


def show(end: socket.socket, name: str, protocol: AtariProtocol) -> None:
    """Play the episode of the tape that is sent again, picture by picture, as fast as the other process takes them."""
    asked, _ = hear(partial(_exactly, end), most_header_bytes=MOST_ASKED_BYTES)
    try:
        made = film(name, protocol, tapes_of(asked["tapes"])[0])
        for shot in made.shots:
            end.sendall(message(*shot_bytes(shot, made.frames_per_second)))
    except (ValueError, ImportError) as error:  # a sentence of ours, for a person
        end.sendall(message({"refused": str(error)[:MOST_WORDS]}))
    end.sendall(message({"over": True}))


def _exactly(end: socket.socket, count: int) -> bytes:
    """Raises: Broken where the other process hangs up."""
    data = end.recv(count, socket.MSG_WAITALL) if count else b""
    if len(data) != count:
        raise Broken("it hung up")
    return data


def main(end: socket.socket, asked: dict[str, Any]) -> int:
    """Play the games or show the episode that is asked for; whatever goes wrong is told before the end."""
    # A stop is the other process's business; and should it be killed at once, nobody is left to hang up.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        protocol = from_plain(AtariProtocol, asked["protocol"])
        if "film" in asked:
            show(end, asked["game"], protocol)
        else:
            serve(end, make_games(asked["game"], protocol, asked["games"], asked["threads"]))
    except (Broken, ConnectionError):  # nobody is there any more
        return 0
    except Exception as error:  # of a game, which may raise anything
        said = {"raised": f"it raised {type(error).__name__}: {error}", "refused": str(error)}
        end.sendall(message({kind: sentence[:MOST_WORDS] for kind, sentence in said.items()}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(socket.socket(fileno=int(sys.argv[1])), json.loads(sys.argv[2])))
