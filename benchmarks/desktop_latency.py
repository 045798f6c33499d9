"""How games that do not wait for the agent are kept up with: lateness of a 20 Hz loop, and from key to pixel.

    python benchmarks/desktop_latency.py [refgame xjump]

A loop in real time plays by chance on a display of its own and says how late its steps end. Then a key is held while
nobody steps, and the time until who is played has moved is measured, key by key. A game looks at its keys once a tick,
so it can be no shorter than what is left of the tick; only keys are pressed that the game itself shows at once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import GameFile, read_game, shipped_games
from playfield.games.desktop.measure import chance_actions

STEP_MS = 50
STEPS = 400
KEYS = 60
LOOK_SECONDS = 0.0005
STILL_SECONDS = 0.15
LONGEST_SECONDS = 0.5
TICK_MS = {"refgame": 50, "xjump": 25}
"""As `playfield games doctor` finds them."""


def main(names: list[str]) -> None:
    for name in names:
        file = in_real_time(read_game(shipped_games()[name]))
        with closing(DesktopGame(file)) as game:
            late = lateness(game)
            print(
                f"{name}: {1000 // STEP_MS} steps a second, late by {late['late_median_ms']:.2f} ms (median), "
                f"{late['late_p99_ms']:.2f} (99th percentile), {late['late_worst_ms']:.2f} (worst of {STEPS})"
            )
            seen = [found for found in (key_to_pixel(game, press) for press in range(KEYS)) if found is not None]
        if not seen:
            print(f"{name}: no key was seen")
            continue
        middle, most = np.percentile(seen, [50, 95])
        print(
            f"{name}: from key to pixel {middle:.1f} ms (median), {most:.1f} (95th percentile) of {len(seen)} keys; "
            f"a tick is {TICK_MS[name]} ms"
        )


def in_real_time(file: GameFile) -> GameFile:
    return replace(file, timing=replace(file.timing, step_ms=STEP_MS, clock="real"))


def lateness(game: DesktopGame) -> dict[str, float]:
    begun = False
    for action in chance_actions(game.file, STEPS):
        if not begun or any(game.readings()[name] for name in game.file.over):
            game.reset(0)
            begun = True
        game.step(action)
    return dict(game.pace.take())


def key_to_pixel(game: DesktopGame, press: int) -> float | None:
    """Milliseconds from a press until who is played stands elsewhere; None where he never does."""
    probe = PROBES[game.file.name]
    keys = [i for i, action in enumerate(game.file.actions) if action.label.startswith(probe.keys)]
    game.reset(press)  # Xjump's tower falls once somebody has jumped
    until_still(game, probe.place)
    time.sleep(press % 7 * 0.009)  # the key comes anywhere within a tick
    at, begun = probe.place(game), time.perf_counter()
    game.hold(keys[press % len(keys)])
    while (spent := time.perf_counter() - begun) < LONGEST_SECONDS:
        if probe.place(game) not in (at, None):
            return spent * 1000.0
        time.sleep(LOOK_SECONDS)
    return None


def until_still(game: DesktopGame, place: Callable[[DesktopGame], int | None]) -> None:
    """Wait until who is played has stood still for a while: in the air a key may show nothing."""
    at, since = place(game), time.perf_counter()
    while time.perf_counter() - since < STILL_SECONDS:
        time.sleep(LOOK_SECONDS)
        if (now := place(game)) != at:
            at, since = now, time.perf_counter()


def paddle(game: DesktopGame) -> int:
    """Of the reference game: the leftmost pixel of the paddle's row."""
    return int(np.flatnonzero((game.picture()[-8] == (88, 168, 255)).all(1))[0])


def face(game: DesktopGame) -> int | None:
    """Of Xjump: the highest row of the hero's face, who moves his legs also while he stands; None while he is drawn."""
    field = game.file.regions["field"].of(game.picture())
    rows = np.flatnonzero((field == (255, 231, 199)).all(2).any(1))
    return int(rows[0]) if rows.size else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Which keys are measured, one after the other, and where who is played stands."""

    keys: tuple[str, ...]
    place: Callable[[DesktopGame], int | None]


PROBES = {
    "refgame": Probe(keys=("LEFT", "RIGHT"), place=paddle),
    # Under the virtual clock a jump shows in the first tick after its key, a step to the left only in the second.
    "xjump": Probe(keys=("STAY + JUMP",), place=face),
}

if __name__ == "__main__":
    main(sys.argv[1:] or list(PROBES))
