"""`lab autoencode`: few numbers that say what a frame shows, learnt from collected frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro

from playfield.cli.lab.progress import progress
from playfield.features.autoencoder import (
    Autoencoder,
    AutoencoderSpec,
    Bottleneck,
    Dense,
    Epoch,
    FitPlan,
    Points,
    batch_of,
    fit,
    ready,
)
from playfield.features.frames import Recording, Split, load, new_folder, require_new, split
from playfield.features.latents import Latents, measure, write_latents
from playfield.rng import Rng
from playfield.score import scoring_text
from playfield.sinks.feature_plots import losses_picture, reconstructions_picture
from playfield.sinks.plots import save_plot
from playfield.storage import fingerprint

Positional = tyro.conf.Positional

SHOWN = 8
"""Test frames in the picture of reconstructions."""


@dataclass(frozen=True, slots=True)
class LabAutoencode:
    """An autoencoder of collected frames: playfield lab autoencode lab/frames-catch --latents 8"""

    folder: Positional[Path]
    """What `playfield lab collect` has written."""
    latents: int = 8
    """Numbers that a frame becomes; a point is two of them."""
    bottleneck: Literal["points", "dense"] = "points"
    """points: the places of moving things; dense: numbers without a meaning of their own."""
    epochs: int = 10
    """Passes over the training part."""
    batch: int = 32
    """Frames of an update."""
    lr: float = 3e-3
    """Step size of Adam at first; it falls to 0."""
    balance: float = 0.5
    """How much more pixels count that rarely change: by their standard deviation to the power of minus this."""
    test_share: float = 0.3
    """Share of the episodes that are only tested on."""
    seed: int = 0
    """Of the split, the first weights and the order of frames."""
    out: Path | None = None
    """Folder to write; by default `latents` in that of the frames."""

    def run(self) -> int:
        spec = AutoencoderSpec(bottleneck=self._bottleneck(), balance=self.balance)
        plan = FitPlan(epochs=self.epochs, batch=self.batch, lr=self.lr, seed=self.seed)
        folder = self.folder / "latents" if self.out is None else self.out
        require_new(folder)
        recording = load(self.folder)
        parts = split(recording, self.test_share, Rng(self.seed).numpy("split"))
        _describe(recording, parts)
        autoencoder = ready(spec, recording, parts.train, Rng(self.seed))
        epochs = _fitted(autoencoder, recording, parts, plan)
        latents = measure(autoencoder.eval(), recording, parts.train)
        with new_folder(folder) as unfinished:
            write_latents(latents, unfinished, self._more(recording, parts, plan, epochs))
            _draw(unfinished, latents, recording, parts, epochs)
        _report(folder, latents, epochs)
        return 0

    def _bottleneck(self) -> Bottleneck:
        if self.bottleneck == "dense":
            return Dense(latents=self.latents)
        if self.latents < 2 or self.latents % 2:
            raise ValueError(f"--latents must be 2, 4, 6 or more for points, of which each is two, not {self.latents}")
        return Points(points=self.latents // 2)

    def _more(self, recording: Recording, parts: Split, plan: FitPlan, epochs: list[Epoch]) -> dict[str, object]:
        about = recording.about
        return {
            "frames": {"game": about.game, "protocol": about.protocol, "seed": about.seed, "rows": about.rows},
            "split": {
                "by": "whole episodes",
                "test_share": self.test_share,
                "train_episodes": list(parts.train_episodes),
                "test_episodes": list(parts.test_episodes),
            },
            "seed": plan.seed,
            "batch": plan.batch,
            "lr": plan.lr,
            "errors": [
                {"epoch": e.epoch, "train": e.train, "test": e.test.weighted, "test_plain": e.test.plain}
                for e in epochs
            ],
            "error_of_the_mean_frame": 1.0,
            "fingerprint": fingerprint.take(),
        }


def _describe(recording: Recording, parts: Split) -> None:
    shape = recording.frame.shape[1:]
    print(f"frames   {recording.about.game}, {scoring_text(recording.about.protocol)}")
    print(f"train    {(len(parts.train), *shape)}, {len(parts.train_episodes):,} episodes")
    print(f"test     {(len(parts.test), *shape)}, {len(parts.test_episodes):,} episodes")
    print("         split by whole episodes: a neighbour of a frame is nearly the frame, so none is in the other part")


def _fitted(autoencoder: Autoencoder, recording: Recording, parts: Split, plan: FitPlan) -> list[Epoch]:
    epochs: list[Epoch] = []
    print("epoch    error of train   of test   of test, all pixels alike   (the mean frame's is 1)")
    with progress("learning to see", 1.0) as advance:

        def on_update(done: float) -> None:
            advance(done, f"epoch {len(epochs) + 1}")

        for epoch in fit(autoencoder, recording, parts, plan, on_update):
            epochs.append(epoch)
            print(f"{epoch.epoch:>5} {epoch.train:>17.4f} {epoch.test.weighted:>9.4f} {epoch.test.plain:>9.4f}")
    return epochs


def _draw(folder: Path, latents: Latents, recording: Recording, parts: Split, epochs: list[Epoch]) -> None:
    spec, about = latents.autoencoder.spec, recording.about
    kind = type(spec.bottleneck).__name__
    words = f"{about.game}, {kind} of {spec.bottleneck.latents} latents, pixels weighted by spread ** -{spec.balance:g}"
    losses = losses_picture([e.train for e in epochs], [e.test.weighted for e in epochs], words)
    save_plot(losses, folder / "losses.png")
    # Away from the first frames of episodes, which are much alike.
    rows = parts.test[np.linspace(0, len(parts.test) - 1, 2 * SHOWN + 1).astype(int)[1::2]]
    with torch.inference_mode():
        frames = batch_of(recording, rows)
        drawn = latents.autoencoder.reconstruct(frames).numpy()
        code = latents.autoencoder.encode(frames)
    places = code.numbers.numpy().reshape(len(rows), -1, 2) if code.amount.shape[1] else np.zeros((len(rows), 0, 2))
    words = (
        f"{about.game}: test frames, never trained on; what is drawn from {spec.bottleneck.latents} latents; the error"
    )
    save_plot(reconstructions_picture(recording.frame[rows], drawn, places, words), folder / "reconstructions.png")


def _report(folder: Path, latents: Latents, epochs: list[Epoch]) -> None:
    last = epochs[-1].test
    print(f"error    {last.weighted:.4f} on test episodes, where rare pixels count more; {last.plain:.4f} unweighted")
    print("         the mean frame's is 1: where small things are missing in reconstructions.png, it is near that")
    names = [_name(latents, number) for number in latents.kept]
    print(f"kept     {', '.join(names)}: the others hardly change, or follow from these")
    print(f"results  {folder}")


def _name(latents: Latents, number: int) -> str:
    if isinstance(latents.autoencoder.spec.bottleneck, Dense):
        return f"latent {number + 1}"
    return f"{'xy'[number % 2]} of point {number // 2 + 1}"
