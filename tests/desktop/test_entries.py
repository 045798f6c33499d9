"""Everything that a game file may say is told in a new one, with what it is where nothing is said."""

from __future__ import annotations

import dataclasses
import re
import typing
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from playfield.games.desktop.draft import Draft, draft_text
from playfield.games.desktop.entries import tables, told
from playfield.games.desktop.game_file import GameFile, Launch, Screen, Timing, game_from
from playfield.games.desktop.readers import Digits
from playfield.games.desktop.windows import Window, WindowMatch
from playfield.settings import explained, setting

OUTSIDE = {"typed"}
"""Fields of a game that no file can set."""
WINDOW = Window(number=1, title="It (1)", group="it It", left=0, top=0, width=64, height=48, mapped=True)
LAUNCHES = {
    "program": Launch(command=("it", "--easy mode"), environment={"A": "b"}),
    "page": Launch(url="it.html"),
    "window": Launch(attach=WindowMatch(title="^It", pid=7)),
    "steam": Launch(steam=480),
}


def a_draft(way: str = "program") -> Draft:
    place, clock = {"program": ("own", "virtual"), "page": ("own", "javascript")}.get(way, ("here", "real"))
    return Draft(
        name="it", launch=LAUNCHES[way], window=WindowMatch(), screen=Screen(place=place, width=64, height=48),
        timing=Timing(clock=clock), keys=("Left", "space"), begin=(),
    )  # fmt: skip


def classes_in(hint: Any, found: dict[str, type]) -> dict[str, type]:
    """Every class that a game file can make, at any depth."""
    for option in typing.get_args(hint):
        classes_in(option, found)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and hint.__name__ not in found:
        found[hint.__name__] = hint
        for inner in typing.get_type_hints(hint).values():
            classes_in(inner, found)
    return found


CLASSES = classes_in(GameFile, {})


def blocks(text: str) -> list[set[str]]:
    """The names that each table of the told entries has, `kind = "digits"` whole."""
    parts = text[text.index("# Everything that a game file may say") :].split("\n#\n")
    names = re.compile(r"^#   (kind = \"\w+\"|\w+)", re.MULTILINE)
    return [set(names.findall(part)) for part in parts]


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_new_file_tells_every_entry(name: str):
    cls = CLASSES[name]
    hints = typing.get_type_hints(cls)
    entries = {each.name for each in dataclasses.fields(cls)} - OUTSIDE
    expected = {entry for entry in entries if not classes_in(hints[entry], {})}
    expected |= {f'kind = "{cls.kind}"'} if hasattr(cls, "kind") else set()
    assert expected in blocks(draft_text(a_draft(), WINDOW, {}, {}))


def test_all_classes_of_a_file_are_walked():
    assert {"GameFile", "HomeFile", "Press", "Packaged", "WindowMatch", "Choice", "Sight", "Region"} <= set(CLASSES)
    headers = [table.header for table in tables()]
    for header in ("", "[launch.attach]", "[[launch.home]]", "[regions.NAME]", "[[axes.choices]]", "[[begin]]"):
        assert headers.count(header) == 1
    assert headers.count("[readers.NAME]") == 8


def test_every_entry_is_explained():
    assert [f"{table.header} {each.name}" for table in tables() for each in table.entries if not each.about] == []
    assert [table.header for table in tables() if not table.about] == []


def test_what_is_told_of_an_entry_is_what_it_is_where_nothing_is_said():
    said = [
        "\n".join([table.header, *(f"{each.name} = {each.value}" for each in table.entries if each.value)])
        for table in tables()
        if table.header in ("", "[screen]", "[timing]", "[sight]")
    ]
    least = '[launch]\ncommand = ["it"]\n[[axes]]\nname = "a"\nchoices = [{label = "STAY"}]\n'
    assert game_from('name = "it"\n' + "\n".join(said) + "\n" + least, "") == game_from('name = "it"\n' + least, "")
    (digits,) = [t for t in tables() if t.entries[0].value == '"digits"']
    told_of = {each.name: each.value for each in digits.entries}
    plain = Digits(region="x")
    assert (told_of["colour"], told_of["rises"]) == ("[255, 255, 255]", "false")
    assert (plain.colour, plain.rises) == ((255, 255, 255), False)


def test_a_table_tells_what_it_owns():
    @dataclass(frozen=True, kw_only=True)
    class Inner:
        size: int = setting(3, "how large it is")

    @dataclass(frozen=True, kw_only=True)
    class Outer:
        word: str = field(metadata=explained("what it is called"))
        inner: Inner = setting(Inner(), "what lies in it")

    Outer.__annotations__ = {"word": str, "inner": Inner}
    outer, inner = tables(Outer, "outer", "a thing")
    assert (outer.header, outer.about, inner.header, inner.about) == (
        "[outer]",
        "a thing",
        "[outer.inner]",
        "what lies in it",
    )
    assert [(e.name, e.value, e.about) for e in outer.entries] == [("word", "", "what it is called (must be said)")]
    assert [(e.name, e.value, e.about) for e in inner.entries] == [("size", "3", "how large it is")]


def test_lines_fit_and_are_comments():
    lines = told().splitlines()
    assert max(map(len, lines)) <= 120
    assert all(line.startswith("#") for line in lines)


@pytest.mark.parametrize("way", sorted(LAUNCHES))
def test_a_draft_of_every_way_is_the_game_that_was_looked_at(way: str):
    draft = a_draft(way)
    text = draft_text(draft, WINDOW, {}, {"Left": 1})
    game = game_from(text, "it.toml")
    looked_at = draft.game()
    assert (game.launch, game.screen.place, game.timing, game.axes) == (
        looked_at.launch, looked_at.screen.place, looked_at.timing, looked_at.axes,
    )  # fmt: skip
    assert game.window.title == (r"^It \(1\)$" if way in ("program", "steam") else None)
    assert 'label = "LEFT", keys = ["Left"]},  # first seen after step 1' in text
    assert 'label = "SPACE", keys = ["space"]},\n' in text  # of which nobody knows


@pytest.mark.parametrize("way", ["program", "page"])
def test_a_title_with_a_sign_that_toml_forbids_is_escaped(way: str):
    """Of a program it stands in a value and in a comment, of a page in a comment alone."""
    text = draft_text(a_draft(way), replace(WINDOW, title="It\x7f"), {}, {})
    assert game_from(text, "it.toml").window.title == ("^It\x7f$" if way == "program" else None)
    assert r'with the title "It\u007f",' in text
