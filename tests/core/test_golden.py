"""200 updates of each recipe give the very weights and events that they gave before.

The numbers hold for one kind of machine, so they are kept by fingerprint. After a change that is meant to alter
training: `PLAYFIELD_REGENERATE_GOLDEN=1 pytest tests/core/test_golden.py`, and the reason into the changelog.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import pytest
import torch

from core.toys import ADAPTED, plain, small_games
from demonstrations.shown import record
from playfield.build import build_session
from playfield.demonstrations import demonstrations
from playfield.device import processor
from playfield.events import Learned
from playfield.games.make import make_games
from playfield.memory.replay import Replay
from playfield.recipes.linear import LINEAR_RECIPES
from playfield.storage.tree import digest

UPDATES = 200
FILE = Path(__file__).with_name("golden.json")
REGENERATE = os.environ.get("PLAYFIELD_REGENERATE_GOLDEN") == "1"


def fingerprint() -> str:
    """What the last bits of a sum depend on."""
    capability, threads = torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()
    return f"torch {torch.__version__}, {processor('model name')}, {capability}, {threads} thread{'s' * (threads != 1)}"


def play(name: str, folder: Path) -> dict[str, str]:
    """Digests of the weights and of all events up to the 200th update."""
    recipe = ADAPTED[name]
    if isinstance(recipe.memory, Replay):
        recipe = replace(recipe, memory=replace(recipe.memory, every_frames=2))  # an update each step: quicker
    given = None
    if recipe.imitation is not None:
        recipe = recipe.but(imitation=replace(recipe.imitation, pretrain_updates=50))
        given = demonstrations(record(folder / "shown", 60), small_games(1), recipe.memory.stack)
    session = build_session(recipe, small_games(recipe.games), seed=2026, shown=given)
    told = blake2b(digest_size=16)
    for event in session.play(float("inf")):
        told.update(repr(plain(event)).encode())
        if isinstance(event, Learned) and event.updates == UPDATES:
            break
    return {"weights": digest(session.agent.learner.state()["network"]), "events": told.hexdigest()}


def play_linear(name: str, folder: Path) -> dict[str, str]:
    """The same of a linear learner on Mountain Car."""
    recipe = LINEAR_RECIPES[name]
    games = make_games("gym:MountainCar-v0", recipe.protocol, 1)
    session = build_session(recipe, games, seed=2026)
    told = blake2b(digest_size=16)
    for event in session.play(UPDATES):
        told.update(repr(plain(event)).encode())
    games.close()
    return {"weights": digest(session.agent.weights()), "events": told.hexdigest()}


@pytest.mark.parametrize("name", [*ADAPTED, *LINEAR_RECIPES])
def test_200_updates(name: str, tmp_path: Path):
    golden = json.loads(FILE.read_text()) if FILE.exists() else {}
    here = fingerprint()
    played = play if name in ADAPTED else play_linear
    if REGENERATE:
        golden.setdefault(here, {})[name] = played(name, tmp_path / "made")
        FILE.write_text(json.dumps(golden, indent=2, sort_keys=True) + "\n")
    if name not in golden.get(here, {}):
        pytest.skip(f"no golden numbers of {name} for this machine: {here}")
    assert played(name, tmp_path) == golden[here][name]


def test_every_recipe_has_its_numbers_for_some_machine_and_none_has_numbers_that_is_gone():
    kept = [set(recipes) for recipes in json.loads(FILE.read_text()).values()]
    assert set().union(*kept) == {*ADAPTED, *LINEAR_RECIPES}
