"""Commands that only tell: runs and recipes."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console
from rich.table import Table

from playfield.settings import ABSENT, difference, explain, nearest, paths, setting_text
from playfield.storage.files import read_capped

if TYPE_CHECKING:
    from playfield.recipes import AnyRecipe, Recipe

MOST_RECIPE_BYTES = 1 << 20
"""Of a recipe's file."""

Positional = tyro.conf.Positional


@dataclass(frozen=True, slots=True)
class Recipes:
    """List the recipes, show one with every setting explained, or show how two differ.

    playfield recipes | playfield recipes dqn | playfield recipes diff dqn double | playfield recipes json dqn
    """

    words: Positional[tuple[str, ...]] = ()
    """Nothing, a recipe, `diff` and two recipes, or `json` and a recipe."""

    def run(self) -> int:
        match self.words:
            case ():
                _list_recipes()
            case ("diff", left, right):
                _diff_recipes(left, right)
            case ("json", name):
                print(find_recipe(name).to_json())
            case (name,) if name not in ("diff", "json"):
                _show_recipe(name)
            case _:
                raise ValueError("write `playfield recipes`, `recipes NAME`, `recipes diff A B` or `recipes json NAME`")
        return 0


def find_recipe(name: str) -> AnyRecipe:
    """A shipped recipe by name, or one from a JSON file.

    Raises: ValueError naming the three nearest recipes.
    """
    from playfield.recipes import ALL_RECIPES, recipe_from_json

    if name in ALL_RECIPES:
        return ALL_RECIPES[name]
    if name.endswith(".json"):
        path = Path(name)
        if not path.is_file():
            raise ValueError(f"there is no recipe file {name}")
        try:
            return recipe_from_json(_text(read_capped(path, MOST_RECIPE_BYTES)))
        except ValueError as error:
            begin = "`playfield recipes json dqn > mine.json` writes one to begin with"
            raise ValueError(f"{name}: {error} ({begin})") from error
    raise ValueError(
        f"there is no recipe {name!r}; the nearest are: {nearest(name, list(ALL_RECIPES))} "
        "(a recipe of your own is given as a path ending in .json)"
    )


def _text(content: bytes) -> str:
    """The text of a file in JSON.

    Raises: ValueError where it is written in another way than JSON is.
    """
    if content.startswith(codecs.BOM_UTF8):
        raise ValueError("this begins with a byte-order mark, which JSON has not; save it as UTF-8 without one")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"this is not text in UTF-8 from byte {error.start + 1} on; save it as UTF-8") from error


def of_network(recipe: AnyRecipe) -> Recipe:
    """The recipe, where it is one of a network.

    Raises: ValueError where it is a linear learner's.
    """
    from playfield.recipes import Recipe

    if not isinstance(recipe, Recipe):
        raise ValueError(f"{recipe.name} is a linear learner: it has no network; choose a recipe of one")
    return recipe


def _list_recipes() -> None:
    from playfield.recipes import ALL_RECIPES

    table = Table(title="Recipes", title_justify="left")
    for column in ("name", "about"):
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for recipe in ALL_RECIPES.values():
        table.add_row(recipe.name, recipe.about)
    Console().print(table)


def _show_recipe(name: str) -> None:
    recipe = find_recipe(name)
    table = Table(title=f"Recipe {recipe.name}", caption=recipe.about, title_justify="left", caption_justify="left")
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("what it is", overflow="fold", style="dim")
    for path, value in paths(recipe):
        if path not in ("name", "about"):
            table.add_row(path, setting_text(value), explain(recipe, path))
    Console().print(table)


def _diff_recipes(left: str, right: str) -> None:
    a, b = find_recipe(left), find_recipe(right)
    table = Table(title=f"{a.name} and {b.name} differ in", title_justify="left")
    for column in ("setting", a.name, b.name):
        table.add_column(column, overflow="fold")
    rows = [row for row in difference(a, b) if row[0] not in ("name", "about")]
    if not rows:
        print(f"{left} and {right} do not differ")
        return
    for path, one, other in rows:
        table.add_row(path, setting_text(one), setting_text(other))
    table.caption = f"{ABSENT} where a recipe has no such setting"
    Console().print(table)


@dataclass(frozen=True, slots=True)
class Runs:
    """List the runs of a folder: recipe, game, how far, mean of the last training episodes, size."""

    runs: Annotated[Path, tyro.conf.arg(name="runs")] = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        from playfield.cli.runs import list_summaries

        rows, sentences = list_summaries(self.runs)
        for sentence in sentences:
            print(f"note: {sentence}")
        if not rows:
            print(f"there are no runs in {self.runs} yet; `playfield train pong_laptop pong` makes one")
            return 0
        table = Table(title=f"Runs in {self.runs}", title_justify="left")
        table.add_column("run", no_wrap=True)
        table.add_column("recipe, game and seed", overflow="fold", min_width=10)
        for column in ("frames\nsaved", "episodes", "mean of\nlast 30", "size"):
            table.add_column(column, no_wrap=True, justify="right")
        for row in rows:
            table.add_row(*row)
        console = Console()
        # A name or a number that is broken is another one: where a screen is too narrow, it breaks whole lines itself.
        console.width = max(console.width, _least_width(table, console, breaking=1))
        console.print(table)
        return 0


def _least_width(table: Table, console: Console, *, breaking: int) -> int:
    """Letters that a table takes where one of its columns is broken as far as it may be, and no other one is."""
    column = table.columns[breaking]
    column.max_width = column.min_width
    least = console.measure(table, options=console.options.update(width=1_000)).maximum
    column.max_width = None
    return least
