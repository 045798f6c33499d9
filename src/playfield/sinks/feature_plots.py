"""What an autoencoder has learnt to see, as pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from playfield.sinks.plots import FAINT, INK, dress, legend, stroke, subtitle
from playfield.types import Array


def losses_picture(train: Sequence[float], test: Sequence[float], about: str) -> Figure:
    """Error of both parts after every epoch, as a share of the mean frame's error."""
    figure = Figure(figsize=(7.5, 4.6), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    epochs = np.arange(1, len(train) + 1)
    for number, (label, values) in enumerate((("train episodes, while learning", train), ("test episodes", test))):
        look = stroke(number)
        panel.plot(epochs, values, color=look.colour, linestyle=look.dash, marker="o", markersize=3, label=label)
    panel.axhline(1.0, color=FAINT, linestyle=":", linewidth=1.2, label="the mean frame")
    dress(panel)
    panel.set_yscale("log")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set_xlabel("epoch", fontsize=9)
    panel.set_ylabel("weighted error, the mean frame's is 1", fontsize=9)
    figure.suptitle("Reconstruction of frames", x=0.01, ha="left", fontsize=11, color=INK)
    subtitle(panel, about)
    legend(panel)
    return figure


def reconstructions_picture(
    original: UInt8[Array, "N H W C"], drawn: Float[Array, "N H W C"], places: Float[Array, "N P 2"], about: str
) -> Figure:
    """Frames, what is drawn of them, and the error; `places` are points in x and y from 0 to 1, none for no points."""
    count = len(original)
    figure = Figure(figsize=(1.5 * count + 0.6, 5.4), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    panels = figure.subplots(3, count, squeeze=False)
    frames = original.astype(np.float64) / 255.0
    height, width = frames.shape[1:3]
    for column in range(count):
        rows = (frames[column], drawn[column], np.abs(drawn[column] - frames[column]))
        for panel, picture in zip(panels[:, column], rows, strict=True):
            grey = picture.mean(2) if picture.shape[2] != 3 else picture
            panel.imshow(grey, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
            panel.set_xticks([])
            panel.set_yticks([])
        for number, (x, y) in enumerate(places[column]):
            colour = stroke(number).colour
            panels[0, column].plot(x * (width - 1), y * (height - 1), "+", color=colour, markersize=7)
    for panel, label in zip(panels[:, 0], ("frame", "drawn", "error"), strict=True):
        panel.set_ylabel(label, fontsize=9)
    figure.suptitle(about, x=0.01, ha="left", fontsize=9, color=INK)
    return figure
