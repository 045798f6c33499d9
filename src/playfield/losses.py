"""When games are lost so often that something is wrong which beginning anew does not mend."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from playfield.events import Event, GameLost, Stepped

MOST = 3
"""Steps in which games may be lost within `SECONDS`, or in a row: in training without a step that is played between
them, where scores are counted without a whole game."""
SECONDS = 60.0
"""Of wall time."""


class Losses:
    """The games that were lost lately; wall time decides about stopping alone, never about what is learnt."""

    def __init__(self, game: str, now: Callable[[], float] = time.monotonic) -> None:
        self._game, self._now = game, now
        self._at: deque[float] = deque(maxlen=MOST + 1)
        self._in_a_row = 0
        self._step = -1
        self._reason = ""

    def add(self, reason: str) -> None:
        """Games were lost in a step."""
        self._reason = reason
        self._at.append(self._now())
        self._in_a_row += 1

    def end_row(self) -> None:
        """Something was played since: what is lost from now on is not in a row with what was lost before."""
        self._in_a_row = 0

    def take(self, event: Event) -> bool:
        """Follow one event; whether it tells of a loss. Games of one process are lost together, and count once."""
        if isinstance(event, GameLost):
            if event.clock.steps == self._step:
                return False
            self._step = event.clock.steps
            self.add(event.reason)
            return True
        if isinstance(event, Stepped) and not event.step.last.all():
            self.end_row()
        return False

    @property
    def too_many(self) -> str | None:
        """Why to stop, if there is a reason."""
        if len(self._at) > MOST and self._at[-1] - self._at[0] <= SECONDS:
            often = f"{len(self._at)} times within a minute"
        elif self._in_a_row > MOST:
            often = f"{self._in_a_row} times in a row"
        else:
            return None
        return f"{self._game} was lost {often}, at last because {self._reason}"
