"""Clocks of games that keep their own time: the agent keeps pace with it, or stops the game in between."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping

from playfield.games.desktop.pace import Pace
from playfield.games.desktop.programs import Program

LEAST_HELD = 0.5
"""Share of a step for which its keys are held before the game is looked at, however late they were pressed."""
TOLERATED = 0.1
"""Share of a step by which it may be late without moving the deadlines of all that follow."""


class RealClock:
    """Steps whose ends lie on a grid of real time; a late one stretches and moves the grid, and nothing is caught up.

    What the agent needs to choose an action passes in the game too, and is part of the step that is chosen for.
    """

    replays = False

    def __init__(
        self, pace: Pace, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._pace, self._now, self._sleep = pace, now, sleep
        self._playing = False
        self._end: float | None = None
        """Where the step before ended on the grid; none where no grid is begun."""

    def environment(self) -> dict[str, str]:
        """Nothing: the game keeps its own time."""
        return {}

    def begin(self, program: Program) -> None:
        """The game begins by itself."""
        self._playing, self._end = False, None

    def play(self) -> None:
        """Begin a grid with the next step."""
        self._playing, self._end = True, None

    def advance(self, seconds: float) -> None:
        """Wait until the step's deadline."""
        now = self._now()
        if not self._playing:
            self._sleep(seconds)
            return
        deadline = (now if self._end is None else self._end) + seconds
        self._sleep(max(deadline, now + LEAST_HELD * seconds) - now)
        woken = self._now()
        self._pace.late(woken - deadline)
        self._end = deadline if woken - deadline <= TOLERATED * seconds else woken

    def pause(self) -> None:
        """The game goes on, but what passes from now on makes no step late."""
        self._end = None

    def measured(self) -> Mapping[str, float]:
        """Nothing of this process alone: how late steps come is kept for all copies together."""
        return {}

    def close(self) -> None:
        """There is nothing to be left."""


class SuspendClock:
    """A game that is stopped, as by Ctrl-Z, while nobody plays it.

    Its own clock runs on: a timer that was due fires late, and a game that measures elapsed time makes a leap.
    """

    replays = False

    def __init__(
        self, pace: Pace, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._pace, self._now, self._sleep = pace, now, sleep
        self._playing = False
        self._program: Program | None = None

    def environment(self) -> dict[str, str]:
        """Nothing: the game keeps its own time."""
        return {}

    def begin(self, program: Program) -> None:
        """The game begins by itself."""
        self._playing, self._program = False, program

    def play(self) -> None:
        """From now on it is stopped whenever nobody plays it."""
        self._playing = True
        self.pause()

    def advance(self, seconds: float) -> None:
        """Let the process go on for so long."""
        begun = self._now()
        self._signal(signal.SIGCONT)
        self._sleep(seconds)
        if self._playing:
            self.pause()
            self._pace.late(self._now() - begun - seconds)

    def pause(self) -> None:
        """Stop the process, and wait until it stands: on a loaded machine that takes its turn."""
        if (pid := self._signal(signal.SIGSTOP)) is not None:
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def measured(self) -> Mapping[str, float]:
        """Nothing of this process alone."""
        return {}

    def close(self) -> None:
        """Nothing stays stopped."""
        self._signal(signal.SIGCONT)
        self._program = None

    def _signal(self, number: int) -> int | None:
        """The process that got it; none where it is gone."""
        if self._program is None or not self._program.is_running or (pid := self._program.pid) is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)
        return pid
