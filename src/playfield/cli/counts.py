"""Options as people write them: large numbers such as 1e6, 10M, 200k and 1_000_000, and switches."""

from __future__ import annotations

from typing import Annotated, Any

import tyro
from tyro.constructors import PrimitiveConstructorSpec

SUFFIXES = {"k": 1_000, "M": 1_000_000}


def count(text: str) -> int:
    """The whole number that a text stands for.

    Raises: ValueError where it stands for none.
    """
    number, scale = (text[:-1], SUFFIXES[text[-1]]) if text[-1:] in SUFFIXES else (text, 1)
    try:
        value = float(number.replace("_", "")) * scale
        if value == int(value):
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{text!r} is not a whole number such as 1_000_000, 200k or 10M")


_SPEC = PrimitiveConstructorSpec[Any](
    nargs=1,
    metavar="COUNT",
    instance_from_str=lambda texts: count(texts[0]),
    is_instance=lambda value: value is None or isinstance(value, int),
    str_from_instance=lambda value: [str(value)],
)


Count = Annotated[int, _SPEC]
OptionalCount = Annotated[int | None, _SPEC]
"""Also where nothing is given; a union with `Count` would get an error message of types instead of words."""

Switch = Annotated[tyro.conf.UseCounterAction[int], tyro.conf.arg(help_behavior_hint="")]
"""Something that is on where it is named: 0 for off."""
