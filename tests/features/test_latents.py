"""A view of latents: it remembers within an episode, keeps within limits, and comes back from files and trees."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from features.recorded import catch
from playfield.build import build_session, build_view
from playfield.features.autoencoder import AutoencoderSpec, Dense, Points, ready
from playfield.features.grid import Grid, GridView
from playfield.features.latents import (
    ABOUT,
    WEIGHTS,
    Latents,
    LatentView,
    frame_rules,
    latents_from,
    load_latents,
    measure,
    numbers_of,
    split_of,
    telling,
    write_latents,
)
from playfield.games.games import GameSpec
from playfield.games.make import make_games
from playfield.games.protocol import nature
from playfield.linear.agent import LinearAgent
from playfield.linear.encoders import OneHot
from playfield.recipes import LINEAR_RECIPES
from playfield.recipes.linear_recipe import Learnt
from playfield.rng import Rng
from playfield.session import Session
from playfield.storage.files import DamagedFile
from playfield.storage.tree import digest, flatten, unflatten


@cache
def untrained() -> Latents:
    """Points of an autoencoder that has learnt nothing; they move all the same."""
    made = ready(AutoencoderSpec(bottleneck=Points(points=2)), catch(), np.arange(300), Rng(0))
    return measure(made.eval(), catch(), np.arange(300))


def test_a_change_is_since_the_frame_before_and_forgotten_at_an_episodes_start() -> None:
    wide = replace(
        untrained(), low=np.full(4, -9.0), high=np.full(4, 9.0), change_low=np.full(4, -9.0),
        change_high=np.full(4, 9.0), kept=(0, 3),
    )  # fmt: skip
    view, frames = LatentView(wide, "all"), catch().frame
    numbers = numbers_of(wide.autoencoder, frames[:4])[:, [0, 3]]
    assert len(view.observations.low) == 4
    expected = ((True, 0.0), (False, numbers[1] - numbers[0]), (True, 0.0), (False, numbers[3] - numbers[2]))
    for row, (first, change) in enumerate(expected):
        seen = view.see(frames[row], first)
        np.testing.assert_allclose(seen[:2], numbers[row], atol=1e-6)
        np.testing.assert_allclose(seen[2:], change, atol=1e-6)
    assert np.abs(numbers[1] - numbers[0]).max() > 1e-3


def test_numbers_stay_within_the_limits_of_training() -> None:
    low, high = np.full(4, 0.4), np.full(4, 0.41)
    narrow = replace(untrained(), low=low, high=high, change_low=low - 0.4, change_high=high - 0.4)
    view = LatentView(narrow, "all")
    seen = np.array([view.see(frame, row == 0) for row, frame in enumerate(catch().frame[:50])])
    assert (seen >= view.observations.low).all()
    assert (seen <= view.observations.high).all()
    assert {0.4, 0.41} <= set(np.unique(seen))


def test_limits_are_those_of_the_training_rows() -> None:
    latents = untrained()
    numbers = numbers_of(latents.autoencoder, catch().frame[:300])
    low, high = np.percentile(numbers, (0.1, 99.9), 0)
    np.testing.assert_allclose(latents.low, low)
    np.testing.assert_allclose(latents.high, np.maximum(high, low + 1e-3))
    within = np.flatnonzero(~catch().first[1:300])  # no change leads into a first frame
    changes = (numbers[1:] - numbers[:-1])[within]
    np.testing.assert_allclose(latents.change_low, np.percentile(changes, 0.1, 0))


def test_what_says_nothing_new_is_left_out() -> None:
    draws = Rng(0).numpy("numbers")
    a, b = draws.normal(size=500), draws.normal(size=500)
    still = draws.normal(size=500) * 0.01
    assert telling(np.column_stack([a, still, 0.9 * a + 0.1, b, 0.3 * a + 0.3 * b])) == (0, 3)
    assert telling(np.zeros((5, 3))) == (0,)


def test_a_view_goes_on_where_its_state_was_saved() -> None:
    view, other, frames = LatentView(untrained(), "all"), LatentView(untrained(), "all"), catch().frame
    for row in range(5):
        view.see(frames[row], row == 0)
    other.load(view.state())
    np.testing.assert_array_equal(view.see(frames[5], False), other.see(frames[5], False))
    with pytest.raises(ValueError, match="view/before should hold"):
        other.load({"before": np.zeros(17)})


@pytest.mark.parametrize("change", ["none", "all"])
def test_weights_are_enough_to_see_the_same_again(change) -> None:
    view = LatentView(untrained(), change)
    flat = flatten(view.weights())
    again = LatentView(latents_from(unflatten(json.loads(json.dumps(flat.plain)), flat.tensors, flat.rows)), change)
    assert again.observations == view.observations
    for row, frame in enumerate(catch().frame[:9]):
        np.testing.assert_array_equal(view.see(frame, row == 0), again.see(frame, row == 0))


@pytest.mark.parametrize("bottleneck", [Points(points=2), Dense(latents=3)])
def test_latents_come_back_from_files(tmp_path: Path, bottleneck: Points | Dense) -> None:
    made = ready(AutoencoderSpec(bottleneck=bottleneck), catch(), np.arange(300), Rng(0))
    latents = measure(made.eval(), catch(), np.arange(300))
    write_latents(latents, tmp_path, {"seed": 0})
    back = load_latents(tmp_path)
    assert (back.game, back.kept, back.autoencoder.spec) == ("catch", latents.kept, latents.autoencoder.spec)
    for name in ("low", "high", "change_low", "change_high"):
        np.testing.assert_array_equal(getattr(back, name), getattr(latents, name))
    frames = catch().frame[:20]
    np.testing.assert_array_equal(numbers_of(back.autoencoder, frames), numbers_of(made, frames))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"shape": [48, 48]}, "frames cannot be of the shape"),
        ({"shape": [48, 48, 10**9]}, "frames cannot be of the shape"),
        ({"shape": [40, 48, 1]}, "background should be"),
        ({"kept": [7]}, "keeps latents that there are not"),
        ({"kept": []}, "keeps latents that there are not"),
        ({"spec": {"type": "Rainbow"}}, "it is one of: AutoencoderSpec"),
        ({"spec": None}, "must be AutoencoderSpec"),
        ({"kept": None}, "is missing"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    write_latents(untrained(), tmp_path, {})
    plain = json.loads((tmp_path / ABOUT).read_text())
    (tmp_path / ABOUT).write_text(json.dumps({"latents": {**plain["latents"], **change}}))
    with pytest.raises(DamagedFile, match=reason):
        load_latents(tmp_path)


def test_a_network_that_would_fill_the_memory_is_not_made(tmp_path: Path) -> None:
    write_latents(untrained(), tmp_path, {})
    text = (tmp_path / ABOUT).read_text()
    assert text.count('"channels": 8') == 1
    (tmp_path / ABOUT).write_text(text.replace('"channels": 8', '"channels": 100000'))
    with pytest.raises(DamagedFile, match="larger than any that is read"):
        load_latents(tmp_path)


def test_numbers_that_are_none_are_refused() -> None:
    tree = dict(LatentView(untrained()).weights())
    for name, value in (("low", float("nan")), ("network.draw.0.bias", float("inf"))):
        broken = {**tree["tensors"], name: torch.full_like(tree["tensors"][name], value)}
        with pytest.raises(ValueError, match=name):
            latents_from({**tree, "tensors": broken})
    with pytest.raises(ValueError, match="not those of such an autoencoder"):
        latents_from({**tree, "tensors": {**tree["tensors"], "more": torch.zeros(1)}})


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    write_latents(untrained(), tmp_path, {})
    data = (tmp_path / WEIGHTS).read_bytes()
    for damaged in (b"", data[:-1], b"\xff" * 8 + data[8:]):
        (tmp_path / WEIGHTS).write_bytes(damaged)
        with pytest.raises(DamagedFile):
            load_latents(tmp_path)


def test_frames_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="of frames of 48 x 48 x 1"):
        LatentView(untrained()).see(np.zeros((24, 24, 1), np.uint8), True)


def test_a_split_is_that_of_the_frames_that_were_learnt_from(tmp_path: Path) -> None:
    about = catch().about
    frames = {"game": about.game, "protocol": about.protocol, "seed": about.seed, "rows": about.rows}
    write_latents(untrained(), tmp_path, {"frames": frames, "split": {"test_episodes": [1, 4]}})
    assert split_of(tmp_path, catch()).test_episodes == (1, 4)
    with pytest.raises(ValueError, match="were learnt from other frames than these of catch"):
        split_of(tmp_path, catch(seed=4))
    write_latents(untrained(), tmp_path, {"frames": frames, "split": {"test_episodes": [99]}})
    with pytest.raises(DamagedFile, match="tests on episodes that there are not"):
        split_of(tmp_path, catch())


def test_a_grid_has_the_brightest_pixel_of_each_cell() -> None:
    frame = np.array([[0, 51, 10], [102, 0, 20], [255, 0, 30], [0, 204, 40]], np.uint8)[:, :, None]
    view = GridView(Grid(rows=2, columns=2), (4, 3, 1))
    assert len(view.observations.low) == 8
    # Of three columns the first cell has one, and the second two.
    now = [102 / 255, 51 / 255, 255 / 255, 204 / 255]
    assert view.see(frame, True).tolist() == [*now, *now]
    assert view.see(frame // 2, False).tolist() == [51 / 255, 25 / 255, 127 / 255, 102 / 255, *now]
    assert GridView(Grid(rows=1, columns=1, previous=False), (4, 3, 1)).see(frame, True).tolist() == [1.0]
    with pytest.raises(ValueError, match="a grid of 5 x 2 is finer than frames of 4 x 3"):
        GridView(Grid(rows=5, columns=2), (4, 3, 1))


@pytest.mark.parametrize("view", [Grid(rows=4, columns=4), Learnt(change="all")])
def test_a_learner_that_sees_pixels_goes_on_as_if_it_had_never_stopped(view: Grid | Learnt) -> None:
    recipe = LINEAR_RECIPES["sarsa_lambda"].but(view=view, encoder=OneHot(tiles=3))

    def session() -> Session[LinearAgent]:
        return build_session(recipe, make_games("catch", nature(), 1), 4, untrained())

    whole, half = session(), session()
    for event in whole.play(130):
        assert event.clock.frames <= 130
    list(half.play(71))  # in the middle of the second episode
    again = session()
    again.load(half.state())
    list(again.play(130))
    assert digest(again.state()) == digest(whole.state()) != digest(half.state())


def test_frames_that_were_made_otherwise_are_told() -> None:
    protocol = {**nature().plain(), "name": "nature", "crop": [34, 194, 0, 160]}
    spec = GameSpec(
        name="catch", games=1, actions=("A",), frame_shape=(48, 48, 1), frame_dtype="uint8", frames_per_action=4,
        frames_per_second=60.0, protocol=protocol,
    )  # fmt: skip
    recipe = LINEAR_RECIPES["sarsa_lambda"].but(view=Learnt())
    learnt = replace(untrained(), rules=frame_rules({**protocol, "crop": None}))
    with pytest.raises(ValueError, match=r"learnt with crop null, .* \[34, 194, 0, 160\]; give protocol.crop=none"):
        build_view(recipe, spec, learnt)
    build_view(recipe, spec, replace(learnt, rules=frame_rules(protocol)))
