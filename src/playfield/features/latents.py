"""What an autoencoder has learnt to see, as the numbers that a linear learner observes; and how it is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from jaxtyping import Float64, Int64, Shaped
from torch import Tensor

from playfield.features.autoencoder import Autoencoder, AutoencoderSpec, most_weights
from playfield.features.frames import Recording, Split, episodes_of, split_by
from playfield.games.games import Observations
from playfield.networks.draws import Chance, Draws
from playfield.rng import Rng
from playfield.settings import from_plain, to_plain
from playfield.storage.files import DamagedFile, parse_json, read_capped, replace_file
from playfield.storage.tensors import pack, unpack
from playfield.types import Array, Tree

WEIGHTS, ABOUT = "autoencoder.safetensors", "autoencoder.json"
MOST_WEIGHT_BYTES = 1 << 28
MOST_TEXT_BYTES = 1 << 22
MOST_SIDE = 1024
"""Pixels of a side of a frame; the screens of all games have fewer."""
FRAME_RULES = ("frame_skip", "frame_size", "crop")
"""The rules of a game that decide what a frame shows."""
LIMITS = ("low", "high", "change_low", "change_high")
HARDLY_VARIES = 0.15
"""Least spread of a latent that is kept, as a share of the most varied one's."""
SAYS_NOTHING_NEW = 0.05
"""Least share of a latent's variance that others do not explain."""
_LEAST = 1e-3
_PIECE = 1024
_TAILS = (0.1, 99.9)
"""Percentiles that limits are taken from: a single odd frame should not stretch the range of all others."""


Change = Literal["none", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latents:
    """A trained autoencoder of one game, with the limits within which its numbers lay in training."""

    game: str
    rules: Mapping[str, object]
    """Those of `FRAME_RULES` that its frames were made by."""
    autoencoder: Autoencoder
    low: Float64[Array, "N"]
    high: Float64[Array, "N"]
    change_low: Float64[Array, "N"]
    """Of the change since the frame before, within an episode."""
    change_high: Float64[Array, "N"]
    kept: tuple[int, ...]
    """The latents that say something: one that hardly varies, or follows from others, is left out."""


class LatentView:
    """The latents of the newest frame, and how they changed since the frame before; 0 where an episode begins."""

    def __init__(self, latents: Latents, change: Change = "none") -> None:
        self._latents, self._change = latents, change
        self._kept = np.array(latents.kept, np.int64)
        low, high = latents.low[self._kept], latents.high[self._kept]
        if change == "all":
            low = np.concatenate([low, latents.change_low[self._kept]])
            high = np.concatenate([high, latents.change_high[self._kept]])
        self.observations = Observations(low=tuple(low.tolist()), high=tuple(high.tolist()))
        self._low, self._high = low, high
        self._before = np.zeros(len(self._kept))

    def see(self, frame: Shaped[Array, "..."], first: bool) -> Float64[Array, "N"]:
        """Within the limits, whatever the frame."""
        found = numbers_of(self._latents.autoencoder, frame[None])[0][self._kept]
        seen = found
        if self._change == "all":
            seen = np.concatenate([found, np.zeros(len(found)) if first else found - self._before])
        self._before = found
        return np.clip(seen, self._low, self._high)

    def weights(self) -> Tree:
        """All that is needed to see so again; see `latents_from`."""
        return tree_of(self._latents)

    def state(self) -> Tree:
        return {"before": self._before.copy()}

    def load(self, tree: Tree) -> None:
        """Become what `state()` described.

        Raises: ValueError where it does not fit.
        """
        before = np.asarray(tree["before"], np.float64)
        if before.shape != self._before.shape:
            raise ValueError(f"view/before should hold {len(self._before)} numbers, not {before.size}")
        self._before = before.copy()


def frame_rules(protocol: Mapping[str, object]) -> dict[str, object]:
    """The part of a protocol that decides what a frame shows."""
    return {name: protocol[name] for name in FRAME_RULES if name in protocol}


@torch.inference_mode()
def numbers_of(autoencoder: Autoencoder, frames: Shaped[Array, "B ..."]) -> Float64[Array, "B N"]:
    """The latents of frames, batch by batch.

    Raises: ValueError for frames of another size.
    """
    if frames.shape[1:] != autoencoder.shape:
        height, width, channels = autoencoder.shape
        raise ValueError(f"these latents are of frames of {height} x {width} x {channels}, not of {frames.shape[1:]}")
    parts = [
        autoencoder.encode(torch.from_numpy(np.ascontiguousarray(frames[at : at + 64]))).numbers
        for at in range(0, len(frames), 64)
    ]
    return torch.cat(parts).numpy().astype(np.float64)


def measure(autoencoder: Autoencoder, recording: Recording, rows: Int64[Array, "N"]) -> Latents:
    """A trained autoencoder with the limits of its numbers on the frames of those rows, and which of them are kept."""
    pieces = [numbers_of(autoencoder, recording.frame[rows[at : at + _PIECE]]) for at in range(0, len(rows), _PIECE)]
    numbers = np.concatenate(pieces)
    episode = episodes_of(recording)[rows]
    follows = np.flatnonzero((np.diff(rows) == 1) & (np.diff(episode) == 0))
    changes = numbers[follows + 1] - numbers[follows]
    low, high = np.percentile(numbers, _TAILS, 0)
    change_low, change_high = np.percentile(changes, _TAILS, 0)
    return Latents(
        game=recording.about.game,
        rules=frame_rules(recording.about.protocol),
        autoencoder=autoencoder,
        low=low,
        high=np.maximum(high, low + _LEAST),
        change_low=change_low,
        change_high=np.maximum(change_high, change_low + _LEAST),
        kept=telling(numbers),
    )


def telling(numbers: Float64[Array, "R N"]) -> tuple[int, ...]:
    """Which columns say something that those before them, from the most varied on, do not say together; in order.

    Tiles over numbers that say the same twice would be as many as before, and learnt from as seldom, but no better.
    """
    spread = numbers.std(0)
    kept: list[int] = []
    for column in np.argsort(-spread, kind="stable"):
        if spread[column] < HARDLY_VARIES * spread.max() or spread[column] == 0.0:
            break
        wanted = numbers[:, column] - numbers[:, column].mean()
        given = numbers[:, kept] - numbers[:, kept].mean(0)
        rest = wanted - given @ np.linalg.lstsq(given, wanted)[0] if kept else wanted
        if rest.var() >= SAYS_NOTHING_NEW * wanted.var():
            kept.append(int(column))
    return tuple(sorted(kept)) or (0,)


def tree_of(latents: Latents) -> Tree:
    """Latents as a tree that can be saved."""
    tensors: dict[str, Tensor] = dict(latents.autoencoder.state_dict())
    about = {
        "game": latents.game,
        "rules": dict(latents.rules),
        "shape": list(latents.autoencoder.shape),
        "spec": to_plain(latents.autoencoder.spec),
        "kept": list(latents.kept),
    }
    limits = {name: torch.from_numpy(getattr(latents, name).copy()) for name in LIMITS}
    return {"about": json.dumps(about), "tensors": {**tensors, **limits}}


def latents_from(tree: Tree) -> Latents:
    """The latents that `tree_of` described, every shape checked before anything is made.

    Raises: ValueError where it describes none.
    """
    try:
        about = json.loads(tree["about"])
        shape, kept = tuple(about["shape"]), tuple(about["kept"])
        spec: AutoencoderSpec = from_plain(AutoencoderSpec, about["spec"])
        game, rules, tensors = str(about["game"]), frame_rules(about["rules"]), dict(tree["tensors"])
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("something of what was learnt to see with is missing") from error
    if len(shape) != 3 or not all(type(side) is int and 1 <= side <= MOST_SIDE for side in shape):
        raise ValueError(f"frames cannot be of the shape {shape}")
    if not all(type(number) is int and 0 <= number < spec.bottleneck.latents for number in kept) or not kept:
        raise ValueError("it keeps latents that there are not")
    if most_weights(spec, shape) > MOST_WEIGHT_BYTES // 4:
        raise ValueError("it asks for a network larger than any that is read")
    limits = {name: _limits(name, tensors.pop(name, None), spec.bottleneck.latents) for name in LIMITS}
    return Latents(game=game, rules=rules, autoencoder=_filled(spec, shape, tensors), kept=kept, **limits)


def _limits(name: str, tensor: Tensor | None, count: int) -> Float64[Array, "N"]:
    if tensor is None or tensor.dtype != torch.float64 or tensor.shape != (count,) or not tensor.isfinite().all():
        raise ValueError(f"{name} should be {count} numbers, one for every latent")
    return tensor.numpy().copy()


def _filled(spec: AutoencoderSpec, shape: tuple[int, int, int], tensors: Mapping[str, Tensor]) -> Autoencoder:
    chance = Rng(0)
    autoencoder = Autoencoder(spec, shape, Draws(weights=chance.torch("weights"), chance=Chance(chance.torch("noise"))))
    own = autoencoder.state_dict()
    if own.keys() != tensors.keys():
        raise ValueError("its tensors are not those of such an autoencoder")
    for name, tensor in own.items():
        given = tensors[name]
        if given.shape != tensor.shape or given.dtype != tensor.dtype or not given.isfinite().all():
            raise ValueError(f"{name} should be {tuple(tensor.shape)} finite numbers")
        tensor.copy_(given)
    return autoencoder.eval()


def write_latents(latents: Latents, folder: Path, more: Mapping[str, Any]) -> None:
    """Write latents into a folder, with whatever else is to be known of their making."""
    tree = tree_of(latents)
    replace_file(folder / WEIGHTS, b"".join(pack(tree["tensors"])))
    about = {"latents": json.loads(tree["about"]), **more}
    replace_file(folder / ABOUT, json.dumps(about, indent=2, allow_nan=False).encode() + b"\n")


def load_latents(path: Path) -> Latents:
    """The latents in a folder; the files may be a stranger's: nothing in them is run, and every shape is checked.

    Raises: DamagedFile.
    """
    if not (path / ABOUT).is_file():
        raise DamagedFile(path, "holds no latents; `playfield lab autoencode FRAMES` makes such a folder")
    plain = parse_json(path / ABOUT, read_capped(path / ABOUT, MOST_TEXT_BYTES))
    if not isinstance(plain, dict) or "latents" not in plain:
        raise DamagedFile(path / ABOUT, "does not say what was learnt to see with")
    tensors = unpack(path / WEIGHTS, read_capped(path / WEIGHTS, MOST_WEIGHT_BYTES))
    try:
        return latents_from({"about": json.dumps(cast(dict[str, Any], plain)["latents"]), "tensors": tensors})
    except ValueError as error:
        raise DamagedFile(path, f"holds no latents: {error}") from error


def split_of(path: Path, recording: Recording) -> Split:
    """The split of a recording under which the latents in a folder were learnt from it.

    Raises: ValueError where they are of other frames; DamagedFile.
    """
    plain = parse_json(path / ABOUT, read_capped(path / ABOUT, MOST_TEXT_BYTES))
    about, episodes = recording.about, len(recording.seeds)
    try:
        frames, test = plain["frames"], plain["split"]["test_episodes"]
        of = (frames["game"], frames["protocol"], frames["seed"], frames["rows"])
    except (KeyError, TypeError) as error:
        raise DamagedFile(path / ABOUT, "does not say which frames were learnt from") from error
    if of != (about.game, about.protocol, about.seed, about.rows):
        raise ValueError(f"the latents in {path} were learnt from other frames than these of {about.game}")
    if not test or not all(type(number) is int and 0 <= number < episodes for number in test):
        raise DamagedFile(path / ABOUT, "tests on episodes that there are not")
    return split_by(recording, np.array(test, np.int64))
