"""Films of games that may hang or die: the episode is played again in a process of its own, which is watched."""

from __future__ import annotations

from collections.abc import Generator
from itertools import chain

from playfield.events import Tape
from playfield.games.films import Film, NoFilm, Shot, film
from playfield.games.process import Hangs, WatchedProcess
from playfield.games.protocol import AtariProtocol
from playfield.games.supervised import START_SECONDS, WORKER, step_seconds
from playfield.games.wire import shot_of, tapes_words
from playfield.settings import to_plain


def supervised_film(name: str, protocol: AtariProtocol, tape: Tape) -> Film:
    """The film of one episode as `film` makes it, but without what an agent would be told.

    Raises: NoFilm where it cannot be made, also while it is watched; of games without a process of their own as `film`.
    """
    if (seconds := step_seconds(name)) is None:
        return film(name, protocol, tape)
    child = WatchedProcess(WORKER, {"game": name, "protocol": to_plain(protocol), "film": True})
    child.tell({"tapes": tapes_words([tape])})
    told = _told(name, child, seconds)
    if (first := next(told, None)) is None:
        raise NoFilm(f"{name} cannot be filmed: it showed nothing")
    return Film(frames_per_second=first[1], shots=(shot for shot, _ in chain([first], told)))


def _told(name: str, child: WatchedProcess, seconds: float) -> Generator[tuple[Shot, float]]:
    """The shots as they come, each with how many make a second; the process ends with the last.

    Raises: NoFilm.
    """
    waiting = START_SECONDS + seconds
    try:
        while True:
            words, data = child.hear(waiting)
            if "raised" in words:
                raise Hangs(words["raised"])
            if "refused" in words or "over" in words:
                break
            yield shot_of(words, data)
            waiting = seconds
    except (Hangs, KeyError, TypeError, ValueError) as what:
        child.kill()
        raise NoFilm(f"{name} cannot be filmed: {what}") from what
    finally:
        child.close()
    if "refused" in words:
        raise NoFilm(words["refused"])
