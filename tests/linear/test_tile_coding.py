"""Tile coding against Sutton's own words, with and without a table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linear.tiles import NaiveTable, Tile, asked, tiles_of, widths
from playfield.linear.encoders import Code, EncoderSpec, Grids, HashedTiles, TileCoding
from playfield.linear.worlds import MountainCar

# Eighths and finer parts of a tile, so that nothing is rounded.
PLACES = st.integers(-2000, 2000).map(lambda parts: parts / 64)
POINTS = st.lists(PLACES, min_size=1, max_size=4)

CAR = MountainCar()
# Of MountainCar: where it may start, where it may end, and the corners of what it can show.
CAR_POINTS = [(-0.6, 0.0), (-0.4726, 0.0), (0.5, 0.0), (0.5, 0.03), (0.5, 0.07), (-1.2, 0.0), (-1.2, -0.07)]
KINDS = pytest.mark.parametrize(
    "encoder", [TileCoding(), Grids(), HashedTiles(size=2**30)], ids=lambda e: type(e).__name__
)


def ask(code: Code, point: list[float]) -> list[int]:
    return asked(code, point, 1)[0][0]


def differing(code: Code, here: list[float], there: list[float]) -> int:
    return sum(a != b for a, b in zip(ask(code, here), ask(code, there), strict=True))


def moved(point: list[float], by: float, entry: int | None = None) -> list[float]:
    return [x + by if entry in (None, i) else x for i, x in enumerate(point)]


@given(POINTS)
def test_one_tile_of_each_of_8_tilings_and_the_same_ones_when_asked_again(point: list[float]):
    code = TileCoding().build(widths(len(point)), 1)
    first, value = asked(code, point, 1)
    assert len(set(first[0])) == 8
    assert value == [1.0] * 8
    assert [tuple(code.numbers.table.keys[i]) for i in first[0]] == tiles_of(point, 8, 0)
    assert asked(code, point, 1) == (first, value)


@given(POINTS)
def test_a_whole_tile_along_every_number_changes_all_8_indices(point: list[float]):
    code = TileCoding().build(widths(len(point)), 1)
    assert differing(code, point, moved(point, 1.0)) == 8
    assert differing(code, point, moved(point, -1.0)) == 8


@given(POINTS, st.integers(0, 3))
def test_an_eighth_of_a_tile_along_one_number_changes_one_index_of_8(point: list[float], entry: int):
    code = TileCoding().build(widths(len(point)), 1)
    assert differing(code, point, moved(point, 1 / 8, entry % len(point))) == 1
    assert differing(code, point, moved(point, -1 / 8, entry % len(point))) == 1


@pytest.mark.parametrize(
    ("number", "where"),
    [(3.6, [3, 3, 3, 3, 4, 4, 4, 4]), (0.0, [0] * 8), (-0.125, [-1, 0, 0, 0, 0, 0, 0, 0]), (-1.0, [-1] * 8)],
)
def test_where_a_number_lies_in_each_tiling(number: float, where: list[int]):
    """⌊3.6 · 8⌋ = 28; a tiling displaced by t eighths is at (28 + t) // 8."""
    code = TileCoding().build(widths(1), 1)
    keys = [code.numbers.table.keys[i].tolist() for i in ask(code, [number])]
    assert keys == [[tiling, there, 0] for tiling, there in enumerate(where)]


def test_tilings_are_displaced_by_one_three_and_five_eighths():
    code = TileCoding().build(widths(3), 1)
    keys = [code.numbers.table.keys[i].tolist() for i in ask(code, [0.5, 0.5, 0.5])]
    assert keys == [[t, (4 + t) // 8, (4 + 3 * t) // 8, (4 + 5 * t) // 8, 0] for t in range(8)]
    assert [key[3] for key in keys] == [0, 1, 1, 2, 3, 3, 4, 4]


def test_a_range_is_cut_into_tiles_whatever_its_width():
    code = TileCoding(tilings=1, tiles=4).build(CAR.observations, 1)
    # A tile is 1.7 / 4 = 0.425 wide and 0.14 / 4 = 0.035 high, counted from 0.
    keys = [code.numbers.table.keys[ask(code, list(point))[0]].tolist() for point in [(-1.2, -0.07), (0.4, 0.06)]]
    assert keys == [[0, -3, -2, 0], [0, 0, 1, 0]]


@given(st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=20), st.integers(1, 3), st.sampled_from([1, 3, 8]))
def test_equal_tiles_have_equal_indices_and_others_have_others(
    points: list[tuple[float, float]], actions: int, tilings: int
):
    code, naive = TileCoding(tilings=tilings).build(widths(2), actions), NaiveTable(4096)
    pairs = set()
    for point in points:
        index, _ = asked(code, point, actions)
        for action in range(actions):
            tiles = tiles_of(point, tilings, action)
            pairs |= set(zip(map(naive.index, tiles), index[action], strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(naive.known)
    assert code.used() == (len(naive.known), 0)
    assert all(0 <= b < 4096 for _, b in pairs)


@given(st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=20), st.integers(1, 50))
def test_indices_are_unique_until_the_table_is_full_and_shared_from_then_on(
    points: list[tuple[float, float]], size: int
):
    code, naive = TileCoding(size=size).build(widths(2), 2), NaiveTable(size)
    known: dict[Tile, int] = {}
    for point in points:
        index, _ = asked(code, point, 2)
        # The encoder asks tiling by tiling, each for all actions.
        for tiling in range(8):
            for action in range(2):
                tile, there = tiles_of(point, 8, action)[tiling], index[action][tiling]
                assert 0 <= there < size
                if naive.index(tile) is not None:
                    assert known.setdefault(tile, there) == there
        assert len(set(known.values())) == len(known)
        assert code.used() == (len(naive.known), naive.overfull)


@KINDS
@pytest.mark.parametrize("point", CAR_POINTS)
def test_one_feature_of_each_tiling_and_action_wherever_the_car_is(encoder: EncoderSpec, point: tuple[float, float]):
    code = encoder.build(CAR.observations, 3)
    index, value = asked(code, point, 3)
    assert value == [1.0] * 8
    assert len({i for row in index for i in row}) == 3 * 8
    assert all(0 <= i < code.features for row in index for i in row)


@KINDS
def test_what_the_car_shows_shares_a_tile_only_with_what_is_near(encoder: EncoderSpec):
    """The velocity of one point must never be taken for the position of another."""
    code = encoder.build(CAR.observations, 1)
    draws = np.random.default_rng(0)
    points = [*CAR_POINTS, *zip(draws.uniform(-1.2, 0.5, 200), draws.uniform(-0.07, 0.07, 200), strict=True)]
    tiles = [set(asked(code, point, 1)[0][0]) for point in points]
    near = [[abs(x - y) < 1.7 / 8 and abs(v - w) < 0.14 / 8 for y, w in points] for x, v in points]
    shared = [[bool(a & b) for b in tiles] for a in tiles]
    assert (np.array(near) | ~np.array(shared)).all()
    assert np.array(shared).sum() > len(points)


def test_grids_give_every_tiling_and_action_its_own_weights():
    code = Grids(tilings=4, tiles=2).build(CAR.observations, 3)
    blocks = code.features // (3 * 4)
    for point in CAR_POINTS:
        index, _ = asked(code, point, 3)
        assert [[i // blocks for i in row] for row in index] == [[4 * a + t for t in range(4)] for a in range(3)]


def test_grids_by_hand():
    code = Grids(tilings=2, tiles=2).build(widths(1, tiles=2), 1)
    # Half tiles are 0 to 4; the second grid lies half a tile off: (0 + 1) // 2, (1 + 1) // 2, and so on.
    across = code.features // 2
    found = [ask(code, [half / 2]) for half in range(5)]
    assert found == [[a, across + b] for a, b in [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2)]]


@given(st.lists(st.integers(0, 64), min_size=2, max_size=2), st.lists(st.integers(0, 64), min_size=2, max_size=2))
def test_grids_part_the_range_as_tile_coding_does(here: list[int], there: list[int]):
    grids, table = Grids().build(widths(2), 1), TileCoding().build(widths(2), 1)
    a, b = [n / 8 for n in here], [n / 8 for n in there]
    same = [i == j for i, j in zip(ask(grids, a), ask(grids, b), strict=True)]
    assert same == [i == j for i, j in zip(ask(table, a), ask(table, b), strict=True)]


def test_grids_end_at_the_range():
    code = Grids().build(widths(2), 1)
    assert ask(code, [-5.0, 99.0]) == ask(code, [-0.5, 9.0])
    assert len({*ask(code, [0.0, 8.0]), *ask(code, [8.0, 0.0])}) == 16


def met(tilings: int, actions: int) -> tuple[list[list[float]], list[Tile]]:
    """Points all over the range of two numbers, and every tile that they lie in."""
    points = [[x / 2, y / 2] for x in range(17) for y in range(17)]
    found = {tile: None for point in points for action in range(actions) for tile in tiles_of(point, tilings, action)}
    return points, list(found)


def indices(encoder: HashedTiles, points: list[list[float]], actions: int) -> dict[Tile, int]:
    code = encoder.build(widths(2), actions)
    found: dict[Tile, int] = {}
    for point in points:
        index, _ = asked(code, point, actions)
        for action in range(actions):
            for tile, there in zip(tiles_of(point, encoder.tilings, action), index[action], strict=True):
                assert found.setdefault(tile, there) == there
    return found


def test_a_small_table_of_hashes_collides_as_often_as_chance_would():
    points, tiles = met(8, 3)
    found = indices(HashedTiles(size=256), points, 3)
    assert set(found) == set(tiles)
    assert set(found.values()) == set(range(256))
    medium = len(set(indices(HashedTiles(size=2048), points, 3).values()))
    assert medium < len(tiles)
    assert medium == pytest.approx(2048 * (1 - (1 - 1 / 2048) ** len(tiles)), rel=0.05)


def test_a_large_table_of_hashes_is_tile_coding():
    points, tiles = met(8, 3)
    found = indices(HashedTiles(size=2**30), points, 3)
    assert len(set(found.values())) == len(tiles)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: TileCoding(tilings=0), "tilings, tiles and size must be 1 or more"),
        (lambda: TileCoding(tiles=0), "tilings, tiles and size must be 1 or more"),
        (lambda: TileCoding(size=0), "tilings, tiles and size must be 1 or more"),
        (lambda: HashedTiles(size=-1), "tilings, tiles and size must be 1 or more"),
        (lambda: HashedTiles(tilings=0), "tilings, tiles and size must be 1 or more"),
        (lambda: Grids(tilings=0), "tilings and tiles must be 1 or more"),
        (lambda: Grids(tiles=-1), "tilings and tiles must be 1 or more"),
        (lambda: Grids(tiles=100).build(widths(6), 3), "TileCoding needs only as many"),
    ],
)
def test_tiles_that_make_no_sense_are_refused(make, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        make()
