"""How a game behaves under its clock: whether it repeats itself, how finely it ticks, how soon a key shows."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8

from playfield.games.desktop.clocks import Hung
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import GameFile
from playfield.types import Array

REPEATS = 3
"""Fresh processes of one seed."""
LOOK_MS = 5
"""Of the game, between two looks for a change."""
LONGEST_MS = 1000
"""Of the game, within which a key should show."""
GRABS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """What the same actions made of one seed in fresh processes, and of another seed."""

    steps: int
    different: int
    """Pictures of the first process that are not alike: one where nothing moves proves nothing."""
    first_difference: int | None
    """The first step at which two processes of one seed differ; none where they never do."""
    other_seed_differs: bool
    rescued: int
    """Times that another thread than the game's first moved time."""

    @property
    def exact(self) -> bool:
        """Whether seed and actions are the whole episode, as far as this shows."""
        return self.first_difference is None and self.different > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How fast a game is here; real seconds, so another machine and another minute give others."""

    steps_per_second: float
    grabs_per_second: float
    game_seconds_per_second: float


def chance_actions(file: GameFile, steps: int, seed: int = 0) -> list[int]:
    """Actions by chance, the same for the same seed."""
    return np.random.default_rng(seed).integers(0, len(file.actions), steps).tolist()


def picture_hashes(file: GameFile, seed: int, actions: Sequence[int]) -> tuple[list[bytes], int]:
    """A fresh process: the hash of the first picture and of that after every action, and how often it was rescued.

    Raises: as DesktopGame.
    """
    with closing(DesktopGame(file)) as game:
        game.begin(seed)
        found = [_hash(game.picture())]
        for action in actions:
            if not game.play(action):
                break
            found.append(_hash(game.picture()))
        return found, int(game.clock.measured().get("rescued", 0))


def repeats(file: GameFile, steps: int) -> Repeats:
    """Play the same actions from one seed in fresh processes, and from another seed.

    Raises: as DesktopGame.
    """
    actions = chance_actions(file, steps)
    courses = [picture_hashes(file, seed, actions) for seed in (*[0] * REPEATS, 1)]
    *same, other = [hashes for hashes, _ in courses]
    return Repeats(
        steps=min(len(hashes) for hashes in same) - 1,
        different=len(set(same[0])),
        first_difference=first_difference(same),
        other_seed_differs=other != same[0],
        rescued=sum(count for _, count in courses),
    )


def first_difference(courses: Sequence[Sequence[bytes]]) -> int | None:
    """Where courses part, or where the first of them ends before another; None where they are all alike."""
    for step in range(max(len(course) for course in courses)):
        if len({course[step] if step < len(course) else None for course in courses}) > 1:
            return step
    return None


def tick_ms(game: DesktopGame) -> float | None:
    """The usual time of the game between two changes of its picture; None where fewer than two came.

    Raises: Hung.
    """
    game.begin(0)
    changes, seen = list[int](), game.picture()
    for ms in range(1, LONGEST_MS // 2):
        game.advance(1)
        if not game.is_running:
            break
        picture = game.picture()
        if not np.array_equal(picture, seen):
            changes.append(ms)
        seen = picture
    return float(np.median(np.diff(changes))) if len(changes) > 1 else None


def latencies_ms(game: DesktopGame) -> dict[str, int | None]:
    """For each action the game's time until it makes another picture than the first action does; None where never.

    Exact: both courses are of one seed, so that nothing but the action can make the difference.

    Raises: Hung.
    """
    first = _course(game, 0)
    found: dict[str, int | None] = {}
    for action, (label, _) in enumerate(game.file.actions):
        if action > 0:
            step = first_difference([first, _course(game, action)])
            found[label] = None if step is None else step * LOOK_MS
    return found


def _course(game: DesktopGame, action: int) -> list[bytes]:
    game.begin(0)
    game.hold(action)
    found = [_hash(game.picture())]
    for _ in range(LONGEST_MS // LOOK_MS):
        game.advance(LOOK_MS)
        if not game.is_running:
            break
        found.append(_hash(game.picture()))
    return found


def rates(game: DesktopGame, steps: int) -> Rates:
    """Play by chance, then copy pictures while the game rests; one that ends by itself is begun again.

    Raises: Hung.
    """
    game.begin(0)
    played, ends, spent = 0, 0, 0.0
    for action in chance_actions(game.file, steps):
        begin = time.perf_counter()
        runs = game.play(action)
        spent += time.perf_counter() - begin
        played += 1
        if not runs:
            ends += 1
            game.begin(ends)
    begin = time.perf_counter()
    for _ in range(GRABS):
        game.picture()
    return Rates(
        steps_per_second=played / spent,
        grabs_per_second=GRABS / (time.perf_counter() - begin),
        game_seconds_per_second=played * game.file.timing.step_ms / 1000.0 / spent,
    )


def would_repeat(file: GameFile, steps: int) -> Repeats | None:
    """What the virtual clock would make of a game that has another; none where it cannot have it.

    Raises: as DesktopGame, but never Hung.
    """
    if file.screen.place == "here" or not file.launch.command:
        return None
    timing = replace(file.timing, clock="virtual")
    try:
        return repeats(replace(file, launch=replace(file.launch, lasting=False), timing=timing), steps)
    except Hung:
        return None


def advice_in_real_time(file: GameFile, virtual: Repeats | None) -> str:
    """Which clock to choose for a game that keeps its own time."""
    if virtual is not None and virtual.exact:
        return 'clock = "virtual": the game takes it, and repeats itself with it; then it need not run in real time'
    if file.timing.clock == "suspend":
        return 'clock = "suspend" as the file says, though its time runs on while it is stopped; "real" is honest'
    return 'clock = "real": seed and actions are not the episode; what is late is told with every run'


def advice(found: Repeats, clock: str = "virtual") -> str:
    """Which clock to choose, and what it is worth."""
    if found.different < 2:
        return (
            "nothing in the window changed, so this says nothing: the game may wait at a menu; "
            "write what is pressed there as [[begin]]"
        )
    if not found.exact:
        return (
            f'clock = "{clock}", but not exact: processes of one seed part at step '
            f"{found.first_difference}, so tapes and resumed episodes may differ"
        )
    seed = "" if found.other_seed_differs else "; every seed gives the same course, so an agent may learn it by heart"
    return f'clock = "{clock}": seed and actions are the whole episode{seed}'


def _hash(picture: UInt8[Array, "H W 3"]) -> bytes:
    return hashlib.blake2b(picture.tobytes(), digest_size=16).digest()
