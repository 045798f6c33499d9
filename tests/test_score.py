"""Scores: hand-worked normalisation, trimmed means, bootstrap, and which published score may stand beside ours."""

from __future__ import annotations

import os

import ale_py.roms
import numpy as np
import pytest

from playfield import score
from playfield.events import Evaluated, Tape
from playfield.types import Clock

NATURE = {"name": "nature", "repeat_action_probability": 0.0, "frame_skip": 4, "full_action_set": False, "noop_max": 30}
MACHADO = {"name": "machado", "repeat_action_probability": 0.25, "frame_skip": 4, "full_action_set": False}


def record(**changes: object) -> score.ScoreRecord:
    values: dict[str, object] = {
        "game": "pong",
        "protocol": NATURE,
        "policy": "greedy, epsilon 0.001",
        "kind": "evaluation",
        "frames": 1_000_000,
        "scores": (18.0, 20.0, 16.0, 18.0),
    }
    return score.ScoreRecord(**{**values, **changes})  # type: ignore[arg-type]


def test_pong_at_18_is_normalised_by_hand():
    assert score.human_normalised("pong", 18.0) == pytest.approx((18.0 + 20.7) / (14.6 + 20.7))
    assert score.human_normalised("breakout", 1.7) == 0.0
    assert score.human_normalised("breakout", 30.5) == 1.0


def test_a_game_without_a_human_score_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="No human and random scores are known for 'catch'"):
        score.human_normalised("catch", 1.0)


def test_all_57_games_and_all_published_games_are_ale_py_games():
    roms = {name.removesuffix(".bin") for name in os.listdir(os.path.dirname(str(ale_py.roms.__file__)))}
    assert len(score.baselines()) == 57
    assert set(score.baselines()) <= roms
    assert {row.game for row in score.published_scores()} <= roms
    assert {row.game for row in score.training_curves()} <= roms
    assert len(score.published_scores()) == 2220
    assert all(base.human > base.random for base in score.baselines().values())


@pytest.mark.parametrize(
    ("algorithm", "source", "games", "percent"),
    [
        ("DQN", "C51 paper", 57, 79),
        ("C51", "C51 paper", 57, 178),
        ("Rainbow", "Rainbow", 54, 227),
        ("QR-DQN-1", "QR-DQN", 57, 211),
    ],
)
def test_published_medians_come_out_of_the_shipped_tables(algorithm: str, source: str, games: int, percent: float):
    rows = [
        row
        for row in score.published_scores()
        if row.algorithm == algorithm and row.family == "no-op evaluation" and source in row.source
    ]
    normalised = np.array([score.human_normalised(row.game, row.score) for row in rows])
    assert len(rows) == games
    assert 100 * score.median(normalised) == pytest.approx(percent, abs=1.0)


def test_the_published_mean_of_c51_comes_out_too_so_video_pinball_is_right():
    rows = [row for row in score.published_scores() if row.algorithm == "C51" and row.family == "no-op evaluation"]
    assert 100 * np.mean([score.human_normalised(row.game, row.score) for row in rows]) == pytest.approx(701, abs=1.0)


def test_iqm_drops_the_lowest_and_the_highest_quarter():
    assert score.iqm(np.array([100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -50.0])) == pytest.approx((2 + 3 + 4 + 5) / 4)
    two_rows = np.array([[0.0, 1.0, 3.0, 900.0], [5.0, 5.0, 5.0, 5.0]])
    np.testing.assert_allclose(score.iqm(two_rows), [2.0, 5.0])
    assert score.mean(np.array([1.0, 2.0, 6.0])) == 3.0
    assert score.median(np.array([1.0, 2.0, 6.0])) == 2.0


def test_bootstrap_is_the_same_for_the_same_generator_and_narrows_with_scores():
    few, many = [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0] * 25
    once = score.stratified_bootstrap([few], score.mean, np.random.default_rng(3))
    again = score.stratified_bootstrap([few], score.mean, np.random.default_rng(3))
    assert once == again
    assert once.low < 2.5 < once.high
    narrow = score.stratified_bootstrap([many], score.mean, np.random.default_rng(3))
    # Normal approximation: 2.5 ± 1.96 · sqrt(1.25 / 100)
    assert narrow.low == pytest.approx(2.5 - 1.96 * 0.1118, abs=0.02)
    assert narrow.high == pytest.approx(2.5 + 1.96 * 0.1118, abs=0.02)


def test_bootstrap_resamples_each_stratum_by_itself():
    # Within a stratum nothing varies, so no resample can differ: a pooled bootstrap would give a wide interval.
    found = score.stratified_bootstrap([[0.0] * 5, [10.0] * 5], score.mean, np.random.default_rng(0))
    assert (found.low, found.high) == (5.0, 5.0)


def test_bootstrap_interval_covers_the_true_mean_about_as_often_as_it_says():
    generator = np.random.default_rng(7)
    covered = 0
    for _ in range(200):
        interval = score.stratified_bootstrap(
            [generator.normal(0.0, 1.0, 40).tolist()], score.mean, generator, resamples=300
        )
        covered += interval.low <= 0.0 <= interval.high
    assert 0.88 <= covered / 200 <= 0.99


@pytest.mark.parametrize(
    ("strata", "changes"), [([], {}), ([[1.0], []], {}), ([[1.0]], {"level": 1.0}), ([[1.0]], {"resamples": 0})]
)
def test_bootstrap_refuses_what_it_cannot_do(strata: list[list[float]], changes: dict[str, float]):
    with pytest.raises(ValueError, match="A bootstrap needs"):
        score.stratified_bootstrap(strata, score.mean, np.random.default_rng(0), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("protocol", "kind", "family"),
    [
        (NATURE, "evaluation", "no-op evaluation"),
        (NATURE, "training", "no-op training"),
        (MACHADO, "evaluation", "sticky evaluation"),
        (MACHADO, "training", "sticky training"),
        ({**MACHADO, "full_action_set": True}, "evaluation", None),
        ({**MACHADO, "frame_skip": 5}, "evaluation", None),
        ({**NATURE, "repeat_action_probability": 0.1}, "evaluation", None),
        ({**NATURE, "noop_max": 0}, "evaluation", None),
        ({"name": "toy"}, "evaluation", None),
    ],
)
def test_a_protocol_belongs_to_one_family_or_none(protocol: dict[str, object], kind: score.Kind, family: str | None):
    assert score.family_of(protocol, kind) == family


def test_families_never_mix_sticky_and_not():
    for row in score.published_scores():
        says_sticky = "sticky" in row.protocol and "no sticky" not in row.protocol
        assert says_sticky == row.family.startswith("sticky"), row
        assert ("training" in row.protocol) == row.family.endswith("training"), row
        assert row.protocol.startswith("human starts") == (row.family == "human-start evaluation"), row


def test_a_table_holds_the_numbers_of_its_record():
    table = score.score_table(record(), np.random.default_rng(0))
    assert (table.episodes, table.mean, table.median, table.minimum, table.maximum) == (4, 18.0, 18.0, 16.0, 20.0)
    assert table.std == pytest.approx(np.sqrt((4 + 4) / 3))
    assert table.human_normalised == pytest.approx(38.7 / 35.3)
    assert table.interval is not None
    assert 16.0 <= table.interval.low < 18.0 < table.interval.high <= 20.0
    assert "repeat_action_probability 0" in table.protocol
    assert table.protocol.startswith("nature: ")
    assert {row.family for row in table.published} == {"no-op evaluation"}
    assert ("DQN", 18.9, 200_000_000) in {(row.algorithm, row.score, row.frames) for row in table.published}
    assert [row.score for row in table.published] == sorted((row.score for row in table.published), reverse=True)
    assert table.note == ""


def test_one_episode_has_neither_deviation_nor_interval():
    table = score.score_table(record(scores=(3.0,)), np.random.default_rng(0))
    assert (table.mean, table.std, table.interval) == (3.0, None, None)


def test_a_protocol_without_published_counterpart_says_why():
    full = score.score_table(record(protocol={**MACHADO, "full_action_set": True}), np.random.default_rng(0))
    assert full.published == ()
    assert full.note == (
        "No published scores of this protocol: it uses the full action set, published scores use the minimal one."
    )
    unknown = score.score_table(record(game="catch", protocol={"name": "toy"}), np.random.default_rng(0))
    assert unknown.note == "No published scores of catch are known to Playfield."
    assert unknown.human_normalised is None
    sticky = score.score_table(record(game="freeway", protocol=MACHADO), np.random.default_rng(0))
    assert sticky.note.startswith(
        "No published sticky evaluation scores of freeway. Dopamine's sticky scores are training"
    )


def test_training_returns_stand_beside_training_returns_only():
    table = score.score_table(record(kind="training", protocol=MACHADO), np.random.default_rng(0))
    assert {row.family for row in table.published} == {"sticky training"}
    assert all(row.algorithm.startswith("Dopamine_") for row in table.published)


def test_scores_on_the_way_are_those_of_the_last_milestone_reached():
    rows = score.published_on_the_way("pong", 30_000_000)
    assert {row.frames for row in rows} == {25_000_000}
    assert rows[0].score == 20.087  # IQN with the Impala network
    assert score.published_on_the_way("pong", 1_000_000) == ()


def test_no_episode_no_table():
    with pytest.raises(ValueError, match="No finished episode of pong"):
        score.score_table(record(scores=()), np.random.default_rng(0))


def test_an_evaluation_becomes_its_table():
    evaluated = Evaluated(
        clock=Clock(frames=400, steps=100),
        game="pong",
        protocol=NATURE,
        policy="random",
        seed=1,
        scores=(-21.0, -20.0),
        frames=(4000, 4100),
        best=Tape(seed=5, actions=b"\x00"),
    )
    table = score.evaluation_table(evaluated, np.random.default_rng(0))
    assert (table.kind, table.policy, table.frames, table.mean) == ("evaluation", "random", 400, -20.5)
