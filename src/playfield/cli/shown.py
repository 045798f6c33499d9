"""Demonstrations as the commands that train take them: looked at before anything is made, then read."""

from __future__ import annotations

from pathlib import Path

from playfield.build import require_demonstrations
from playfield.demonstrations import Recording, check_same, demonstrations, read_recording
from playfield.games.games import Games, GameSpec
from playfield.games.make import make_games
from playfield.memory.demonstrated import Demonstrations
from playfield.memory.replay import Replay
from playfield.recipes import AnyRecipe, Recipe


def shown_in(folder: str | Path | None, recipe: AnyRecipe, trained_on: Games) -> Demonstrations | None:
    """The demonstrations in a folder, played again by the rules of the training; None where no folder is named.

    Nothing is played again of a recording that has its frames.

    Raises: as `check_shown`; ValueError where they do not play again.
    """
    recording = check_shown(folder, recipe, trained_on.spec)
    if recording is None or not isinstance(recipe, Recipe) or not isinstance(recipe.memory, Replay):
        return None
    if recording.warning is not None:
        print(f"note: {recording.warning}", flush=True)
    stack = recipe.memory.stack
    if recording.has_frames:
        shown = demonstrations(recording, trained_on, stack)
    else:
        games = make_games(trained_on.spec.name, recipe.protocol, 1, 1)
        try:
            shown = demonstrations(recording, games, stack)
        finally:
            games.close()
    gaps = f", {recording.gap_count:,} gaps" if recording.gap_count else ""
    print(f"shown    {len(recording.episodes):,} episodes, {shown.frames:,} frames{gaps}, from {folder}", flush=True)
    return shown


def check_shown(folder: str | Path | None, recipe: AnyRecipe, spec: GameSpec) -> Recording | None:
    """The recording in a folder; None where none is named.

    Raises: DamagedFile; ValueError where it is of something else, or the recipe cannot do with it or without.
    """
    if folder is None:
        require_demonstrations(recipe)
        return None
    if not isinstance(recipe, Recipe) or not isinstance(recipe.memory, Replay):
        raise ValueError(f"--demonstrations are for recipes with a replay memory, which {recipe.name} has not")
    recording = read_recording(Path(folder))
    check_same(recording, spec)
    return recording
