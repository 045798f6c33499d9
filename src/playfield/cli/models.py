"""Model files as the commands need them: found, opened to play, and described."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from torch import nn

from playfield.build import build_network
from playfield.cli.runs import Known
from playfield.games.games import GameSpec
from playfield.games.make import names_code
from playfield.games.protocol import AtariProtocol
from playfield.games.supervised import supervised_games
from playfield.learner import load_weights
from playfield.networks import obs_shape
from playfield.recipes import Recipe
from playfield.rng import Rng
from playfield.score import scoring_text
from playfield.settings import from_plain
from playfield.storage import fingerprint
from playfield.storage.model import SUFFIX, Card, read_model
from playfield.types import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A model file, ready to play."""

    path: Path
    of: Known
    spec: GameSpec
    network: nn.Module
    clock: Clock

    def beside(self, name: str) -> Path:
        """A file for results next to the model: `pong.playfield` and `best_game.mp4` give `pong.best_game.mp4`."""
        return self.path.with_name(f"{self.path.stem}.{name}")


def model_path(name: str, root: Path) -> Path | None:
    """The path of a model file where the name is one; None where it can only be that of a run.

    Raises: FileNotFoundError where it ends as a model does and there is none.
    """
    path = Path(name)
    if path.suffix != SUFFIX or path.is_dir() or (root / name).is_dir():
        return None
    if not path.is_file():
        raise FileNotFoundError(f"there is no model file {path}")
    return path


def open_model(path: Path) -> Opened:
    """The agent in a model file.

    Raises: DamagedFile; ValueError where it does not fit this version of Playfield, or the game is not the one it knew.
    """
    model = read_model(path)
    card = model.card
    if names_code(card.game):
        # Gymnasium imports the module before a colon, and a game file starts a program.
        raise ValueError(f"{path} names the game {card.game}, which would load a module of the file's choice")
    try:
        recipe: Recipe = from_plain(Recipe, model.recipe)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} does not fit this version of Playfield: {error}") from error
    of = Known(recipe, card.game, card.seed or 0, {})
    spec = game_spec(of, recipe.protocol)
    seen = obs_shape(spec.frame_shape, recipe.memory.stack)
    if (card.actions, card.obs_shape) != (spec.actions, seen):
        raise ValueError(
            f"{path} was made for a {card.game} with {len(card.actions)} actions and observations of {card.obs_shape}; "
            f"here it has {len(spec.actions)} and {seen}, or other actions: use the version it was made with"
        )
    network = build_network(recipe, spec, Rng(0))
    load_weights(network, model.weights)
    return Opened(path=path, of=of, spec=spec, network=network.eval(), clock=Clock(frames=card.frames or 0))


def game_spec(of: Known, protocol: AtariProtocol) -> GameSpec:
    """What the game is, without keeping it open."""
    games = supervised_games(of.game, protocol, 1, threads=1)
    games.close()
    return games.spec


def new_card(recipe: Recipe, spec: GameSpec, *, origin: str, licence: str) -> Card:
    """What can be said of any model made now for a game; its history is the caller's to add."""
    return Card(
        game=spec.name,
        protocol=scoring_text(spec.protocol),
        actions=spec.actions,
        obs_shape=obs_shape(spec.frame_shape, recipe.memory.stack),
        frames=None,
        seed=None,
        evaluation=None,
        fingerprint=tuple((name, str(value)) for name, value in fingerprint.take().items()),
        origin=origin,
        notes=(),
        licence=licence,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        playfield=metadata.version("playfield"),
    )
