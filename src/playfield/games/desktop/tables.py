"""From tables of a data file to frozen values, checked against the annotations: nothing in a file can name code."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Protocol

from playfield.settings import is_finite, nearest, shortened

NOT_IN_FILES = {"in_files": False}
"""Metadata of a field that no file can set."""


class Kind(Protocol):
    """A class of values of which a file says by `kind` which it means."""

    kind: ClassVar[str]


def value_from(hint: Any, found: Any, path: str) -> Any:
    """What `found`, read from a file, is as a value of the annotated type.

    Raises: ValueError naming the place in the file and what belongs there.
    """
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    if isinstance(found, Mapping):
        return _from_mapping(options, typing.cast("Mapping[str, Any]", found), path)
    for option in options:
        if isinstance(found, list) and typing.get_origin(option) is tuple:
            return _tuple_from(typing.get_args(option), typing.cast("list[Any]", found), path)
        if typing.get_origin(option) is typing.Literal and found in typing.get_args(option):
            return found
        if option is float and isinstance(found, int | float) and type(found) is not bool and is_finite(found):
            return float(found)
        if isinstance(option, type) and option is not float and type(found) is option:
            return found
    raise ValueError(f"{path} should be {_words(options)}, not {shortened(found)}")


def _from_mapping(options: tuple[Any, ...], found: Mapping[str, Any], path: str) -> Any:
    for option in options:
        if typing.get_origin(option) in (dict, Mapping):
            inner = typing.get_args(option)[1]
            return {key: value_from(inner, value, f"{path}.{key}") for key, value in found.items()}
    classes = [option for option in options if dataclasses.is_dataclass(option) and isinstance(option, type)]
    if len(classes) > 1:
        kinds = {typing.cast(Any, cls).kind: cls for cls in classes}
        kind = found.get("kind")
        if not isinstance(kind, str) or kind not in kinds:
            raise ValueError(f"{path}.kind should be one of {', '.join(sorted(kinds))}, not {kind!r}")
        return _dataclass_from(kinds[kind], {k: v for k, v in found.items() if k != "kind"}, path)
    if not classes:
        raise ValueError(f"{path} should be {_words(options)}, not a table")
    return _dataclass_from(classes[0], found, path)


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _dataclass_from(cls: type, found: Mapping[str, Any], path: str) -> Any:
    hints = _hints(cls)
    fields = {field.name: field for field in entries_of(cls)}
    for key in found:
        if key not in fields:
            where = f"{path} has" if path else "a game file has"
            raise ValueError(f"{where} no entry {key!r}; the nearest are: {nearest(key, list(fields))}")
    values = {key: value_from(hints[key], value, f"{path}.{key}".lstrip(".")) for key, value in found.items()}
    lacking = [
        name for name, field in fields.items()
        if name not in found and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]  # fmt: skip
    if lacking:
        raise ValueError(f"{path or 'the file'} leaves out {', '.join(lacking)}")
    try:
        return cls(**values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}" if path else str(error)) from error


def entries_of(cls: Any) -> list[dataclasses.Field[Any]]:
    """The fields of a class that a file may set."""
    return [field for field in dataclasses.fields(cls) if field.metadata.get("in_files", True)]


def _tuple_from(hints: tuple[Any, ...], found: list[Any], path: str) -> tuple[Any, ...]:
    inner = [hints[0]] * len(found) if len(hints) == 2 and hints[1] is ... else list(hints)
    if len(inner) != len(found):
        raise ValueError(f"{path} should be a list of {len(inner)}, not of {len(found)}")
    return tuple(value_from(h, value, f"{path}[{i}]") for i, (h, value) in enumerate(zip(inner, found, strict=True)))


_WORDS = {str: "a text in quotes", int: "a whole number", float: "a number", bool: "true or false"}


def _words(options: tuple[Any, ...]) -> str:
    said: list[str] = []
    for option in options:
        if option is type(None):
            continue
        if typing.get_origin(option) is typing.Literal:
            said.append(f"one of {', '.join(map(repr, typing.get_args(option)))}")
        elif typing.get_origin(option) is tuple:
            said.append("a list")
        else:
            said.append(_WORDS.get(option, "a table"))
    return " or ".join(said)
