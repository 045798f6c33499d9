"""Typed paths, plain JSON and differences of settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest

from playfield.settings import (
    UnknownSetting,
    difference,
    explain,
    from_plain,
    nearest,
    override,
    paths,
    setting,
    to_plain,
)


@dataclass(frozen=True)
class Round:
    radius: float = setting(1.0, "half of how wide it is")


@dataclass(frozen=True)
class Square:
    side: int = setting(2, "how wide it is")
    corner: Round | None = field(default=None, metadata={"help": "how corners are cut"})


@dataclass(frozen=True)
class Stranger:
    side: int = 2


@dataclass(frozen=True)
class Drawing:
    name: str = setting("untitled", "what it is called")
    lines: int = setting(3, "number of lines")
    width: float = setting(0.5, "of a line")
    limit: float | None = setting(1.0, "largest width")
    shape: Round | Square = field(default=Round(), metadata={"help": "what is drawn"})
    sizes: tuple[int, ...] = setting((1, 2), "of the shapes")
    page: tuple[int, int] = setting((210, 297), "height and width")
    mood: Literal["gay", "grave"] = setting("gay", "of the drawing")
    signed: bool = setting(True, "whether it has a name on it")


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("lines", "7", 7),
        ("lines", "-7", -7),
        ("lines", "1e6", 1_000_000),
        ("lines", "1_000_000", 1_000_000),
        ("width", "2", 2.0),
        ("width", "2.5e-4", 2.5e-4),
        ("limit", "none", None),
        ("limit", "None", None),
        ("limit", "3", 3.0),
        ("name", "sketch", "sketch"),
        ("mood", "grave", "grave"),
        ("signed", "false", False),
        ("signed", "False", False),
        ("sizes", "[4, 5, 6]", (4, 5, 6)),
        ("sizes", "[]", ()),
        ("page", "[1, 2]", (1, 2)),
        ("shape", "Square", Square()),
    ],
)
def test_override_reads_the_text_as_the_settings_type(path: str, text: str, value: object):
    changed = getattr(override(Drawing(), {path: text}), path)
    assert changed == value
    assert type(changed) is type(value)


def test_override_reaches_below_and_changes_nothing_else():
    before = Drawing(shape=Square(side=2, corner=Round(3.0)))
    after = override(before, {"shape.corner.radius": "4"})
    assert after == Drawing(shape=Square(side=2, corner=Round(4.0)))
    assert before.shape == Square(side=2, corner=Round(3.0))


@pytest.mark.parametrize(
    ("path", "text", "sentence"),
    [
        ("lines", "many", "lines must be a whole number, not 'many'"),
        ("lines", "2.5", "lines must be a whole number, not 2.5"),
        ("lines", "true", "lines must be a whole number, not True"),
        ("lines", "none", "lines must be a whole number, not None"),
        ("width", "wide", "width must be a number, not 'wide'"),
        ("limit", "wide", "limit must be a number or none, not 'wide'"),
        ("name", "3", "name must be text, not 3"),
        ("signed", "1", "signed must be true or false, not 1"),
        ("mood", "merry", "mood must be .*, not 'merry'"),
        ("shape", "Triangle", "shape must be Round or Square, not 'Triangle'"),
        ("shape", "Stranger", "shape must be Round or Square, not 'Stranger'"),
        ("sizes", '["a"]', r"sizes\[0\] must be a whole number, not 'a'"),
        ("page", "[1, 2, 3]", "page must be tuple.*, not a list of 3"),
        ("shape.radius", "[1]", "shape.radius must be a number, not a list of 1"),
    ],
)
def test_values_of_the_wrong_type_are_refused_with_a_sentence(path: str, text: str, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        override(Drawing(), {path: text})


def test_an_unknown_path_names_the_three_nearest():
    with pytest.raises(
        UnknownSetting, match=r"there is no setting 'shape.radios'; the nearest are: shape.radius, \S+, \S+$"
    ):
        override(Drawing(), {"shape.radios": "1"})
    with pytest.raises(UnknownSetting, match=r"'shape\.side'"):  # of the class that was not chosen
        override(Drawing(), {"shape.side": "1"})


def test_nearest_is_in_order_of_likeness():
    assert nearest("lambd", ["epochs", "lambda_", "lamb", "steps"], 2) == "lamb, lambda_"


def test_paths_list_classes_and_what_is_below_them():
    listed = dict(paths(Drawing(shape=Square(corner=Round(9.0)))))
    assert [p for p in listed if p.startswith("shape")] == [
        "shape",
        "shape.side",
        "shape.corner",
        "shape.corner.radius",
    ]
    assert listed["shape.corner.radius"] == 9.0
    assert explain(Drawing(shape=Square(corner=Round())), "shape.corner.radius") == "half of how wide it is"


def test_plain_form_and_back():
    drawing = Drawing(shape=Square(side=4, corner=Round(0.5)), sizes=(), limit=None)
    plain = to_plain(drawing)
    assert plain["shape"] == {"type": "Square", "side": 4, "corner": {"type": "Round", "radius": 0.5}}
    assert plain["page"] == [210, 297]
    assert from_plain(Drawing, plain) == drawing


def test_a_file_that_leaves_settings_out_is_refused():
    """Silent defaults would make a recipe of a later version mean something else."""
    with pytest.raises(ValueError, match=r"leaves out .*width.*states every setting"):
        from_plain(Drawing, {"type": "Drawing", "lines": 9})


@pytest.mark.parametrize(
    ("plain", "sentence"),
    [
        ({"type": "Stranger"}, "the file cannot be 'Stranger'; it is one of: Drawing"),
        ({"lines": 3}, "does not say what it is: .type.: .Drawing. is missing"),
        (
            {"type": "Drawing", "shape": {"type": "Stranger", "side": 2}},
            "shape cannot be 'Stranger'; .*: Round, Square",
        ),
        ({"type": "Drawing", "shape": {"type": "os.system"}}, "shape cannot be 'os.system'"),
        ({"type": "Drawing", "lines": {"type": "Round"}}, "lines cannot be 'Round'; it is one of: a whole number"),
        ({"type": "Drawing", "limits": 1}, "no setting 'limits'; the nearest are: limit, "),
        ({"type": "Drawing", "shape": {"type": "Square", "side": "2"}}, "shape.side must be a whole number, not '2'"),
    ],
)
def test_plain_data_that_does_not_fit_is_refused_by_path(plain: object, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        from_plain(Drawing, plain)


def test_difference_names_paths_and_both_values():
    assert difference(Drawing(), Drawing()) == []
    assert difference(Drawing(lines=1), Drawing(lines=2, shape=Square())) == [
        ("lines", 1, 2),
        ("shape", "Round", "Square"),
        ("shape.radius", 1.0, "-"),
        ("shape.side", "-", 2),
        ("shape.corner", "-", None),
    ]
