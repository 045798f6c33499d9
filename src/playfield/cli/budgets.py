"""`budgets`, and what `train --budget` says of one."""

from __future__ import annotations

from dataclasses import dataclass

import tyro
from rich.console import Console
from rich.table import Table

from playfield.budgets import BUDGETS, Budget, Choice, choose
from playfield.games.make import check_game
from playfield.settings import nearest


def find_budget(name: str) -> Budget:
    """A budget by name.

    Raises: ValueError naming those there are, the nearest first.
    """
    if name not in BUDGETS:
        raise ValueError(f"there is no budget {name!r}; there are: {nearest(name, list(BUDGETS))}")
    return BUDGETS[name]


def require_device(budget: Budget) -> None:
    """Raises: ValueError where a budget needs a device that is not here."""
    import torch

    if budget.device == "cpu":
        return
    others = " or ".join(other.name for other in BUDGETS.values() if other.device == "cpu")
    if not torch.cuda.is_available():
        raise ValueError(f"{budget.name} needs a CUDA GPU; on this machine use --budget {others}")


def budget_line(budget: Budget, choice: Choice) -> str:
    """What a budget chooses and what is to be expected of it, on one line."""
    chosen = f"{choice.recipe} for {budget.minutes:g} minutes"
    return f"budget   {budget.name}: {chosen}; expected {choice.expected()}"


@dataclass(frozen=True, slots=True)
class Budgets:
    """List the budgets of `train --budget`, or what each chooses for a game.

    playfield budgets | playfield budgets pong
    """

    game: tyro.conf.Positional[str] = ""
    """A name from `playfield games`."""

    def run(self) -> int:
        if self.game:
            return self._of_game()
        table = Table(title="Budgets", title_justify="left")
        for column in ("name", "about", "chooses, where no score decides"):
            table.add_column(column, overflow="fold", no_wrap=column == "name")
        for budget in BUDGETS.values():
            table.add_row(budget.name, budget.about, f"{budget.recipe}: {budget.because}")
        Console().print(table)
        print("`playfield budgets GAME` tells what each chooses for a game, and the score to expect")
        return 0

    def _of_game(self) -> int:
        """What each budget chooses; a budget that is not for such a game says so in its place."""
        if self.game in BUDGETS:
            raise ValueError(
                f"{self.game} is a budget, not a game: `playfield budgets` tells what each is for, `playfield budgets "
                f"pong` what each chooses for a game, and `playfield train pong --budget {self.game}` uses it"
            )
        check_game(self.game)
        for budget in BUDGETS.values():
            try:
                print(budget_line(budget, choose(budget, self.game)))
            except ValueError as refusal:
                print(f"budget   {budget.name}: {refusal}")
        return 0
