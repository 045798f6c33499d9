"""`games doctor`: what a desktop game needs here, how fast it is and whether it repeats itself."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import tyro

from playfield.cli.games.play import check_steps
from playfield.games.desktop.clocks import NotTaken
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import GameFile
from playfield.games.desktop.games import game_file
from playfield.games.desktop.measure import (
    REPEATS,
    Repeats,
    advice,
    advice_in_real_time,
    chance_actions,
    latencies_ms,
    rates,
    repeats,
    tick_ms,
    would_repeat,
)
from playfield.games.desktop.requirements import requirements

FOUND = 1
"""Exit code where something lacks, or the game does not repeat itself."""


@dataclass(frozen=True, slots=True)
class GamesDoctor:
    """What a desktop game needs here, its speed, and whether it repeats itself: playfield games doctor NAME"""

    name: tyro.conf.Positional[str]
    """A desktop game, or a game file ending in .toml."""
    steps: int = 200
    """Steps of every course that is compared."""

    def run(self) -> int:
        check_steps(self.steps)
        file = game_file(self.name)
        needed = requirements(file)
        for each in needed:
            print(f"{each.name:14}{each.found or 'missing: ' + each.how}")
        if any(each.found is None for each in needed):
            return FOUND
        if not file.timing.replays:
            return _report_in_real_time(file, self.steps)
        with closing(DesktopGame(file)) as game:
            try:
                _print_speed(game, self.steps)
            except NotTaken as error:
                print(f'{"advice":14}clock = "real": {error}')
                return FOUND
        found = repeats(file, self.steps)
        _print_repeats(found)
        print(f"{'advice':14}{advice(found)}")
        return 0 if found.exact else FOUND


def _report_in_real_time(file: GameFile, steps: int) -> int:
    """How well a game that keeps its own time is kept up with, and whether it could have another clock."""
    with closing(DesktopGame(file)) as game:
        game.begin(0)
        game.pace.take()
        for action in chance_actions(file, steps):
            if not game.play(action):
                break
        late = game.pace.take()
    if late:
        print(
            f"{'lateness':14}median {late['late_median_ms']:.1f} ms, 99 of 100 steps within "
            f"{late['late_p99_ms']:.1f} ms, worst {late['late_worst_ms']:.1f} ms, of steps of {file.timing.step_ms} ms"
        )
    print(f"{'advice':14}{advice_in_real_time(file, would_repeat(file, steps))}")
    return 0


def _print_speed(game: DesktopGame, steps: int) -> None:
    tick = tick_ms(game)
    said = "nothing changes without a key" if tick is None else f"the picture changes every {tick:g} ms of the game"
    print(f"{'tick':14}{said}")
    print(f"{'key to pixel':14}{_latency(game)}")
    found = rates(game, steps)
    print(
        f"{'speed':14}{found.steps_per_second:,.0f} steps of {game.file.timing.step_ms} ms a second, "
        f"{found.game_seconds_per_second:.1f} times real time; {found.grabs_per_second:,.0f} pictures a second"
    )


def _latency(game: DesktopGame) -> str:
    found = latencies_ms(game)
    seen = {label: ms for label, ms in found.items() if ms is not None}
    if not found:
        return "there is one action only"
    if not seen:
        return "no action shows within a second of the game: see [[begin]] and [[axes]]"
    quickest, slowest = min(seen.values()), max(seen.values())
    never = [label for label, ms in found.items() if ms is None]
    silent = f"; never: {', '.join(never)}" if never else ""
    span = f"{quickest} ms" if quickest == slowest else f"{quickest} to {slowest} ms"
    return f"{span} of the game{silent}"


def _print_repeats(found: Repeats) -> None:
    if found.first_difference is None:
        said = f"{REPEATS} fresh processes of one seed show the same {found.steps + 1:,} pictures"
    else:
        said = f"{REPEATS} fresh processes of one seed part at step {found.first_difference}"
    other = "another seed differs" if found.other_seed_differs else "another seed shows the same"
    print(f"{'exactness':14}{said}, {found.different:,} of them different; {other}")
    if found.rescued:
        print(f"{'threads':14}time had to be moved {found.rescued} times by a thread that is not the game's first")
