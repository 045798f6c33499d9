"""`games launch` and `games capture`: a desktop game is started and played by chance."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import tyro

from playfield.cli.games.results import new_folder, save_picture
from playfield.games.desktop.checking import Policy, policy_actions
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import region_of
from playfield.games.desktop.games import game_file, warn_of_suspending
from playfield.games.each import Outcome

Positional = tyro.conf.Positional


@dataclass(frozen=True, slots=True)
class GamesLaunch:
    """Start a desktop game on a display of its own and play by chance: playfield games launch NAME"""

    name: Positional[str]
    """A desktop game, or a game file ending in .toml."""
    steps: int = 200
    """Steps to play, at most; an episode that ends is the end."""
    seed: int = 0
    """Of the episode and of the actions."""
    policy: Policy = "random"
    """By chance, or every action in turn."""

    def run(self) -> int:
        check_steps(self.steps)
        file = game_file(self.name)
        warn_of_suspending(file)
        with closing(DesktopGame(file)) as game:
            game.reset(self.seed)
            window = game.window
            begin, played, reward = time.perf_counter(), 0, 0.0
            outcome: Outcome | None = None
            for action in policy_actions(file, self.policy, self.steps, self.seed):
                outcome = game.step(action)
                played, reward = played + 1, reward + outcome.reward
                if outcome.terminated or outcome.truncated:
                    break
            spent = time.perf_counter() - begin
            end = _end(game, outcome, played)
        print(f"window    {window.title!r}, {window.width} x {window.height} at {window.left}, {window.top}")
        print(f"played    {played:,} steps of {file.timing.step_ms} ms, {played / spent:,.0f} a second")
        print(f"reward    {reward:g}\nend       {end}")
        return 0


def _end(game: DesktopGame, outcome: Outcome | None, played: int) -> str:
    if outcome is None or not (outcome.terminated or outcome.truncated):
        return "the episode goes on"
    if outcome.lost is not None:
        return f"the game was lost: {outcome.lost}"
    if played >= game.file.most_steps and not outcome.terminated:
        return f"cut off after most_steps = {game.file.most_steps:,}"
    if not game.is_running:
        return "the game's process is gone"
    return "read from " + ", ".join(name for name in game.file.over if game.readings()[name] != 0.0)


@dataclass(frozen=True, slots=True)
class GamesCapture:
    """Pictures of a desktop game's window as PNG: playfield games capture NAME --steps 100 --every 10"""

    name: Positional[str]
    """A desktop game, or a game file ending in .toml."""
    steps: int = 100
    """Steps to play; what the readers say is not asked."""
    every: int = 10
    """Steps between two pictures."""
    region: str | None = None
    """Only this region of the window."""
    seed: int = 0
    """Of the episode and of the actions."""
    policy: Policy = "random"
    """By chance, or every action in turn."""
    out: Path = Path("captures")
    """Folder of the results."""

    def run(self) -> int:
        check_steps(self.steps)
        check_steps(self.every, "--every")
        file = game_file(self.name)
        part = None if self.region is None else region_of(file, self.region)
        with closing(DesktopGame(file)) as game:
            game.begin(self.seed)
            folder = new_folder(self.out, file.name if self.region is None else f"{file.name}-{self.region}")
            written, actions = 0, policy_actions(file, self.policy, self.steps, self.seed)
            for step, action in enumerate([None, *actions]):
                if action is not None and not game.play(action):
                    break
                if step % self.every == 0:
                    seen = game.seen if part is None else part.of(game.seen)
                    save_picture(folder / f"{step:06d}.png", seen)
                    written += 1
        print(f"pictures  {written:,} of {file.name}\nresults   {folder}")
        return 0


def check_steps(steps: int, option: str = "--steps") -> None:
    """Raises: ValueError where there are none."""
    if steps < 1:
        raise ValueError(f"{option} must be 1 or more, not {steps}")
