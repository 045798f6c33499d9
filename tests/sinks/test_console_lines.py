"""The four set-ups' lines, letter by letter; each number is the one that its label names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from playfield.events import Event, PhaseChanged, Stopped
from playfield.sinks import Sink
from playfield.sinks.console_lines import Lines, Telling, console_lines
from playfield.sinks.recent import Begin
from playfield.types import Clock

from .stories import Now, ended, feed, learned, observing, stepped, training


def telling(say: Callable[[str], object], begin: Begin | None = None, **changed: object) -> Telling:
    options: dict[str, object] = {
        "epsilon": lambda clock: 1.0 - clock.frames / 10_000,
        "beta": lambda clock: 0.4 + clock.frames / 10_000,
        "frames_per_step": 8,
        "now": Now(),
    }
    return Telling(say=say, begin=begin or Begin(), **{**options, **changed})  # type: ignore[arg-type]


def printed(which: Lines, events: list[Event], begin: Begin | None = None, **changed: object) -> list[str]:
    said: list[str] = []
    sink: Sink = console_lines(which, telling(said.append, begin, **changed))
    feed(sink, events)
    sink.close()
    return said


def games(first: int, last: int) -> list[Event]:
    """Episode n scores n points and ends at frame 10 n."""
    return [ended(10 * n, float(n), n) for n in range(first, last + 1)]


def after(episodes: int) -> Begin:
    """From where a run goes on whose episode n scored n points."""
    clock = Clock(frames=10 * episodes, episodes=episodes)
    return Begin(clock=clock, scores=tuple(float(n) for n in range(1, episodes + 1)), elapsed_seconds=50.0)


def test_gravitar_marks_every_100_episodes_over_exactly_those():
    said = [line for line in printed("gravitar", games(1, 250)) if line.startswith("marking")]
    # mean and population deviation of 1..100 and of 101..200
    assert said == [
        "marking, episode: 100, score: 100.0, mean_score: 50.50, std_score: 28.87",
        "marking, episode: 200, score: 200.0, mean_score: 150.50, std_score: 28.87",
    ]


def test_gravitar_tells_every_5th_episode_with_the_rates_of_its_own_frame():
    """D4-B9: beta was printed as it had been some episodes before."""
    said = printed("gravitar", [learned(1, 1, 0.0, epsilon=0.9), *games(1, 11)])
    assert said == [
        "episode: 5, score: 5.0, epsilon: 0.99, beta: 0.41, frame_idx: 50",
        "episode: 10, score: 10.0, epsilon: 0.99, beta: 0.41, frame_idx: 100",
    ]


def test_gravitar_says_where_there_is_no_beta():
    (said,) = printed("gravitar", games(5, 5), beta=lambda clock: None)
    assert said == "episode: 5, score: 5.0, epsilon: 0.99, beta: none, frame_idx: 50"


@pytest.mark.parametrize("cut", [1, 60, 99, 100, 101, 130, 200])
@pytest.mark.parametrize("which", ["gravitar", "breakout"])
def test_a_resumed_run_prints_the_lines_of_an_uninterrupted_one(which: Lines, cut: int):
    never_stopped = printed(which, games(1, 230), now=lambda: 0.0)
    resumed = printed(which, games(cut + 1, 230), after(cut), now=lambda: 50.0)
    before = printed(which, games(1, cut), now=lambda: 0.0)
    assert [*before, *resumed] == [line.replace("Elapsed 0.0", "Elapsed 50.0") if n >= len(before) else line
                                   for n, line in enumerate(never_stopped)]  # fmt: skip


def test_breakout_tells_best_and_mean_of_all_episodes_so_far():
    """D1-B12: what stood under the label of the learning rate was the exploration rate."""
    now = Now()
    said: list[str] = []
    sink = console_lines("breakout", telling(said.append, now=now))
    feed(sink, [*games(1, 99)])
    now.seconds += 12.34
    feed(sink, [ended(1000, 3.0, 100)])
    # the scores sum up to 4950 and 3
    assert said == [
        "Episode 100, Overall best reward 99, Avg reward 49.5300, Exploration rate 0.9000, Elapsed 12.3 seconds"
    ]


def test_serpent_counts_observing_down_in_steps_and_tells_each_total():
    """D0-B10: two counters of the same thing disagreed."""
    observed = [observing(0, 804), stepped(8), ended(96, -21.0, 1), ended(800, -20.5, 2)]
    assert printed("serpent", [*observed, training(804), ended(900, 7.0, 3)]) == [
        "Observing - 101 Steps Remaining",  # 804 frames, 8 at a time
        "Episode 1 - Total Reward: -21",
        "Observing - 89 Steps Remaining",
        "Episode 2 - Total Reward: -20.5",
        "Observing - 1 Steps Remaining",
        "Training",
        "Episode 3 - Total Reward: 7",
    ]


def test_serpent_says_when_it_evaluates():
    assert printed("serpent", [PhaseChanged(clock=Clock(), phase="evaluating")]) == ["Evaluating"]


STOPPED = Stopped(clock=Clock(frames=800, steps=100, episodes=10), reason="all frames are played")


def test_the_lesson_says_after_how_many_steps_the_target_was_reached():
    """D2-B14: the mean is that of the last episodes, all of them finished."""
    assert printed("lesson", [*games(1, 10), STOPPED], until_score=9.0, over=3) == [
        "target mean reached after 100 steps (800 frames): mean reward of the last 3 episodes is 9.00, at least 9"
    ]


@pytest.mark.parametrize("changed", [{"until_score": 9.1, "over": 3}, {"until_score": 1.0, "over": 11}, {}])
def test_the_lesson_says_that_it_was_not(changed: dict[str, object]):
    said = printed("lesson", [*games(1, 10), STOPPED], **changed)
    assert said == ["stopped after 100 steps (800 frames): all frames are played"]


def test_the_lesson_counts_episodes_before_a_resume():
    (said,) = printed("lesson", [*games(9, 10), STOPPED], after(8), until_score=9.0, over=3)
    assert said.startswith("target mean reached after 100 steps")


def test_lost_games_count_in_no_mean():
    """Episodes 1 to 99 score as many points; the 100th is cut off with more than any of them."""
    events = [*games(1, 99), replace(ended(1000, 1000.0, 100), lost=True)]
    marking, told = printed("gravitar", events)[-2:]
    assert marking.endswith("score: 1000.0, mean_score: 50.00, std_score: 28.58, and the game was lost")
    assert told.endswith("frame_idx: 1000, and the game was lost")
    assert "Overall best reward 99, Avg reward 50.0000" in printed("breakout", events)[-1]
    assert printed("serpent", events)[-1] == "Episode 100 - Total Reward: 1000, and the game was lost"
    stopped = Stopped(clock=Clock(frames=1000, steps=250), reason="enough")
    said = printed("lesson", [*events, stopped], until_score=98.0, over=3)
    assert "mean reward of the last 3 episodes is 98.00, at least 98" in said[-1]
