"""What a picture of the lab is made of: points, curves, surfaces and their axes. Plain values, for whoever draws."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float64

from playfield.types import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measured point of a curve: the mean over runs and its standard error, nan where a run diverged."""

    x: float
    mean: float
    standard_error: float
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line of a figure, point by point, as it grows."""

    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A height over a grid of observations."""

    label: str
    x: Float64[Array, "X"]
    y: Float64[Array, "Y"]
    height: Float64[Array, "Y X"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """What a figure shows, and how it is laid out."""

    title: str
    x: str
    y: str
    y_limits: tuple[float, float] | None = None
    logarithmic: bool = False
    """The y axis is."""
    cells: int = 0
    """Set-ups that are played for it, for a display of progress."""
