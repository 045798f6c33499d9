"""A study as a value: which recipes, which games, which seeds, how long. Nothing here trains or reports."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from playfield.memory.replay import Replay
from playfield.recipes import AnyRecipe
from playfield.settings import from_plain, to_plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One algorithm of a study."""

    name: str
    """What tables and pictures call it."""
    recipe: AnyRecipe
    overrides: tuple[str, ...] = ()
    """What sets the recipe apart from the one it was made from, as texts `path=value`."""


def never_learns(recipe: AnyRecipe, frames: int) -> str | None:
    """What to say where a training of so many frames ends before its first update; None where it does not."""
    start = recipe.memory.start_frames if isinstance(recipe.memory, Replay) else 0
    if frames > start:
        return None
    return (
        f"{recipe.name} learns nothing in {frames:,} frames, because it only observes for the first {start:,}: "
        "raise --frames, or lower memory.start_frames"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One run of a study: a variant on a game with a seed."""

    variant: Variant
    game: str
    seed: int
    demonstrations: str | None = None
    """Folder of the recording that its memory begins with."""

    @property
    def name(self) -> str:
        """Of the run's directory."""
        return f"{slug(self.variant.name)}-{slug(self.game)}-s{self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Every variant on every game with every seed, each trained for as long and evaluated over as many games.

    Raises: ValueError where there is nothing to run, or something twice.
    """

    variants: tuple[Variant, ...]
    games: tuple[str, ...]
    seeds: tuple[int, ...]
    frames: int
    """Emulator frames of training."""
    episodes: int = 30
    """Whole games of the evaluation that ends a run."""
    demonstrations: str | None = None
    """Folder of the recording that every run's memory begins with."""

    def never_learning(self) -> list[str]:
        """What to say of the variants whose trainings end before their first update."""
        if self.demonstrations is not None:
            return []  # they count as observed; how many frames they are is known, and told, by who reads them
        said = [never_learns(variant.recipe, self.frames) for variant in self.variants]
        return list(dict.fromkeys(sentence for sentence in said if sentence is not None))

    def __post_init__(self) -> None:
        for what, values in (
            ("recipe", [slug(variant.name) for variant in self.variants]),
            ("game", [slug(game) for game in self.games]),
            ("seed", [str(seed) for seed in self.seeds]),
        ):
            if not values:
                raise ValueError(f"a study needs at least one {what}")
            twice = [value for value in dict.fromkeys(values) if values.count(value) > 1]
            if twice:
                raise ValueError(f"a study takes each {what} once, but {twice[0]} is given twice")
        if self.demonstrations is not None and len(self.games) > 1:
            raise ValueError("--demonstrations are of one game, and this study has several: make a study of each")
        if self.frames < 1 or self.episodes < 1 or min(self.seeds) < 0:
            raise ValueError("a study needs frames and episodes of 1 or more, and seeds of 0 or more")

    def cells(self) -> Iterator[Cell]:
        """Every run, seed by seed: a study that is stopped early has few seeds of everything."""
        for seed in self.seeds:
            for game in self.games:
                for variant in self.variants:
                    yield Cell(variant=variant, game=game, seed=seed, demonstrations=self.demonstrations)

    def to_json(self) -> str:
        """The grid as text, every setting of every recipe stated; `grid_from_json` reads it back."""
        variants = [
            {"name": v.name, "overrides": list(v.overrides), "recipe": to_plain(v.recipe)} for v in self.variants
        ]
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return json.dumps({**plain, "variants": variants}, indent=1) + "\n"


def grid_from_json(text: str) -> Grid:
    """The grid that `to_json` wrote.

    Raises: ValueError saying what does not fit.
    """
    try:
        plain = cast("dict[str, Any]", json.loads(text))
        variants = tuple(
            Variant(
                name=str(each["name"]),
                recipe=from_plain(AnyRecipe, each["recipe"], "recipe"),
                overrides=tuple(str(override) for override in each["overrides"]),
            )
            for each in plain["variants"]
        )
        return Grid(
            variants=variants,
            games=tuple(str(game) for game in plain["games"]),
            seeds=tuple(int(seed) for seed in plain["seeds"]),
            frames=int(plain["frames"]),
            episodes=int(plain["episodes"]),
            # Of a study from before there were any, None.
            demonstrations=None if plain.get("demonstrations") is None else str(plain["demonstrations"]),
        )
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError, json.JSONDecodeError) as error:
        raise ValueError(f"this is not the description of a study: {type(error).__name__} {error}") from error


def grid_differences(left: Grid, right: Grid) -> list[str]:
    """What sets two grids apart, one word each; empty for the same grid."""
    return [field.name for field in dataclasses.fields(Grid) if getattr(left, field.name) != getattr(right, field.name)]


def slug(text: str) -> str:
    """A text as part of a file's name."""
    return re.sub(r"[^\w.+-]+", "-", text).strip("-.")


def seeds_from(text: str) -> tuple[int, ...]:
    """Seeds as people write them: `0..4` is 0, 1, 2, 3, 4; `0,2,7` is those three.

    Raises: ValueError for anything else.
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:\.\.\s*(\d+)\s*)?", part)
        if match is None or len(part) > 30:
            raise ValueError(f"{text!r} are no seeds; write 0..4 or 0,1,2")
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < first + 10_000:
            raise ValueError(f"{text!r} are no seeds: {part.strip()} must go upwards, over at most 10,000 seeds")
        found += range(first, last + 1)
    return tuple(found)


def words(text: str) -> tuple[str, ...]:
    """The words of a list with commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def same_frames(recipes: Sequence[AnyRecipe]) -> int:
    """The frames that all recipes state.

    Raises: ValueError where they state different ones.
    """
    stated = {recipe.name: recipe.frames for recipe in recipes}
    if len(set(stated.values())) > 1:
        told = ", ".join(f"{name} {frames:,}" for name, frames in stated.items())
        raise ValueError(f"the recipes state different lengths ({told}): say with --frames how long each is trained")
    return recipes[0].frames
