"""Everything that a game file may say, told from the fields that own it: a new entry is told as soon as it is read."""

from __future__ import annotations

import dataclasses
import json
import textwrap
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from playfield.games.desktop.game_file import GameFile
from playfield.games.desktop.tables import Kind, entries_of

WIDTH = 120
"""Columns of a line."""
COLUMN = 30
"""In which explanations begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line that a table may have."""

    name: str
    value: str
    """What it is where nothing is said, as a file would say it; empty where it is then nothing, or must be said."""
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of a game file."""

    header: str
    about: str
    entries: tuple[Entry, ...]


def tables(cls: Any = GameFile, path: str = "", about: str = "at the top, before the first table") -> Iterator[Table]:
    """The tables of a game file, each before those within it; what stands before the first has no header."""
    hints, own, inner = typing.get_type_hints(cls), list[Entry](), list[Table]()
    for field in entries_of(cls):
        where = f"{path}.{field.name}" if path else field.name
        within = list(_tables_of(hints[field.name], where, _about(field)))
        inner += within
        if not within:
            own.append(_entry(field))
    head = path if path.startswith("[") or not path else f"[{path}]"
    yield Table(header=head, about=about, entries=tuple(own))
    yield from inner


def _tables_of(hint: Any, path: str, about: str) -> Iterator[Table]:
    """What is written as tables of their own; nothing of a plain value."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        yield from tables(hint, path, about)
    elif origin is tuple and dataclasses.is_dataclass(options[0]):
        for number, table in enumerate(tables(options[0], path, about)):
            yield dataclasses.replace(table, header=f"[{table.header}]") if number == 0 else table
    elif origin in (dict, Mapping) and options[1] is not str:
        yield from _tables_of(options[1], f"{path}.NAME", about)
    elif origin is not None and all(hasattr(option, "kind") for option in options):
        for option in options:
            said, of_kind = (option.__doc__ or "").splitlines()[0], cast("type[Kind]", option)
            first, *rest = tables(option, path, said)
            kind = Entry(name="kind", value=json.dumps(of_kind.kind), about=f"{about} (must be said)")
            yield dataclasses.replace(first, entries=(kind, *first.entries))
            yield from rest
    elif type(None) in options:
        yield from _tables_of(options[0], path, about)


def told() -> str:
    """All tables as comments of a game file."""
    lines = list[str]()
    for table in tables():
        lines += ["#", *_wrapped(f"# {table.header}".rstrip(), table.about)]
        for each in table.entries:
            lines += _wrapped(f"#   {each.name}{f' = {each.value}' if each.value else ''}", each.about)
    return "\n".join(lines)


def _wrapped(first: str, about: str) -> list[str]:
    room = textwrap.wrap(about, WIDTH - COLUMN)
    lead = [first.ljust(COLUMN), *["#".ljust(COLUMN)] * len(room)]
    if len(first) >= COLUMN:
        return [first, *(f"{'#':{COLUMN}}{line}" for line in room)]
    return [f"{begin}{line}".rstrip() for begin, line in zip(lead, room, strict=False)] or [first]


def _entry(field: dataclasses.Field[Any]) -> Entry:
    lacks_default = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    about = f"{_about(field)} (must be said)" if lacks_default else _about(field)
    has_value = field.default is not dataclasses.MISSING and field.default is not None
    return Entry(name=field.name, value=json.dumps(field.default) if has_value else "", about=about)


def _about(field: dataclasses.Field[Any]) -> str:
    return field.metadata.get("help", "")
