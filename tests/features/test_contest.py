"""Prediction from recorded rows gives the numbers of a pencil; control is the agent's own play."""

from __future__ import annotations

import numpy as np
import pytest

from features.recorded import catch, rigged
from playfield.features.contest import Match, Sight, Table, Terms, by_chance, error_of_the_mean, play, predictions
from playfield.features.frames import Split, split
from playfield.features.grid import Grid, GridView
from playfield.games.protocol import nature
from playfield.linear.encoders import OneHot, Tabular, TileCoding
from playfield.linear.learners import SarsaLambda, TrueOnlineSarsaLambda
from playfield.linear.policies import EpsilonGreedy
from playfield.rng import Rng

GRID = Sight(
    label="grid",
    setting="fixed",
    view=lambda: GridView(Grid(rows=1, columns=1, previous=False), (1, 1, 1)),
    terms=Terms(encoder=OneHot(tiles=1)),
)
"""One cell, black or white, each with a weight of its own: two states."""


def rows_of(colours: list[int]) -> np.ndarray:
    return np.array(colours, np.uint8)[:, None, None, None]


def test_prediction_by_hand() -> None:
    # Black, white, then the end with 4; the test episode goes the same way.
    found = rigged(rows_of([0, 255, 0, 0, 255, 0]), [0, 1, 4, 0, 1, 4], [0, 3], [2, 5])
    parts = Split(train=np.arange(3), test=np.arange(3, 6), train_episodes=(0,), test_episodes=(1,))
    learner = TrueOnlineSarsaLambda(alpha=0.5, gamma=0.5, lambda_=0.0)
    errors = list(predictions(Table(GRID, found, lambda row: None), GRID.terms.encoder, learner, found, parts, 2))
    # Returns are 1 + 0.5 * 4 = 3 and 4. Pass 1: v(black) = 0.5 (1 + 0) and v(white) = 0.5 * 4.
    # Pass 2: v(black) = 0.5 + 0.5 (1 + 0.5 * 2 - 0.5) = 1.25, v(white) = 2 + 0.5 (4 - 2) = 3.
    expected = [((3.0 - b) ** 2 / 2 + (4.0 - w) ** 2 / 2) ** 0.5 for b, w in ((0, 0), (0.5, 2.0), (1.25, 3.0))]
    assert errors == pytest.approx(expected)


def test_traces_reach_back_within_an_episode_and_not_beyond() -> None:
    # Two training episodes of one step each: the 4 of the second must not reach the state of the first.
    found = rigged(rows_of([0, 0, 255, 0, 0, 0]), [0, 0, 0, 4, 0, 0], [0, 2, 4], [1, 3, 5])
    parts = Split(train=np.arange(4), test=np.arange(4, 6), train_episodes=(0, 1), test_episodes=(2,))
    learner = TrueOnlineSarsaLambda(alpha=1.0, gamma=1.0, lambda_=1.0)
    errors = list(predictions(Table(GRID, found, lambda row: None), GRID.terms.encoder, learner, found, parts, 1))
    assert errors == pytest.approx([0.0, 0.0])


def test_no_value_flows_across_a_lost_life() -> None:
    # Black, a lost life, white, the end with 4: black is worth the 1 on the way to the loss.
    frames, rewards = rows_of([0, 255, 0, 0, 255, 0]), [0.0, 1.0, 4.0, 0.0, 1.0, 4.0]
    found = rigged(frames, rewards, [0, 3], [2, 5], [1, 0, 0, 1, 0, 0])
    parts = Split(train=np.arange(3), test=np.arange(3, 6), train_episodes=(0,), test_episodes=(1,))
    learner = TrueOnlineSarsaLambda(alpha=1.0, gamma=1.0, lambda_=1.0)
    errors = list(predictions(Table(GRID, found, lambda row: None), GRID.terms.encoder, learner, found, parts, 1))
    assert errors == pytest.approx([(0.5 * (1 + 16)) ** 0.5, 0.0])


def test_the_mean_return_by_hand() -> None:
    found = rigged(rows_of([0, 0, 0, 0, 0, 0]), [0, 2, 4, 0, 0, 1], [0, 3], [2, 5])
    parts = Split(train=np.arange(3), test=np.arange(3, 6), train_episodes=(0,), test_episodes=(1,))
    # Returns of the training part are 6 and 4, of the test part 1 and 1.
    assert error_of_the_mean(found, parts, 1.0) == pytest.approx(4.0)


def test_looking_at_test_rows_takes_no_tiles() -> None:
    found = catch()
    parts = split(found, 0.3, Rng(0).numpy("split"))
    sight = Sight(
        label="grid",
        setting="fixed",
        view=lambda: GridView(Grid(rows=2, columns=2, previous=False), (48, 48, 1)),
        terms=Terms(encoder=TileCoding(size=64)),
    )
    table, learner = Table(sight, found, lambda row: None), TrueOnlineSarsaLambda(alpha=0.1, gamma=0.9)
    once = list(predictions(table, sight.terms.encoder, learner, found, parts, 1))
    fewer = Split(
        train=parts.train, test=parts.test[:50], train_episodes=parts.train_episodes, test_episodes=parts.test_episodes
    )
    assert list(predictions(table, sight.terms.encoder, learner, found, parts, 1)) == once
    assert len(list(predictions(table, sight.terms.encoder, learner, found, fewer, 2))) == 3


def test_weights_that_run_away_are_told() -> None:
    found = rigged(rows_of([0, 255, 0] * 40), [0, 1, 4] * 40, list(range(0, 120, 3)), list(range(2, 120, 3)))
    parts = split(found, 0.3, Rng(0).numpy("split"))
    learner = TrueOnlineSarsaLambda(alpha=30.0, gamma=1.0, lambda_=0.0)
    table = Table(GRID, found, lambda row: None)
    errors = list(predictions(table, GRID.terms.encoder, learner, found, parts, 9))
    away = int(np.argmax(np.isnan(errors)))
    assert 0 < away < 10
    assert np.isfinite(errors[:away]).all()
    assert len(errors) == 10
    assert np.isnan(errors[away:]).all()


def test_control_that_runs_away_keeps_what_it_had_and_is_not_evaluated() -> None:
    found = play(match(3000), seen(), SarsaLambda(alpha=30.0, gamma=1.0), 0, lambda frames: None)
    assert found.diverged_at is not None
    assert all(frames <= found.diverged_at for frames, _ in found.ended)
    assert found.evaluated == ()


def match(frames: int, **changes: object) -> Match:
    settings = {"game": "catch", "protocol": nature(), "frames": frames, "episodes": 3, "policy": EpsilonGreedy()}
    return Match(**{**settings, **changes})  # type: ignore[arg-type]


def seen() -> Sight:
    terms = Terms(encoder=OneHot(tiles=2))
    return Sight(label="grid", setting="fixed", view=lambda: GridView(Grid(), (48, 48, 1)), terms=terms)


def test_play_is_as_long_as_asked_and_the_same_for_the_same_seed() -> None:
    learner = SarsaLambda(alpha=0.1, gamma=0.9)
    first = play(match(300), seen(), learner, 0, lambda frames: None)
    # An episode of Catch is 55 frames.
    assert [frames for frames, _ in first.ended] == [55, 110, 165, 220, 275]
    assert len(first.evaluated) == 3
    assert play(match(300), seen(), learner, 0, lambda frames: None) == first
    assert play(match(300), seen(), learner, 1, lambda frames: None) != first


def test_random_play_scores_as_random_play_does() -> None:
    scores = by_chance(match(1, episodes=200))
    assert -4.0 < np.mean(scores) < -1.0


def test_an_encoder_for_numbered_states_is_refused() -> None:
    sight = Sight(label="grid", setting="fixed", view=seen().view, terms=Terms(encoder=Tabular()))
    with pytest.raises(ValueError, match="no numbered states"):
        play(match(60), sight, SarsaLambda(), 0, lambda frames: None)
