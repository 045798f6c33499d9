"""How games that do not wait for the agent are kept up with: lateness of a 20 Hz loop, and from key to pixel.

    python benchmarks/desktop_latency.py [refgame xjump]

A loop in real time plays by chance on a display of its own and says how late its steps end. Then an action is held
while nobody steps, and the time until the window shows something else than it does without is measured, key by key:
a game looks at its keys once a tick, so it can be no shorter than what is left of the tick.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import numpy as np

from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import GameFile, read_game, shipped_games
from playfield.games.desktop.measure import chance_actions

STEP_MS = 50
STEPS = 400
KEYS = 60
LOOK_SECONDS = 0.0005
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
    """Milliseconds from a press of LEFT or RIGHT until what the player is drawn in moves sideways."""
    left, right = (next(i for i, a in enumerate(game.file.actions) if a.label.startswith(w)) for w in ("LEFT", "RIGHT"))
    if press % 8 == 0:
        game.reset(press)
    game.hold(0)
    time.sleep(0.2 + press % 7 * 0.009)  # the key comes anywhere within a tick
    place = PLACES[game.file.name]
    at, begun = place(game), time.perf_counter()
    game.hold(right if press % 2 else left)
    while (spent := time.perf_counter() - begun) < LONGEST_SECONDS:
        if place(game) != at:
            return spent * 1000.0
        time.sleep(LOOK_SECONDS)
    return None


def paddle(game: DesktopGame) -> int:
    """Of the reference game: the leftmost pixel of the paddle's row."""
    return int(np.flatnonzero((game.picture()[-8] == (88, 168, 255)).all(1))[0])


def hero(game: DesktopGame) -> bytes:
    """Of Xjump before the tower moves: everything in the field, where nothing else moves."""
    return game.file.regions["field"].of(game.picture()).tobytes()


PLACES: dict[str, Callable[[DesktopGame], int | bytes]] = {"refgame": paddle, "xjump": hero}

if __name__ == "__main__":
    main(sys.argv[1:] or list(PLACES))
