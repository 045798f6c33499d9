"""`games readers`, `enable-reader` and `disable-reader`: code of other packages runs where a person has allowed it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import tyro

from playfield.games.desktop.installed_readers import enabled, enabled_file, offer, offers
from playfield.storage.files import replace_file


@dataclass(frozen=True, slots=True)
class GamesReaders:
    """List the readers that installed packages bring, and which are enabled: playfield games readers"""

    def run(self) -> int:
        known, found = enabled(), offers()
        for each in found:
            allowed = "enabled" if known.get(each.name) == each.package else "not enabled"
            print(f"{each.name}  {each.package} {each.version}, {each.entry.value}: {allowed}")
        for name in sorted(known.keys() - {each.name for each in found}):
            print(f"{name}  {known[name]}: enabled, but not installed")
        if not found:
            print("no installed package brings a reader (entry points of the group playfield.readers)")
        return 0


@dataclass(frozen=True, slots=True)
class GamesEnableReader:
    """Allow a package's reader to run, wherever a game file asks for it: playfield games enable-reader NAME"""

    name: tyro.conf.Positional[str]
    """As `games readers` lists it."""

    def run(self) -> int:
        found = offer(self.name)
        _write({**enabled(), found.name: found.package})
        print(f"enabled   {found.name}: {found.entry.value} of {found.package} {found.version}")
        print(f"written   {enabled_file()}")
        return 0


@dataclass(frozen=True, slots=True)
class GamesDisableReader:
    """Take that back: playfield games disable-reader NAME"""

    name: tyro.conf.Positional[str]
    """As `games readers` lists it."""

    def run(self) -> int:
        known = enabled()
        if self.name not in known:
            raise ValueError(f"the reader {self.name!r} is not enabled; see: playfield games readers")
        _write({name: package for name, package in known.items() if name != self.name})
        print(f"disabled  {self.name}\nwritten   {enabled_file()}")
        return 0


def _write(known: Mapping[str, str]) -> None:
    path = enabled_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(known, indent=2, sort_keys=True).encode() + b"\n")
