"""A fixed range of returns, as categorical predictions need it."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def check_support(low: float, high: float, points: int, name: str) -> None:
    """Raises: ValueError where there is no range between `low` and `high`, or nothing to divide it into."""
    if not low < high:
        raise ValueError(f"returns.low={low:g} must lie below returns.high={high:g}")
    if points < 2:
        raise ValueError(f"{name} must be 2 or more")


def outside_share(
    values: Float[Tensor, "B N"], support: Float[Tensor, "M"], p: Float[Tensor, "B N"]
) -> Float[Tensor, "B"]:
    """How much of the probability `p` at `values` lies beyond the ends of the support."""
    beyond = (values < support[0]) | (values > support[-1])
    return (p * beyond).sum(1)
