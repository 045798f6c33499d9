"""Scores: hand-worked normalisation, trimmed means, bootstrap, and which published score may stand beside ours."""

from __future__ import annotations

import os

import ale_py.roms
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    assert len(score.published_scores()) == 2220 + 177
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


RUNS = st.lists(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=4), min_size=1, max_size=3)


def test_aggregates_by_hand():
    # Two games of four runs: pooled 0 1 2 3 | 10 20 30 100, without the lowest and highest two: 2 3 10 20.
    runs = [[3.0, 0.0, 1.0, 2.0], [100.0, 10.0, 30.0, 20.0]]
    found = score.aggregate(runs, np.random.default_rng(0))
    assert found.iqm.value == pytest.approx((2 + 3 + 10 + 20) / 4)
    assert found.mean.value == pytest.approx((1.5 + 40.0) / 2)
    assert found.median.value == pytest.approx((1.5 + 40.0) / 2)  # of two games' means
    three = score.aggregate([*runs, [7.0, 7.0]], np.random.default_rng(0))
    assert three.median.value == 7.0
    assert score.aggregate([[1.0, 2.0, 60.0]], np.random.default_rng(0)).median.value == 2.0  # one game: over its runs


def test_aggregates_resample_seeds_within_each_game_only():
    found = score.aggregate([[0.0, 0.0], [10.0, 10.0]], np.random.default_rng(0))
    assert found.mean.interval == score.Interval(low=5.0, high=5.0, level=0.95)
    spread = score.aggregate([[0.0, 2.0], [10.0, 10.0]], np.random.default_rng(0)).mean.interval
    assert spread is not None
    assert (spread.low, spread.high) == (5.0, 6.0)


def test_the_interval_of_an_aggregate_is_that_of_the_naive_bootstrap():
    runs = [[1.0, 5.0, 9.0], [2.0, 2.0, 8.0, 4.0]]
    found = score.aggregate(runs, np.random.default_rng(3), resamples=50)
    generator = np.random.default_rng(3)
    first, second = (generator.integers(len(game), size=(50, len(game))) for game in runs)
    means = sorted(
        (np.mean([runs[0][i] for i in a]) + np.mean([runs[1][i] for i in b])) / 2
        for a, b in zip(first, second, strict=True)
    )
    assert found.mean.interval is not None
    assert found.mean.interval.low == pytest.approx(np.quantile(means, 0.025))
    assert found.mean.interval.high == pytest.approx(np.quantile(means, 0.975))


def test_one_seed_of_a_game_gives_no_interval():
    found = score.aggregate([[1.0, 2.0], [3.0]], np.random.default_rng(0))
    assert (found.iqm.interval, found.median.interval, found.mean.interval) == (None, None, None)


@pytest.mark.parametrize("runs", [[], [[1.0], []]])
def test_aggregates_of_nothing_are_refused(runs: list[list[float]]):
    with pytest.raises(ValueError, match="at least one stratum"):
        score.aggregate(runs, np.random.default_rng(0))


def test_probability_of_improvement_by_hand():
    # Game 1: 3 beats 1 and 2, 2 beats 1 and ties with 2: 3.5 of 4. Game 2: never: 0.
    found = score.probability_of_improvement([[3.0, 2.0], [0.0]], [[1.0, 2.0], [5.0]], np.random.default_rng(0))
    assert found.value == pytest.approx((3.5 / 4 + 0.0) / 2)
    assert found.interval is None  # one run of game 2
    certain = score.probability_of_improvement([[3.0, 4.0]], [[1.0, 2.0]], np.random.default_rng(0))
    assert certain.interval == score.Interval(low=1.0, high=1.0, level=0.95)


@given(RUNS, st.data())
def test_probability_of_improvement_is_the_naive_count(left: list[list[float]], data: st.DataObject):
    right = data.draw(st.lists(RUNS.map(lambda runs: runs[0]), min_size=len(left), max_size=len(left)))
    per_game = [
        sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in x for b in y) / (len(x) * len(y))
        for x, y in zip(left, right, strict=True)
    ]
    found = score.probability_of_improvement(left, right, np.random.default_rng(0), resamples=5)
    assert found.value == pytest.approx(sum(per_game) / len(per_game))
    turned = score.probability_of_improvement(right, left, np.random.default_rng(0), resamples=5)
    assert found.value + turned.value == pytest.approx(1.0)
    same = score.probability_of_improvement(left, left, np.random.default_rng(0), resamples=5)
    assert same.value == pytest.approx(0.5)


def test_probability_of_improvement_needs_the_same_games():
    with pytest.raises(ValueError, match="the same games on both sides, not 1 and 2"):
        score.probability_of_improvement([[1.0]], [[1.0], [2.0]], np.random.default_rng(0))


def test_a_value_is_known_from_its_frame_on_and_never_before():
    found = score.as_of(np.array([10.0, 20.0]), np.array([1.0, 5.0]), np.array([9.0, 10.0, 19.9, 20.0, 99.0]))
    np.testing.assert_array_equal(found, [np.nan, 1.0, 1.0, 5.0, 5.0])


def test_a_sample_efficiency_curve_is_the_iqm_at_each_place():
    games = [np.array([[0.0, 4.0], [2.0, 4.0], [50.0, 4.0]]), np.array([[1.0, 4.0]])]
    middle, band = score.iqm_curve(games, np.random.default_rng(0))
    np.testing.assert_allclose(middle, [(1.0 + 2.0) / 2, 4.0])
    assert band is None
    middle, band = score.iqm_curve(games[:1], np.random.default_rng(0))
    assert band is not None
    np.testing.assert_allclose(band[:, 1], [4.0, 4.0])  # nothing varies there
    drawn = np.random.default_rng(0).integers(3, size=(500, 3))
    means = [np.mean([games[0][seed, 0] for seed in seeds]) for seeds in drawn]  # of three runs nothing is trimmed
    np.testing.assert_allclose(band[:, 0], np.quantile(means, [0.025, 0.975]))


def test_rules_leave_out_what_only_the_agent_sees():
    small = {**NATURE, "name": "mine", "frame_size": [42, 42], "life_loss_ends_return": False}
    assert score.rules(NATURE) == score.rules(small)
    assert score.rule_differences(NATURE, small) == ()
    assert score.rules(NATURE) != score.rules({**NATURE, "max_frames": 18_000})
    assert score.rule_differences(NATURE, {**NATURE, "repeat_action_probability": 0.25}) == (
        "repeat_action_probability 0 against 0.25",
    )


def test_published_curves_are_of_one_family_and_in_order():
    assert score.published_curves("pong", "no-op evaluation") == {}
    btr = score.published_curves("pong", "sticky evaluation")["BTR"]
    assert (btr[0].frames, btr[0].score) == (5_000_000, -14.72)
    assert [row.frames for row in btr] == [5_000_000, 10_000_000, 20_000_000, 200_000_000]
    training = score.published_curves("pong", "sticky training")
    assert len(training) > 5
    for rows in training.values():
        assert len({row.frames for row in rows}) == len(rows) == 7


def test_the_newest_point_of_btrs_curves_is_its_published_score():
    final = {row.game: row.score for row in score.evaluation_curves() if row.frames == 200_000_000}
    published = {row.game: row.score for row in score.published_scores() if row.algorithm == "BTR"}
    assert len(final) == 19
    for game, value in final.items():
        assert value == pytest.approx(published[game], rel=1e-3)


def test_dqn_zoos_medians_end_where_its_summary_says():
    last = {row.algorithm: row.median for row in score.median_curves() if row.frames == 200_000_000}
    percents = {name.removeprefix("DQN Zoo "): round(100 * value) for name, value in last.items()}
    assert percents["Rainbow"] == 187
    assert percents["DQN"] == 43
    assert len(last) == 7
