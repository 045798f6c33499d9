"""What every reader makes of a game step by step, and what is suspicious in it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jaxtyping import UInt8

from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import GameFile, typed_name
from playfield.games.desktop.measure import chance_actions, first_difference, picture_hashes
from playfield.games.desktop.readers import Digits, Looks, Readings, Unreadable
from playfield.games.desktop.watching import LONG, NothingHappens, never_changed, should_change
from playfield.types import Array

TRUTH = "PLAYFIELD_TRUTH"
"""Variable that names the file into which a game writes what it thinks itself: a line of JSON with names of readers."""
HELD_STEPS = 8
"""Steps for which the scripted policy holds each action."""
TRIED_STEPS = 20
MOST_SHORT = 20
"""Episodes of a single step in a row, after which more of them tell nothing new."""
MOST_TRIED = 6
"""Actions that are tried before a game is said to answer none."""

Policy = Literal["random", "scripted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One step: what was read, and what the game says itself."""

    episode: int
    step: int
    action: int
    values: Mapping[str, float]
    """By reader; not a number where it cannot be read."""
    unreadable: Mapping[str, str]
    """By reader that cannot be read: why."""
    truth: Mapping[str, float]
    """By reader of which the game tells its own number."""
    picture: UInt8[Array, "H W 3"]


def check_keys(file: GameFile) -> None:
    """See that actions matter: from one seed two of them must lead to different pictures.

    Raises: NothingHappens; as DesktopGame.
    """
    count = min(len(file.actions), MOST_TRIED)
    courses = list[list[bytes]]()
    for action in range(count):
        courses.append(picture_hashes(file, 0, [action] * TRIED_STEPS)[0])
        if len(courses) > 1 and first_difference(courses) is not None:
            return
    if count > 1:
        tried = ", ".join(action.label for action in file.actions[:count])
        raise NothingHappens(
            f"no action changes anything in {TRIED_STEPS} steps ({tried}): the game may still be at its menu, or have "
            f"other keys; mend [[begin]] or [[axes]], then: playfield games capture {typed_name(file)} --steps 20"
        )


def policy_actions(file: GameFile, policy: Policy, steps: int, seed: int) -> list[int]:
    """By chance, or every action in turn, each held for a while."""
    if policy == "random":
        return chance_actions(file, steps, seed)
    return [step // HELD_STEPS % len(file.actions) for step in range(steps)]


def check(game: DesktopGame, actions: Sequence[int], seed: int, truth: Path) -> Iterator[Checked]:
    """Play, and read everything at every step; an episode that is over begins again with the next seed.

    Where one after the other is over at once, it is given up.

    Raises: as DesktopGame, but never because a reader cannot read.
    """
    file, episode, begun, short = game.file, 0, 0, 0
    eyes = _begun(game, seed)
    for step, action in enumerate(actions):
        running = game.play(action)
        values, unreadable = _read(game, eyes)
        known = _truth(truth, file) if running else {}
        yield Checked(
            episode=episode, step=step, action=action, values=values, unreadable=unreadable, truth=known,
            picture=game.seen,
        )  # fmt: skip
        over = any(values[name] != 0.0 and not math.isnan(values[name]) for name in file.over)
        if over or not running or step + 1 - begun >= file.most_steps:
            short = short + 1 if step == begun else 0
            if short == MOST_SHORT:
                return
            episode, begun = episode + 1, step + 1
            truth.unlink(missing_ok=True)
            eyes = _begun(game, seed + episode)


def short_episodes(file: GameFile, trace: Sequence[Checked]) -> list[str]:
    """What to say where every episode was over at its first step."""
    if len(trace) < 2 or trace[-1].episode + 1 < len(trace):
        return []
    return [
        f"each of {len(trace)} episodes was over at its first step: what begins it does not leave its menu, or what "
        f"ends it is wrong; mend [[begin]] or over, then: playfield games capture {typed_name(file)} --steps 20"
    ]


def _begun(game: DesktopGame, seed: int) -> dict[str, Readings]:
    """An episode's readers one by one, so that one that cannot read keeps no other from it."""
    game.begin(seed)
    eyes = {name: Readings({name: reader}, game.file.regions) for name, reader in game.file.readers.items()}
    _read(game, eyes)
    return eyes


def _read(game: DesktopGame, eyes: Mapping[str, Readings]) -> tuple[dict[str, float], dict[str, str]]:
    state, values, unreadable = game.state(), dict[str, float](), dict[str, str]()
    for name, reader in eyes.items():
        try:
            values.update(reader.of(game.seen, state))
        except Unreadable as error:
            values[name], unreadable[name] = math.nan, str(error)
    return values, unreadable


def _truth(path: Path, file: GameFile) -> dict[str, float]:
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    said = json.loads(lines[-1]) if lines else {}
    return {name: float(value) for name, value in said.items() if name in file.readers}


@dataclass(slots=True)
class Summary:
    """What one reader has shown so far."""

    name: str
    lowest: float = math.inf
    highest: float = -math.inf
    changes: int = 0
    last: float | None = None
    unreadable: int = 0
    why: str = ""
    compared: int = 0
    wrong: int = 0
    first_wrong: str = ""
    fell: str = ""
    steps: int = 0
    _episode: int = -1

    def add(self, found: Checked) -> None:
        """Take a step into account."""
        self.steps += 1
        value = found.values[self.name]
        if math.isnan(value):
            self.unreadable += 1
            self.why = self.why or f"{found.unreadable[self.name]} at step {found.step}"
        else:
            self._add_value(value, found)
        if self.name in found.truth:
            self.compared += 1
            true = found.truth[self.name]
            if value != true:
                self.wrong += 1
                self.first_wrong = self.first_wrong or f"step {found.step}: read {value:g}, true {true:g}"

    def _add_value(self, value: float, found: Checked) -> None:
        self.lowest, self.highest = min(self.lowest, value), max(self.highest, value)
        if self.last is not None:
            self.changes += value != self.last
            if value < self.last and found.episode == self._episode:
                self.fell = self.fell or f"from {self.last:g} to {value:g} at step {found.step}"
        self.last, self._episode = value, found.episode


def findings(file: GameFile, summaries: Sequence[Summary]) -> list[str]:
    """What is suspicious, one sentence each, with what to do next."""
    game, found = typed_name(file), list[str]()
    rising = {reward.reader for reward in file.rewards if not reward.falls and reward.scale > 0}
    for each in summaries:
        reader = file.readers[each.name]
        if each.unreadable:
            region = getattr(reader, "region", None)
            ways = {Digits: "", Looks: " --as looks --step N"}
            way = next((way for kind, way in ways.items() if isinstance(reader, kind)), None)
            learn = "mend it" if way is None else f"playfield games calibrate {game} --region {region}{way}"
            found.append(f"{each.why} ({each.unreadable} of {each.steps} steps): {learn}")
        if each.wrong:
            found.append(f"the reader {each.name!r} was wrong at {each.wrong} steps, first {each.first_wrong}")
        if each.changes == 0 and each.steps >= LONG and should_change(reader) and not each.unreadable:
            found.append(never_changed(each.name, each.lowest, each.steps, game))
        if each.fell and each.name in rising:
            found.append(f"the reader {each.name!r} fell {each.fell}, and the reward takes it for one that only grows")
    return found
