"""What is printed is the quantity that the label names."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from playfield import score
from playfield.events import Evaluated, Stopped
from playfield.sinks.progress import Limits, Progress, duration, evaluation_text, print_evaluation
from playfield.sinks.recent import Begin
from playfield.types import Clock

from .stories import Now, ended, evaluation, feed, learned, observing, stepped, training


def plain(text: io.StringIO, width: int = 80) -> Console:
    return Console(file=text, width=width, force_terminal=False)


def labelled(line: str, label: str) -> str:
    """The value after a label in a plain line."""
    found = [part.removeprefix(label).strip() for part in line.split(" | ") if part.startswith(f"{label} ")]
    assert len(found) == 1, (label, line)
    return found[0]


def test_every_label_shows_its_own_number():
    now = Now()
    progress = Progress(Limits(until_frames=10_000), console=plain(io.StringIO()), now=now)
    scores = [ended(4 * n, float(n), n) for n in range(1, 41)]
    feed(progress, [training(0), *scores, learned(160, 7, 0.125, epsilon=0.0625)])
    now.seconds += 10.0
    feed(progress, [stepped(2_000)])
    line = progress.line()
    assert labelled(line, "phase") == "training"
    assert labelled(line, "frames") == "2,000 of 10,000"
    assert labelled(line, "frames/s") == "200"
    assert labelled(line, "mean score") == f"{sum(range(11, 41)) / 30:.2f} over the last 30 episodes"
    assert labelled(line, "episodes") == "40"
    assert labelled(line, "updates") == "7"
    assert labelled(line, "epsilon") == "0.0625"
    assert labelled(line, "loss") == "0.125"
    assert labelled(line, "elapsed") == "10 s"
    assert labelled(line, "to go") == "40 s at most"
    assert "learning rate" not in line.lower()


def test_a_resumed_session_has_the_updates_of_those_before_it():
    progress = Progress(console=plain(io.StringIO()), begin=Begin(clock=Clock(frames=400), updates=25))
    assert labelled(progress.line(), "updates") == "25"
    feed(progress, [learned(404, 26, 0.5)])
    assert labelled(progress.line(), "updates") == "26"


def test_the_count_beside_the_mean_is_the_number_of_episodes_in_it():
    progress = Progress(console=plain(io.StringIO()))
    assert labelled(progress.line(), "mean score") == "no episode finished yet"
    feed(progress, [ended(4, -20.0, 1), ended(8, -21.0, 2)])
    assert labelled(progress.line(), "mean score") == "-20.50 over the last 2 episodes"


def test_observing_counts_down_to_the_end_of_the_phase():
    progress = Progress(console=plain(io.StringIO()))
    feed(progress, [observing(1_000, 5_000), stepped(1_004)])
    assert labelled(progress.line(), "phase") == "observing, 4,996 frames remain"
    feed(progress, [stepped(5_996), training(6_000)])
    assert labelled(progress.line(), "phase") == "training"


def test_phases_say_what_remains_in_frames_and_in_steps():
    """A step is one action of all games: 16 frames, and what is left of one counts as one."""
    progress = Progress(Limits(until_frames=10_000), frames_per_step=16, console=plain(io.StringIO()))
    feed(progress, [observing(0, 1_000), stepped(200)])
    assert labelled(progress.line(), "phase") == "observing, 800 frames (50 steps) remain"
    feed(progress, [stepped(999)])
    assert labelled(progress.line(), "phase") == "observing, 1 frames (1 steps) remain"
    feed(progress, [training(1_000), stepped(1_016)])
    assert labelled(progress.line(), "phase") == "training, 8,984 frames (562 steps) remain"


def test_an_evaluation_says_how_many_of_its_games_remain():
    progress = Progress(Limits(episodes=3), console=plain(io.StringIO()))
    begin, first, second, *_ = evaluation(400, [20.0, 21.0, 5.0])
    feed(progress, [begin])
    assert labelled(progress.line(), "phase") == "evaluating, 3 of 3 games remain"
    feed(progress, [first, second])
    assert labelled(progress.line(), "phase") == "evaluating, 1 of 3 games remain"


def test_an_evaluation_is_shown_while_it_runs_and_leaves_training_numbers_alone():
    progress = Progress(console=plain(io.StringIO()))
    begin, first, second, done = evaluation(400, [20.0, 21.0])
    feed(progress, [training(0), ended(400, -3.0, 1), stepped(400), begin, first, second])
    assert labelled(progress.line(), "phase") == "evaluating"
    assert labelled(progress.line(), "trained for") == "400 frames"
    assert labelled(progress.line(), "evaluation score") == "20.50 over 2 episodes"
    progress(done)
    assert labelled(progress.line(), "phase") == "training"
    assert labelled(progress.line(), "frames") == "400"
    assert labelled(progress.line(), "mean score") == "-3.00 over the last 1 episode"


def test_an_evaluation_without_training_shows_nothing_of_a_training():
    progress = Progress(console=plain(io.StringIO()))
    begin, first, second, done = evaluation(9_000, [20.0, 21.0])
    feed(progress, [begin, first])
    assert labelled(progress.line(), "evaluation score") == "20.00 over 1 episode"
    feed(progress, [second, done])
    assert labelled(progress.line(), "phase") == "evaluated"
    assert labelled(progress.line(), "trained for") == "9,000 frames"
    assert "epsilon" not in progress.line()


def test_the_first_limit_decides_the_time_to_go():
    now = Now()
    progress = Progress(Limits(until_frames=1_000_000, minutes=2.0), console=plain(io.StringIO()), now=now)
    feed(progress, [training(0)])
    now.seconds += 30.0
    feed(progress, [stepped(3_000)])
    assert labelled(progress.line(), "to go") == "1 min 30 s at most"


def test_a_resumed_session_does_not_count_old_frames_as_speed():
    now = Now()
    begin = Begin(clock=Clock(frames=1_000_000, episodes=500), scores=(1.0, 2.0))
    progress = Progress(begin=begin, console=plain(io.StringIO()), now=now)
    now.seconds += 10.0
    feed(progress, [stepped(1_000_500)])
    assert labelled(progress.line(), "frames/s") == "50"
    assert labelled(progress.line(), "episodes") == "500"
    assert labelled(progress.line(), "mean score") == "1.50 over the last 2 episodes"


def test_a_pipe_gets_a_whole_line_every_ten_seconds_and_at_changes_of_phase():
    now, text = Now(), io.StringIO()
    progress = Progress(console=plain(text), now=now)
    for frames in range(4, 401, 4):  # one second each
        now.seconds += 1.0
        progress(stepped(frames))
    assert len(text.getvalue().splitlines()) == 10
    feed(progress, [training(400), Stopped(clock=Clock(frames=400), reason="reached 18 over 30 episodes")])
    lines = text.getvalue().splitlines()
    assert len(lines) == 12
    assert lines[-1].startswith("phase stopped: reached 18 over 30 episodes | frames 400 | ")
    assert "\x1b" not in text.getvalue()


def test_a_terminal_shows_the_same_numbers():
    now, text = Now(), io.StringIO()
    progress = Progress(Limits(until_frames=800), console=Console(file=text, width=80, force_terminal=True), now=now)
    now.seconds += 5.0
    feed(progress, [ended(400, 12.5, 1), stepped(400), learned(400, 3, 0.5, epsilon=0.875)])
    progress.close()
    shown = text.getvalue().split("phase")[-1]
    for value in ("400 of 800", "12.50 over the last 1 episode", "0.8750", "0.5", "5 s"):
        assert value in shown, value


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min 00 s"), (42, "42 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")],
)
def test_durations(seconds: float, text: str):
    assert duration(seconds) == text


def table() -> score.ScoreTable:
    done = evaluation(1_000_000, [18.0, 20.0, 16.0, 18.0])[-1]
    assert isinstance(done, Evaluated)
    return score.evaluation_table(done, np.random.default_rng(0))


def test_an_evaluation_is_printed_with_its_protocol_and_its_own_family():
    text = evaluation_text(table(), most=3)
    lines = {line.strip().split("  ")[0]: line for line in text.splitlines()}
    assert lines["mean score"].endswith("  18.00")
    assert lines["lowest to highest"].endswith("  16.00 to 20.00")
    assert lines["standard deviation"].endswith("  1.63")
    assert lines["human-normalised"].endswith("109.6% (random -20.7, human 14.6)")
    assert lines["episodes"].endswith("  4")
    assert "repeat_action_probability 0" in lines["protocol"]
    assert "Published, same game and protocol family (no-op evaluation):" in text
    assert text.splitlines()[-1] == f"  and {len(table().published) - 3} more"
    assert "Dopamine" not in text


@pytest.mark.parametrize("terminal", [True, False])
def test_a_printed_table_holds_the_mean_and_fits_a_narrow_screen(terminal: bool):
    text = io.StringIO()
    print_evaluation(table(), console=Console(file=text, width=60, force_terminal=terminal, color_system=None))
    assert "18.00" in text.getvalue()
    assert "109.6%" in text.getvalue()
    if terminal:
        assert max(len(line) for line in text.getvalue().splitlines()) <= 60


def test_lost_games_are_told_beside_the_episodes_and_not_in_the_mean():
    text = io.StringIO()
    begin = Begin(clock=Clock(frames=40, steps=10, episodes=4), scores=(1.0, 3.0), lost=2)
    progress = Progress(Limits(), begin=begin, console=Console(file=text, width=120))
    feed(progress, [replace(ended(44, 100.0, 5), lost=True), Stopped(clock=Clock(frames=44), reason="enough")])
    assert "5, 3 of them lost games without a score" in text.getvalue()
    assert "2.00 over the last 2 episodes" in text.getvalue()
