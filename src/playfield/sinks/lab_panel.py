"""The lab at a glance: curves on the left, what was learnt and the agent at play on the right, redrawn as it grows."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float64, Int64, UInt8
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes as Place
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Drawing
from matplotlib.gridspec import SubplotSpec
from matplotlib.markers import MarkerStyle
from matplotlib.patches import Polygon
from matplotlib.path import Path as Outline
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter, SymmetricalLogLocator
from PIL import Image

from playfield.linear.charts import Axes, Curve, Point, Surface
from playfield.sinks.lab_plots import draw_curve
from playfield.sinks.plots import COLOURS, FAINT, INK, dress
from playfield.types import Array

DOTS_PER_INCH = 100
FRAMES_PER_SECOND = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Curves on axes; logarithmic ones may be of negative numbers, which then grow downwards."""

    axes: Axes
    curves: tuple[Curve, ...]
    x_limits: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """A surface in perspective."""

    axes: Axes
    surface: Surface


@dataclass(frozen=True, slots=True, kw_only=True)
class Hill:
    """A car on the hill of Mountain Car, at every step of an episode."""

    title: str
    position: Float64[Array, "T"]
    ended: bool
    """It reached the top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What the cells of a grid are worth, and the way of an episode through them."""

    title: str
    worth: Float64[Array, "R C"]
    """nan where nothing is known."""
    way: Int64[Array, "T 2"]
    """Row and column at every step."""
    ended: bool
    """The way leads to an end."""


Part = Chart | Relief | Hill | Grid
"""Everything that can stand in a panel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a panel shows."""

    title: str
    about: str
    left: tuple[Part, ...] = ()
    right: tuple[Part, ...] = ()

    @property
    def moments(self) -> int:
        """How many moments the moving parts have; 1 where nothing moves."""
        return max((_moments(part) for part in (*self.left, *self.right)), default=1)


def _moments(part: Part) -> int:
    match part:
        case Hill():
            return len(part.position)
        case Grid():
            return len(part.way)
        case _:
            return 1


class Picture(Drawing):
    """A figure that a notebook shows, whatever backend is chosen there."""

    def _repr_png_(self) -> bytes:
        kept = io.BytesIO()
        self.savefig(kept, format="png")
        return kept.getvalue()


class Panel:
    """A scene drawn once, in which what moves can be set to any moment of its episode."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.figure, places = _laid_out(scene)
        self._moving = [_draw(place, part) for place, part in zip(places, (*scene.left, *scene.right), strict=True)]
        self._canvas = FigureCanvasAgg(self.figure)
        self._canvas.draw()
        self._still: Any = self._canvas.copy_from_bbox(self.figure.bbox)
        self.at(scene.moments - 1)

    def at(self, moment: int) -> None:
        """Set what moves to a moment; after its last one it rests there."""
        for moving in self._moving:
            moving.at(moment)

    def frame(self, moment: int) -> UInt8[Array, "H W 3"]:
        """The picture at a moment."""
        self.at(moment)
        self._canvas.restore_region(self._still)
        for moving in self._moving:
            for artist in moving.artists:
                cast(Place, artist.axes).draw_artist(artist)
        return np.asarray(self._canvas.buffer_rgba())[:, :, :3].copy()


class _Still:
    """A part in which nothing moves."""

    artists: Sequence[Artist] = ()

    def at(self, moment: int) -> None:
        pass


def _laid_out(scene: Scene) -> tuple[Picture, list[Place]]:
    """Two columns, or one row where there is nothing on the right; margins are fixed, so that nothing jumps."""
    columns = [column for column in (scene.left, scene.right) if column]
    if len(columns) == 1:
        columns = [(part,) for part in columns[0]]
    rows = max((len(column) for column in columns), default=1)
    height = 6.4 if rows > 1 else 4.2
    width = 10.4 if len(columns) != 1 else 6.2
    figure = Picture(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor="white")
    figure.text(0.16 / width, 1 - 0.16 / height, scene.title, fontsize=11, color=INK, ha="left", va="top")
    figure.text(0.16 / width, 1 - 0.40 / height, scene.about, fontsize=8.5, color=FAINT, ha="left", va="top")
    outer = figure.add_gridspec(
        1, max(1, len(columns)), left=0.75 / width, right=1 - 0.25 / width, bottom=0.55 / height, top=1 - 1.0 / height,
        wspace=0.75 / (0.5 * width - 0.7),
    )  # fmt: skip
    places: list[Place] = []
    for number, column in enumerate(columns):
        inner = outer[number].subgridspec(len(column), 1, hspace=0.38)
        places += [_place(figure, inner[row], part) for row, part in enumerate(column)]
    return figure, places


def _place(figure: Drawing, where: SubplotSpec, part: Part) -> Place:
    if isinstance(part, Grid):
        where = where.subgridspec(1, 2, width_ratios=(12, 1))[0]  # room for a bar of colours
    return figure.add_subplot(where, projection="3d" if isinstance(part, Relief) else None)


def _draw(place: Place, part: Part) -> _Moving:
    match part:
        case Chart():
            return _draw_chart(place, part)
        case Relief():
            return _draw_relief(place, part)
        case Hill():
            return _Car(place, part)
        case Grid():
            return _Walker(place, part)


def _headline(place: Place, text: str) -> None:
    """Above a part, at the left of its column, however much narrower its axes are."""
    figure, where = cast(Drawing, place.figure), cast(SubplotSpec, place.get_subplotspec())
    corner = where.get_position(figure)
    figure.text(corner.x0, corner.y1 + 0.07 / figure.get_figheight(), text, fontsize=9.5, color=INK, va="bottom")


# Charts


def _draw_chart(place: Place, chart: Chart) -> _Still:
    for number, curve in enumerate(chart.curves):
        draw_curve(place, number, curve)
    dress(place)
    place.tick_params(labelsize=8)
    _headline(place, chart.axes.title)
    place.set_xlabel(chart.axes.x, fontsize=8.5)
    place.set_ylabel(chart.axes.y, fontsize=8.5)
    place.set_xlim(*chart.x_limits)
    place.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if chart.axes.y_limits is not None:
        place.set_ylim(*chart.axes.y_limits)
    if chart.axes.logarithmic:
        _logarithmic(place, [point for curve in chart.curves for point in curve.points])
    if len(chart.curves) > 1:
        place.legend(loc="best", fontsize=8, frameon=False)
    return _Still()


def _logarithmic(place: Place, points: Sequence[Point]) -> None:
    """Of positive numbers, or of negative ones as in a mirror; with whole numbers at the ticks."""
    ticks = [1.0, 2.0, 5.0]
    mean, error = (np.array([getattr(point, name) for point in points]) for name in ("mean", "standard_error"))
    if not np.isfinite(mean).any():
        return  # nothing is left where weights ran away
    if np.nanmin(mean) < 0.0:
        low = float(np.nanmin(mean - np.nan_to_num(error)))
        high = min(-1.0, float(np.nanmax(mean + np.nan_to_num(error))))
        beyond = max(1.02, (low / high) ** 0.05)
        place.set_yscale("symlog", linthresh=1.0)
        place.yaxis.set_major_locator(SymmetricalLogLocator(base=10.0, linthresh=1.0, subs=ticks))
        if low / high < 5.0:
            place.yaxis.set_major_locator(MaxNLocator(4))
        place.set_ylim(low * beyond, high / beyond)
    else:
        place.set_yscale("log")
        place.yaxis.set_major_locator(LogLocator(base=10.0, subs=ticks, numticks=12))
    place.yaxis.set_minor_locator(NullLocator())
    place.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


# Surfaces


def _draw_relief(place: Place, relief: Relief) -> _Still:
    solid, surface = cast(Any, place), relief.surface  # three-dimensional axes have no complete types
    x, y = np.meshgrid(surface.x, surface.y)
    solid.plot_surface(
        x, y, surface.height, cmap="viridis", linewidth=0.2, edgecolor="#30363d", rcount=len(surface.y),
        ccount=len(surface.x), antialiased=True,
    )  # fmt: skip
    _headline(place, relief.axes.title)
    solid.set_xlabel(relief.axes.x, fontsize=8, labelpad=-4)
    solid.set_ylabel(relief.axes.y, fontsize=8, labelpad=-2)
    solid.tick_params(labelsize=7, pad=-2)
    for axis in (solid.xaxis, solid.yaxis, solid.zaxis):
        axis.set_major_locator(MaxNLocator(4))
    solid.view_init(elev=32, azim=-60)
    solid.set_box_aspect((1.3, 1.3, 0.65), zoom=1.4)
    return _Still()


# The car

# A body, a cabin and two wheels; it stands on the origin, heading right.
_BODY = ((-1.0, 0.25), (1.0, 0.25), (1.0, 0.7), (0.55, 0.75), (0.3, 1.15), (-0.5, 1.15), (-0.75, 0.75), (-1.0, 0.7))
_WHEELS = (-0.55, 0.55)
_CAR_INCHES = 0.45
_HILL_COLOUR = "#d8c9a8"
_LEAST, _MOST, _FLAG = -1.2, 0.6, 0.5


def _car_outline() -> Outline:
    wheels = [Outline.circle((x, 0.28), 0.28) for x in _WHEELS]
    return Outline.make_compound_path(Outline((*_BODY, _BODY[0]), closed=True), *wheels)


class _Car:
    """The car on its hill, y = sin 3x."""

    def __init__(self, place: Place, hill: Hill) -> None:
        self._place, self._hill = place, hill
        x = np.linspace(_LEAST, _MOST, 200)
        _headline(place, hill.title)
        place.set_xlim(_LEAST, _MOST)
        place.set_ylim(-1.35, 1.75)
        place.fill_between(x, -1.35, np.sin(3.0 * x), color=_HILL_COLOUR, linewidth=0)
        place.plot(x, np.sin(3.0 * x), color="#8a7a55", linewidth=1.5)
        foot = math.sin(3.0 * _FLAG)
        place.plot([_FLAG, _FLAG], [foot, foot + 0.6], color=INK, linewidth=1.2)
        place.add_patch(
            Polygon([(_FLAG, foot + 0.6), (_FLAG - 0.11, foot + 0.48), (_FLAG, foot + 0.36)], color=COLOURS[1])
        )
        place.set_yticks([])
        place.tick_params(labelsize=8, colors=INK)
        place.set_xlabel("position", fontsize=8.5, color=INK)
        for side in ("top", "right", "left"):
            place.spines[side].set_visible(False)
        (self._car,) = place.plot(
            [], [], linestyle="none", color=COLOURS[0], markersize=72 * _CAR_INCHES, animated=True
        )
        self._car.set_markeredgewidth(0)
        self._words = place.text(
            0.02, 0.95, "", transform=place.transAxes, va="top", fontsize=8.5, color=INK, animated=True
        )
        self._outline = _car_outline()

    @property
    def artists(self) -> Sequence[Artist]:
        return self._car, self._words

    def at(self, moment: int) -> None:
        last = len(self._hill.position) - 1
        step = min(moment, last)
        x = float(self._hill.position[step])
        self._car.set_data([x], [math.sin(3.0 * x)])
        # How steep the hill is on the screen, where its axes are scaled differently.
        there = self._place.transData.transform([(x, math.sin(3.0 * x)), (x + 1e-3, math.sin(3.0 * (x + 1e-3)))])
        slope = float(np.arctan2(there[1, 1] - there[0, 1], there[1, 0] - there[0, 0]))
        self._car.set_marker(MarkerStyle(self._outline).rotated(rad=slope))
        arrived = " at the top" if self._hill.ended and step == last else ""
        self._words.set_text(f"step {step:,} of {last:,}{arrived}")


# Grids


class _Walker:
    """What cells are worth, the way through them, and who walks it."""

    def __init__(self, place: Place, grid: Grid) -> None:
        self._grid = grid
        _headline(place, grid.title)
        rows, columns = grid.worth.shape
        colours = colormaps["viridis"].with_extremes(bad="#d0d7de")
        image = place.imshow(np.ma.masked_invalid(grid.worth), cmap=colours, aspect="equal", interpolation="nearest")
        place.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
        place.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
        place.grid(which="minor", color="white", linewidth=0.8)
        place.tick_params(which="both", length=0, labelsize=7, colors=FAINT)
        place.set_xticks(range(columns))
        place.set_yticks(range(rows))
        place.set_anchor("NW")
        for spine in place.spines.values():
            spine.set_visible(False)
        y, x = grid.way[:, 0], grid.way[:, 1]
        place.plot(x, y, color="white", linewidth=2.4, alpha=0.9, solid_joinstyle="round")
        place.plot(x, y, color=COLOURS[1], linewidth=1.4, solid_joinstyle="round")
        _mark(place, "S", grid.way[0])
        if grid.ended:
            _mark(place, "G", grid.way[-1])
        bar = cast(Drawing, place.figure).colorbar(image, cax=place.inset_axes((1.02, 0.0, 0.025, 1.0)))
        bar.ax.tick_params(labelsize=7, length=2)
        (self._dot,) = place.plot([], [], "o", color=COLOURS[1], markeredgecolor="white", markersize=9, animated=True)

    @property
    def artists(self) -> Sequence[Artist]:
        return (self._dot,)

    def at(self, moment: int) -> None:
        row, column = self._grid.way[min(moment, len(self._grid.way) - 1)]
        self._dot.set_data([column], [row])


def _mark(place: Place, letter: str, cell: Int64[Array, "2"]) -> None:
    about = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    place.text(float(cell[1]), float(cell[0]), letter, ha="center", va="center", fontsize=8, color=INK, bbox=about)


_Moving = _Still | _Car | _Walker


# Pictures for whoever has no window


def png(frame: UInt8[Array, "H W 3"]) -> bytes:
    """One picture."""
    kept = io.BytesIO()
    Image.fromarray(frame).save(kept, format="png", compress_level=3)
    return kept.getvalue()


MOST_PICTURES = 100
"""Of a film; of a longer episode some steps are left out, and the rest is as fast."""


def film(panel: Panel) -> bytes:
    """What moves in a panel from its first moment to its last, again and again, as an animated PNG."""
    last = panel.scene.moments - 1
    every = -(-max(1, last) // MOST_PICTURES)
    moments = [*range(0, last, every), last]
    shown = [Image.fromarray(panel.frame(moment)) for moment in moments]
    milliseconds = [1000.0 * every / FRAMES_PER_SECOND] * (len(moments) - 1) + [1500.0]
    kept = io.BytesIO()
    shown[0].save(
        kept, format="png", save_all=True, append_images=shown[1:], duration=milliseconds, loop=0, disposal=0, blend=0
    )
    return kept.getvalue()
