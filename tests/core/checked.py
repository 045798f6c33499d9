"""beartype for every function of the package, except single annotations that it cannot check at run time.

Those are protocols (structural, so only a type checker can judge them) and `Self` outside of a decorated class.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintException

UNCHECKED: list[str] = []
"""`function(argument)` for every annotation that was left out."""

_CONF = BeartypeConf(is_pep484_tower=True)  # an int is a float


def check(function: Any) -> Any:
    """The function with its checkable annotations enforced."""
    try:
        return beartype(function, conf=_CONF)
    except BeartypeDecorHintException:
        if not isinstance(function, FunctionType):
            raise
    for name, hint in list(function.__annotations__.items()):
        if not _checkable(function, name, hint):
            del function.__annotations__[name]
            UNCHECKED.append(f"{function.__module__}.{function.__qualname__}({name})")
    return beartype(function, conf=_CONF)


def _checkable(function: FunctionType, name: str, hint: Any) -> bool:
    probe = FunctionType(function.__code__, function.__globals__, function.__name__, None, function.__closure__)
    probe.__qualname__, probe.__module__ = function.__qualname__, function.__module__
    probe.__kwdefaults__ = function.__kwdefaults__
    probe.__annotations__ = {name: hint}
    try:
        beartype(probe, conf=_CONF)
    except BeartypeDecorHintException:
        return False
    return True
