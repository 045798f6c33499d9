"""Readers that installed packages bring. None is ever imported unless the person here has enabled it by name.

A package offers a function by an entry point of the group `playfield.readers`:

    [project.entry-points."playfield.readers"]
    mypackage-lives = "mypackage.readers:lives"

It is a pure function of what is seen, `lives(picture, state) -> float`: a picture of its region as red, green and blue
that cannot be written to, and the `WindowState`. What it cannot read it says by raising `Unreadable`.

A game file can ask for such a reader; it can neither name a module nor enable anything. That is done once, by
`playfield games enable-reader NAME`, and holds for the package that brought the reader then, under no other's name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

GROUP = "playfield.readers"
MOST_BYTES = 1 << 16
"""Of the file of what is enabled."""

Function = Callable[[Any, Any], float]
"""From a picture and a `WindowState` to a number."""


class NotEnabled(ValueError):
    """A game file asks for a reader that is not installed, or not enabled here; the message says how it would be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A reader that an installed package offers; nothing of it is imported yet."""

    name: str
    package: str
    version: str
    entry: EntryPoint


def enabled_file() -> Path:
    """Where it is kept which readers are enabled: a file of the person's, which only our commands write."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "playfield" / "readers.json"


def offers() -> list[Offer]:
    """Every reader that is installed, by name; read from the packages' descriptions alone."""
    found = {
        (entry.name, entry.dist.name): Offer(
            name=entry.name, package=entry.dist.name, version=entry.dist.version, entry=entry
        )
        for entry in entry_points(group=GROUP)
        if entry.dist is not None
    }
    return [found[key] for key in sorted(found)]


def offer(name: str) -> Offer:
    """The one installed reader of that name.

    Raises: NotEnabled where there is none, or more than one.
    """
    found = [each for each in offers() if each.name == name]
    if not found:
        raise NotEnabled(
            f"the reader {name!r} is in no package that is installed; install the one that brings it, then: "
            f"playfield games enable-reader {name}"
        )
    if len(found) > 1:
        packages = ", ".join(each.package for each in found)
        raise NotEnabled(f"the reader {name!r} is in several packages ({packages}); uninstall all but one of them")
    return found[0]


def enabled() -> dict[str, str]:
    """The readers that are enabled here, and which package each was from.

    Raises: ValueError where the file is not what our commands write.
    """
    path = enabled_file()
    if not path.is_file():
        return {}
    with path.open("rb") as file:
        text = file.read(MOST_BYTES + 1)
    try:
        said = json.loads(text) if len(text) <= MOST_BYTES else None
    except ValueError:
        said = None
    if not isinstance(said, dict) or not all(
        isinstance(value, str) for value in cast(Mapping[str, Any], said).values()
    ):
        raise ValueError(f"{path} does not say which readers are enabled; remove it, and enable them anew")
    return cast(dict[str, str], said)


def require_enabled(name: str) -> Offer:
    """The installed reader of that name, which is enabled; nothing is imported.

    Raises: NotEnabled.
    """
    found, known = offer(name), enabled()
    if name not in known:
        raise NotEnabled(
            f"the reader {name!r} is code of the package {found.package}, which runs only once you have allowed it: "
            f"playfield games enable-reader {name}"
        )
    if known[name] != found.package:
        raise NotEnabled(
            f"the reader {name!r} was enabled as that of the package {known[name]}, and now is that of "
            f"{found.package}; if you trust it too: playfield games enable-reader {name}"
        )
    return found


@cache
def function_of(name: str) -> Function:
    """The function of an enabled reader: the only place where a package of somebody else's is imported.

    Raises: NotEnabled; ValueError where the package does not hold to what it says.
    """
    found = require_enabled(name)
    try:
        function = found.entry.load()
    except Exception as error:
        raise ValueError(
            f"the reader {name!r} of the package {found.package} cannot be imported ({type(error).__name__}: {error}); "
            f"mend the package, or: playfield games disable-reader {name}"
        ) from error
    if not callable(function):
        raise ValueError(f"the reader {name!r} of the package {found.package} is no function; mend the package")
    return cast(Function, function)
