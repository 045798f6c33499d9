"""`export` and `import`: a trained agent as one file, from a run or from another library's weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import tyro
from torch import nn

from playfield.build import build_network
from playfield.cli.about import find_recipe, of_network
from playfield.cli.counts import OptionalCount
from playfield.cli.look import load_network
from playfield.cli.models import game_spec, new_card
from playfield.cli.results import EVALUATIONS
from playfield.cli.runs import Known, find_run, known
from playfield.learner import load_weights
from playfield.recipes import Recipe
from playfield.rng import Rng
from playfield.score import scoring_text
from playfield.settings import to_plain
from playfield.sinks.evaluations import read_evaluations
from playfield.storage.files import require_new
from playfield.storage.foreign import convert, read_tensors
from playfield.storage.model import SUFFIX, Card, Model, Scores, read_model, write_model
from playfield.storage.run import Run

Positional = tyro.conf.Positional
NOT_STATED = "not stated"
NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Export:
    """Write a run's agent as one file to give away: playfield export RUN MODEL.playfield

    Evaluate, watch and video take the file where they take a run. Opening it never runs code.
    """

    name: Positional[str]
    """The run's name, or the path of its directory."""
    out: Positional[Path]
    """The file to write; its name ends in .playfield, and nothing is overwritten."""
    checkpoint: str = NEWEST
    """`newest`, `best`, or the name of a checkpoint."""
    licence: str = NOT_STATED
    """Terms under which others may use the weights, for instance CC0-1.0."""
    runs: Path = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        require_new(self.out, SUFFIX)
        run = find_run(self.name, self.runs)
        of = known(run)
        recipe = of_network(of.recipe)
        spec = game_spec(of, recipe.protocol)
        network = build_network(recipe, spec, Rng(0))
        loaded = load_network(run, network, None if self.checkpoint == NEWEST else self.checkpoint)
        origin = f"run {run.name!r}, checkpoint {loaded.checkpoint}"
        card = replace(
            new_card(recipe, spec, origin=origin, licence=self.licence),
            frames=loaded.clock_frames,
            seed=of.seed,
            evaluation=newest_scores(run, loaded.clock_frames),
            fingerprint=tuple((name, str(value)) for name, value in loaded.fingerprint.items()),
        )
        if card.evaluation is None:
            print(
                f"note: no evaluation of checkpoint {loaded.checkpoint} is known, so the file states no score; "
                f"`playfield evaluate {self.name} --checkpoint {loaded.checkpoint}` makes one"
            )
        write(self.out, card, recipe, network)
        return 0


@dataclass(frozen=True, slots=True)
class Import:
    """Turn weights of another library into a model file, without running what they come with.

    Read are safetensors and files of torch.save, of: Stable-Baselines3 DQN and QR-DQN, CleanRL DQN, Kaixhin's Rainbow.
    """

    file: Positional[Path]
    """The foreign file: .zip, .cleanrl_model, .pth, .pt or .safetensors."""
    out: Positional[Path]
    """The file to write; its name ends in .playfield, and nothing is overwritten."""
    recipe: str
    """The recipe with that network: a name from `playfield recipes`, or a path to a recipe in JSON."""
    game: str
    """The game it plays: a name from `playfield games`, or gym:ID."""
    frames: OptionalCount = None
    """Emulator frames it was trained for, if you know."""
    licence: str = NOT_STATED
    """Terms under which others may use the weights, as their makers state them."""

    def run(self) -> int:
        if self.file.suffix == SUFFIX:
            read_model(self.file)
            raise ValueError(f"{self.file} is a model of Playfield already: `playfield evaluate {self.file}` plays it")
        require_new(self.out, SUFFIX)
        if self.frames is not None and self.frames < 0:
            raise ValueError("--frames must be 0 or more")
        recipe = of_network(find_recipe(self.recipe))
        spec = game_spec(Known(recipe, self.game, 0, {}), recipe.protocol)
        network = build_network(recipe, spec, Rng(0))
        weights, source = convert(read_tensors(self.file), network.state_dict(), len(spec.actions))
        load_weights(network, weights)
        card = replace(
            new_card(recipe, spec, origin=f"file {self.file.name!r}, {source.name}", licence=self.licence),
            frames=self.frames,
            notes=source.notes,
        )
        for note in card.notes:
            print(f"note: {note}")
        write(self.out, card, recipe, network)
        return 0


def newest_scores(run: Run, frames: int) -> Scores | None:
    """The newest evaluation of the weights that the run had at that many frames, if there is one."""
    made = [e for e in read_evaluations(run.path / "results" / EVALUATIONS) if e.clock.frames == frames]
    if not made:
        return None
    newest = made[-1]
    return Scores(protocol=scoring_text(newest.protocol), policy=newest.policy, seed=newest.seed, scores=newest.scores)


def write(path: Path, card: Card, recipe: Recipe, network: nn.Module) -> None:
    """Write a model file and say what it is."""
    size = write_model(path, Model(card=card, recipe=to_plain(recipe), weights=network.state_dict()))
    scored = card.evaluation
    played = "frames unknown" if card.frames is None else f"{card.frames:,} frames"
    mean = f", mean of {len(scored.scores)} games {sum(scored.scores) / len(scored.scores):,.2f}" if scored else ""
    print(f"model    {path}, {size / 1e6:.3g} MB\nagent    {recipe.name} on {card.game}, {played}{mean}")
    print(f"from     {card.origin}\nlicence  {card.licence}", flush=True)
