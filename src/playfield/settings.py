"""Settings as values: frozen dataclasses that explain, print, compare, override and serialise themselves.

A setting is explained once, at the field that owns it. Which classes a JSON file may name is decided by the
annotations of the fields, so no file can make Python import or call anything else.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


def setting(default: T, help: str, *, newer: bool = False) -> T:
    """A dataclass field with a default and its one explanation.

    A `newer` one is missing in files that were written before there was such a setting: they mean the default, which
    therefore has to do what was done then.
    """
    return dataclasses.field(default=default, metadata={"help": help, "newer": newer})


def explained(help: str) -> dict[str, str]:
    """Metadata of a field that `setting` cannot make: it has no default, or a new one each time."""
    return {"help": help}


class UnknownSetting(ValueError):
    """A path names no setting; the message offers the nearest ones."""


def nearest(word: str, known: Sequence[str], count: int = 3) -> str:
    """The `count` known words most like `word`, as text for a sentence."""
    ranked = sorted(known, key=lambda k: -difflib.SequenceMatcher(None, word.lower(), k.lower()).ratio())
    return ", ".join(ranked[:count])


def paths(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting below `value` as (dotted path, leaf value); classes with choices appear with their own name."""
    for field in dataclasses.fields(value):
        path, child = prefix + field.name, getattr(value, field.name)
        if dataclasses.is_dataclass(child):
            yield path, child
            yield from paths(child, path + ".")
        else:
            yield path, child


def explain(value: Any, path: str) -> str:
    """The explanation written at the field that owns `path`."""
    *parents, name = path.split(".")
    for parent in parents:
        value = getattr(value, parent)
    return next(f.metadata.get("help", "") for f in dataclasses.fields(value) if f.name == name)


def override(value: T, overrides: Mapping[str, str]) -> T:
    """A copy of `value` with the settings at some paths read from texts, all at once.

    A setting that is one of several classes is chosen by its class name, `bootstrap=Double`; its own may follow.

    Raises: UnknownSetting with the three nearest paths; ValueError where a text is not of the setting's type, or the
        values do not go together.
    """
    plain = to_plain(value)
    # Choices of a class come before the settings of what was chosen.
    for path, text in sorted(overrides.items(), key=lambda item: item[0].count(".")):
        owner, cls = plain, type(value)
        *parents, name = path.split(".")
        for parent in parents:
            if parent not in owner or not isinstance(owner[parent], dict):
                raise _unknown(path, plain)
            owner, cls = owner[parent], _class_in(_hints(cls)[parent], owner[parent]["type"])
        if name not in _hints(cls) or name not in owner:
            raise _unknown(path, plain)
        owner[name] = to_plain(_parse(_hints(cls)[name], text, path))
    return from_plain(type(value), plain)


def override_texts(value: T, texts: Sequence[str]) -> T:
    """A copy of `value` with settings given as `path=value` texts.

    Raises: as `override`; ValueError where a text is not of that form.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        path, equals, new = text.partition("=")
        if not equals:
            raise ValueError(f"{text!r} is not an override; write path=value, for instance memory.n_step=3")
        pairs[path.strip()] = new.strip()
    return override(value, pairs)


def _unknown(path: str, plain: Mapping[str, Any]) -> UnknownSetting:
    return UnknownSetting(f"there is no setting {path!r}; the nearest are: {nearest(path, list(_plain_paths(plain)))}")


def _plain_paths(plain: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, child in plain.items():
        if name != "type":
            yield prefix + name
            if isinstance(child, dict):
                yield from _plain_paths(typing.cast("Mapping[str, Any]", child), prefix + name + ".")


def _class_in(hint: Any, name: str) -> type:
    return next(o for o in _options(hint) if isinstance(o, type) and o.__name__ == name)


def setting_text(value: Any) -> str:
    """A setting's value as it would be typed."""
    if value is None:
        return "none"
    plain = to_plain(value)
    return str(plain["type"]) if isinstance(plain, dict) else str(plain)


def to_plain(value: Any) -> Any:
    """JSON-able form; a dataclass becomes a mapping with its class name under `type`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, tuple):
        return [to_plain(v) for v in typing.cast("tuple[Any, ...]", value)]
    return value


MOST_COUNT = 2**63 - 1
"""Largest whole number that is read, up or down: arrays and libraries count no further."""


def from_plain(hint: Any, plain: Any, path: str = "") -> Any:
    """The inverse of `to_plain`, checked against the annotation `hint`.

    Raises: ValueError naming the path where the data does not fit.
    """
    where = path or "the file"
    if isinstance(plain, Mapping):
        return _dataclass_from(hint, typing.cast("Mapping[str, Any]", plain), path, where)
    if isinstance(plain, list):
        return _tuple_from(hint, typing.cast("list[Any]", plain), path)
    if not any(_fits(option, plain) for option in _options(hint)):
        raise ValueError(f"{where} must be {_describe(hint)}, not {shortened(plain)}")
    if isinstance(plain, str) and not plain.isprintable():
        raise ValueError(f"{where} has characters that cannot be shown")  # and might steer the terminal
    if type(plain) is int and float not in _options(hint) and abs(plain) > MOST_COUNT:
        raise ValueError(f"{where} must lie between {-MOST_COUNT:,} and {MOST_COUNT:,}")
    return float(plain) if float in _options(hint) and type(plain) is int else plain


def shortened(value: Any, most: int = 80) -> str:
    """A value of a file as it is quoted in a sentence: a stranger's may be a book."""
    try:
        text = repr(value)
    except ValueError:  # of whole numbers with more digits than Python writes
        return "a number too long to be written"
    return text if len(text) <= most else f"{text[:most]}..."


ABSENT = "-"
"""Stands for a setting that one of two things does not have; `none` is a value."""


def difference(a: Any, b: Any) -> list[tuple[str, Any, Any]]:
    """Paths at which two settings differ, with both values; `ABSENT` where one side has no such path."""
    left, right = _leaves(a), _leaves(b)
    found = [(p, left.get(p, ABSENT), right.get(p, ABSENT)) for p in {**left, **right}]
    return [(path, one, other) for path, one, other in found if one != other]


def _leaves(value: Any) -> dict[str, Any]:
    return {p: type(v).__name__ if dataclasses.is_dataclass(v) else v for p, v in paths(value)}


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _options(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(o for arg in typing.get_args(hint) for o in _options(arg))
    return (hint,)


def _fits(option: Any, plain: Any) -> bool:
    if option is None or option is type(None):
        return plain is None
    if typing.get_origin(option) is typing.Literal:
        return plain in typing.get_args(option)
    if option is float:
        return type(plain) in (int, float) and is_finite(plain)
    return isinstance(option, type) and type(plain) is option


def is_finite(number: float) -> bool:
    """Whether a number of a file is one that can be calculated with; whole ones may be too large for that."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _describe(hint: Any) -> str:
    return " or ".join(sorted({_KINDS.get(o, getattr(o, "__name__", str(o))) for o in _options(hint)}))


_KINDS: dict[Any, str] = {
    int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "none"
}  # fmt: skip


def _dataclass_from(hint: Any, plain: Mapping[str, Any], path: str, where: str) -> Any:
    classes = {o.__name__: o for o in _options(hint) if dataclasses.is_dataclass(o) and isinstance(o, type)}
    name = plain.get("type")
    if not path and "type" not in plain:
        raise ValueError(f'this does not say what it is: "type": "{_describe(hint)}" is missing')
    if not isinstance(name, str) or name not in classes:
        raise ValueError(f"{where} cannot be {name!r}; it is one of: {', '.join(sorted(classes)) or _describe(hint)}")
    cls, given = classes[name], {k: v for k, v in plain.items() if k != "type"}
    hints = _hints(cls)
    known = [f.name for f in dataclasses.fields(cls)]
    newer = {f.name for f in dataclasses.fields(cls) if f.metadata.get("newer", False)}
    for key in given:
        if key not in known:
            raise UnknownSetting(f"{where} has no setting {key!r}; the nearest are: {nearest(key, known)}")
    prefix = path + "." if path else ""
    values = {key: from_plain(hints[key], v, prefix + key) for key, v in given.items()}
    if missing := [name for name in known if name not in given and name not in newer]:
        raise ValueError(f"{where} leaves out {', '.join(missing)}; a recipe file states every setting")
    return cls(**values)


def _tuple_from(hint: Any, plain: list[Any], path: str) -> tuple[Any, ...]:
    for option in _options(hint):
        if typing.get_origin(option) is tuple:
            args = typing.get_args(option)
            inner = [args[0]] * len(plain) if len(args) == 2 and args[1] is ... else list(args)
            if len(inner) == len(plain):
                return tuple(
                    from_plain(h, v, f"{path}[{i}]") for i, (h, v) in enumerate(zip(inner, plain, strict=True))
                )
    raise ValueError(f"{path} must be {_describe(hint)}, not a list of {len(plain)}")


def _parse(hint: Any, text: str, path: str) -> Any:
    classes = {o.__name__: o for o in _options(hint) if dataclasses.is_dataclass(o) and isinstance(o, type)}
    if text in classes:
        return classes[text]()
    try:
        plain = None if text in ("none", "None") else json.loads(_as_json(text))
    except json.JSONDecodeError:
        plain = text
    if int in _options(hint) and isinstance(plain, float) and plain.is_integer():
        plain = int(plain)  # so that 1e6 is a million frames
    return from_plain(hint, plain, path)


def _as_json(text: str) -> str:
    return {"True": "true", "False": "false"}.get(
        text, text.replace("_", "") if text.replace("_", "").isdigit() else text
    )
