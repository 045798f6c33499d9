"""Budgets: choices worked by hand on small tables, and shipped tables that name only what exists."""

from __future__ import annotations

from dataclasses import replace

import pytest

from playfield.budgets import (
    BUDGETS,
    LIKENESSES,
    Budget,
    Evidence,
    Measured,
    Speed,
    choose,
    shipped_evidence,
)
from playfield.games.make import UnknownGame, known_games
from playfield.recipes import RECIPES
from playfield.score.published import Published, PublishedMedian, shipped_rows, training_curves

HOUR = Budget(name="hour", about="", minutes=60.0, device="cpu", recipe="dqn_adam", because="it is plain")
"""At 1,000 frames a second 3.6M frames, at 2,000 a second 7.2M."""


def curve(algorithm: str, network: str, points: dict[int, float], family: str = "sticky training") -> list[Published]:
    protocol = f"mean of 5 runs [{network} network]" if network else "mean of 100 episodes"
    return [
        Published(
            game="pong",
            family=family,  # type: ignore[arg-type]
            algorithm=algorithm,
            frames=frames,
            score=score,
            protocol=protocol,
            source="a table",
        )
        for frames, score in points.items()
    ]


def speeds(**frames_per_second: float) -> list[Speed]:
    return [Speed(recipe=name, device="cpu", frames_per_second=rate) for name, rate in frames_per_second.items()]


def measured(recipe: str, seed: int, score: float, budget: str = "hour") -> Measured:
    return Measured(
        budget=budget,
        game="pong",
        recipe=recipe,
        seed=seed,
        score=score,
        episodes=30,
        protocol="nature",
        hardware="two cores",
    )


DQN = curve("Dopamine_DQN", "legacy", {2_000_000: -10.0, 4_000_000: 10.0, 10_000_000: 16.0})
C51 = curve("Dopamine_C51", "legacy", {5_000_000: 0.0, 10_000_000: 19.0})


def test_a_curve_is_read_between_its_points() -> None:
    """3.6M frames lie 0.8 of the way from 2M to 4M: -10 + 0.8 * 20 = 6."""
    choice = choose(HOUR, "pong", Evidence(speeds=speeds(dqn=1_000.0), curves=DQN))
    assert (choice.recipe, choice.band, choice.sureness) == ("dqn", (-10.0, 10.0), "published, not ours")
    assert "(published, not ours: Dopamine DQN at 2M and 4M frames, sticky training; 3.6M fit" in choice.expected()
    assert choice.source.endswith("there about 6")


@pytest.mark.parametrize(
    ("rates", "recipe", "band"),
    [
        # dqn is at 6 after 3.6M frames; c51 needs 5M for its first point, and at 7.2M it is at 8.36.
        ({"dqn": 1_000.0, "c51": 1_300.0}, "dqn", (-10.0, 10.0)),
        ({"dqn": 1_000.0, "c51": 2_000.0}, "c51", (0.0, 19.0)),
        # 4M exactly: on a point, the band goes on to the next one.
        ({"dqn": 4_000_000 / 3_600}, "dqn", (10.0, 16.0)),
        # 36M frames lie behind the end of the curve, which is not drawn on.
        ({"dqn": 10_000.0}, "dqn", (16.0, 16.0)),
        # A recipe of no known algorithm is no candidate, however fast.
        ({"dqn": 1_000.0, "pong_laptop": 5_000.0}, "dqn", (-10.0, 10.0)),
    ],
)
def test_the_highest_curve_that_is_reached_decides(
    rates: dict[str, float], recipe: str, band: tuple[float, float]
) -> None:
    choice = choose(HOUR, "pong", Evidence(speeds=speeds(**rates), curves=[*DQN, *C51]))
    assert (choice.recipe, choice.band) == (recipe, band)


def test_of_equal_scores_the_one_of_more_frames_wins_and_then_the_first_name() -> None:
    flat = {1_000_000: 5.0, 9_000_000: 5.0}
    curves = [*curve("Dopamine_DQN", "legacy", flat), *curve("Dopamine_C51", "legacy", flat)]
    assert choose(HOUR, "pong", Evidence(speeds=speeds(c51=1_000.0, dqn=1_100.0), curves=curves)).recipe == "dqn"
    assert choose(HOUR, "pong", Evidence(speeds=speeds(dqn=1_000.0, c51=1_000.0), curves=curves)).recipe == "c51"


def test_scores_of_two_families_are_never_compared() -> None:
    """BTR's evaluations are higher than every training return here, and stand alone against one: training decides."""
    btr = curve("BTR", "", {1_000_000: 20.0, 9_000_000: 21.0}, family="sticky evaluation")
    both = Evidence(speeds=speeds(btr=1_000.0, dqn=1_000.0), curves=[*btr, *DQN])
    assert choose(HOUR, "pong", both).recipe == "dqn"
    alone = choose(HOUR, "pong", replace(both, curves=btr))
    assert (alone.recipe, alone.band) == ("btr", (20.0, 21.0))


def test_speeds_of_another_device_are_not_asked() -> None:
    fast = [Speed(recipe="dqn", device="cuda", frames_per_second=1_000.0)]
    choice = choose(HOUR, "pong", Evidence(speeds=fast, curves=DQN))
    assert (choice.recipe, choice.band, choice.sureness) == ("dqn_adam", None, "not measured")
    assert choose(replace(HOUR, device="cuda"), "pong", Evidence(speeds=fast, curves=DQN)).recipe == "dqn"


def test_own_results_come_before_published_ones() -> None:
    rows = [measured("pqn", 0, 3.0), measured("pqn", 1, 5.0), measured("dqn", 0, 3.5), measured("c51", 0, 21.0, "day")]
    choice = choose(HOUR, "pong", Evidence(scores=rows, speeds=speeds(dqn=1_000.0), curves=DQN))
    assert (choice.recipe, choice.band, choice.sureness) == ("pqn", (3.0, 5.0), "measured")
    assert choice.expected() == "3 to 5 (measured: 2 seeds, means of 30 games each, nature, two cores)"
    alone = choose(HOUR, "pong", Evidence(scores=rows[2:]))
    assert alone.expected().startswith("3.5 (measured: one seed, so nobody knows how far it scatters, ")


def test_a_game_without_curves_goes_by_the_medians_of_others() -> None:
    medians = [
        PublishedMedian(algorithm=f"DQN Zoo {name}", frames=frames, median=median)
        for name, frames, median in (("DQN", 3_000_000, 0.2), ("DQN", 4_000_000, 0.9), ("C51", 3_000_000, 0.3))
    ]
    evidence = Evidence(speeds=speeds(dqn=1_000.0, c51=1_000.0), curves=DQN, medians=medians)
    choice = choose(HOUR, "tetris", evidence)
    assert (choice.recipe, choice.band, choice.sureness) == ("c51", None, "not measured")
    assert "its published median is 30% of a human's at 3M frames, where 3.6M fit" in choice.source
    noise = [replace(row, median=0.01) for row in medians]
    assert choose(HOUR, "tetris", replace(evidence, medians=noise)).recipe == "dqn_adam"


def test_where_nothing_is_known_the_default_says_so() -> None:
    choice = choose(HOUR, "pong", Evidence())
    assert choice.expected() == "not measured (dqn_adam by default: it is plain; nothing is measured on this game)"


def test_games_other_than_atari_get_a_choice_or_a_sentence() -> None:
    assert choose(HOUR, "catch", Evidence()).recipe == "dqn_toy"
    assert choose(HOUR, "refgame", Evidence()).recipe == "der_desktop"
    with pytest.raises(ValueError, match=r"playfield train dqn_classic gym:CartPole-v1 --minutes 60"):
        choose(HOUR, "gym:CartPole-v1", Evidence())
    with pytest.raises(ValueError, match=r"catch asks for no GPU: type `playfield train catch --budget 10min-cpu`"):
        choose(replace(HOUR, device="cuda"), "catch", Evidence())
    with pytest.raises(UnknownGame, match="nearest are: pong"):
        choose(HOUR, "pomg", Evidence())


def test_shipped_rows_name_what_exists_and_say_each_thing_once() -> None:
    scores, rates = shipped_rows("budget_scores.csv"), shipped_rows("recipe_speeds.csv")
    assert {row["recipe"] for row in (*scores, *rates)} <= set(RECIPES)
    assert {row["game"] for row in scores} <= set(known_games())
    assert {row["budget"] for row in scores} <= set(BUDGETS)
    assert len({(row["recipe"], row["device"]) for row in rates}) == len(rates)
    keys = {(row["budget"], row["game"], row["recipe"], row["seed"]) for row in scores}
    assert len(keys) == len(scores)
    for row in scores:
        assert float(row["lowest"]) <= float(row["score"]) <= float(row["highest"])
        assert float(row["minutes"]) <= BUDGETS[row["budget"]].minutes * 1.02, "a save may come after the last minute"
    for of in {tuple(key[:3]) for key in keys}:
        rules = {row["protocol"] for row in scores if (row["budget"], row["game"], row["recipe"]) == of}
        assert len(rules) == 1, f"{of} is measured under two protocols, whose scores are not compared"


def test_every_likeness_and_every_choice_is_of_something_that_exists() -> None:
    evidence = shipped_evidence()
    assert set(LIKENESSES) <= set(RECIPES)
    for like in LIKENESSES.values():
        found = [r for r in evidence.curves if r.algorithm == like.algorithm and f"[{like.network}" in r.protocol]
        assert bool(found) == (like.algorithm not in ("", "BTR")), f"{like} is of no curve"
        assert not like.median or like.median in {row.algorithm for row in evidence.medians}
    for budget in BUDGETS.values():
        for game in ("pong", "breakout", "tetris", "skiing"):
            assert choose(budget, game).recipe in RECIPES


def test_a_whole_night_has_published_curves_for_every_game_of_theirs() -> None:
    games = {row.game for row in training_curves()}
    assert len(games) == 60
    assert {choose(BUDGETS["overnight"], game).sureness for game in games} <= {"published, not ours", "measured"}
