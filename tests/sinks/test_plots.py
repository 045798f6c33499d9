"""What is drawn is the data that was given, and the axes say what it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.lines import Line2D
from PIL import Image

from playfield.events import Evaluated
from playfield.score import scoring_text
from playfield.sinks.evaluations import add_evaluation
from playfield.sinks.eventlog import EventLog
from playfield.sinks.metrics import Metrics
from playfield.sinks.plots import (
    Curve,
    EvaluationPoint,
    common_grid,
    learning_curve,
    load_curve,
    plot_runs,
    running_mean,
    save_plot,
)

from .stories import NATURE, Bytes, ended, evaluation, feed, learned, stepped, training


def curve(seed: int = 1, offset: float = 0.0, **changes: object) -> Curve:
    frames = np.arange(1, 61) * 50_000.0
    values: dict[str, object] = {
        "game": "pong",
        "recipe": "dqn",
        "protocol": scoring_text(NATURE),
        "seed": seed,
        "episode_frames": frames,
        "episode_score": np.arange(60.0) - 21.0 + offset,
        "evaluations": (EvaluationPoint(frames=1_000_000, scores=(1.0, 2.0, 6.0)),),
        "metric_frames": frames[::10],
        "loss": np.array([np.nan, 0.5, 0.4, 0.3, 0.2, 0.1]),
        "epsilon": np.array([1.0, 0.8, 0.6, 0.4, 0.2, 0.1]),
        "elapsed_seconds": frames[::10] / 500.0,
    }
    return Curve(**{**values, **changes})  # type: ignore[arg-type]


def line(axes: Axes, label: str) -> Line2D:
    found = [each for each in axes.get_lines() if str(each.get_label()).startswith(label)]
    assert len(found) == 1, [each.get_label() for each in axes.get_lines()]
    return found[0]


def errorbar_line(axes: Axes) -> Line2D:
    (container,) = axes.containers
    return container.lines[0]  # type: ignore[attr-defined]


def test_the_running_mean_has_complete_windows_only():
    np.testing.assert_allclose(running_mean(np.array([1.0, 2.0, 6.0, 4.0]), 3), [3.0, 4.0])
    assert len(running_mean(np.arange(29.0))) == 0
    np.testing.assert_allclose(running_mean(np.arange(30.0)), [14.5])


def test_the_drawn_points_and_lines_are_the_curve():
    given = curve()
    scores, loss, epsilon = learning_curve(given).axes[:3]
    points = line(scores, "training episode")
    np.testing.assert_array_equal(points.get_xdata(), given.episode_frames)
    np.testing.assert_array_equal(points.get_ydata(), given.episode_score)
    mean = line(scores, "mean of the last 30 training episodes")
    np.testing.assert_array_equal(mean.get_xdata(), given.episode_frames[29:])
    assert mean.get_ydata()[0] == np.mean(given.episode_score[:30])
    assert mean.get_ydata()[-1] == np.mean(given.episode_score[-30:])
    np.testing.assert_array_equal(errorbar_line(scores).get_xydata(), [[1_000_000, 3.0]])
    np.testing.assert_array_equal(loss.get_lines()[0].get_ydata(), given.loss)
    np.testing.assert_array_equal(epsilon.get_lines()[0].get_ydata(), given.epsilon)
    np.testing.assert_array_equal(epsilon.get_lines()[0].get_xdata(), given.metric_frames)


def test_the_interval_of_an_evaluation_is_drawn_where_the_bootstrap_puts_it():
    interval = curve().evaluations[0].interval()
    assert interval is not None
    (container,) = learning_curve(curve()).axes[0].containers
    ((bottom, top),) = container.lines[2][0].get_segments()  # type: ignore[attr-defined]
    np.testing.assert_allclose([bottom[1], top[1]], [interval.low, interval.high])
    assert 1.0 <= bottom[1] < 3.0 < top[1] <= 6.0


def test_labels_name_quantity_and_unit_and_the_title_names_the_run():
    figure = learning_curve(curve(seed=7))
    scores, loss, epsilon, wall = figure.axes
    assert scores.get_ylabel() == "score of a whole game (points)"
    assert loss.get_ylabel() == "loss"
    assert epsilon.get_ylabel() == "epsilon"
    assert epsilon.get_xlabel() == "million emulator frames"
    assert wall.get_xlabel() == "wall time (minutes)"
    assert figure.get_suptitle() == "pong, dqn, seed 7"
    assert scores.get_title(loc="left") == (
        "nature: frame skip 4, no sticky actions, up to 30 no-ops, whole games, raw scores"
    )


@pytest.mark.parametrize(
    ("longest", "name", "numbers"),
    [
        (300, "emulator frames", ["100", "200", "300"]),
        (60_000, "thousand emulator frames", ["20", "40", "60"]),
        (3_000_000, "million emulator frames", ["1", "2", "3"]),
    ],
)
def test_frames_are_counted_in_a_unit_that_suits_the_run(longest: int, name: str, numbers: list[str]):
    frames = np.arange(1, 61) * longest / 60
    given = curve(episode_frames=frames, metric_frames=frames[::10], evaluations=())
    for axes in (learning_curve(given).axes[2], plot_runs([given]).axes[0]):
        assert axes.get_xlabel() == name
        axes.set_xticks(np.array([1, 2, 3]) * longest / 3)
        axes.figure.canvas.draw()
        assert [label.get_text() for label in axes.get_xticklabels()] == numbers


def test_the_longest_of_a_curve_is_the_last_thing_drawn():
    assert curve().longest == 3_000_000
    assert curve(evaluations=(EvaluationPoint(frames=4_000_000, scores=(1.0,)),)).longest == 4_000_000
    names = ("episode_frames", "episode_score", "metric_frames", "loss", "epsilon", "elapsed_seconds")
    assert curve(evaluations=(), **dict.fromkeys(names, np.zeros(0))).longest == 0


def test_wall_minutes_stand_where_the_run_was_at_those_minutes():
    given = curve()  # 500 frames per second: 1 minute is 30,000 frames
    wall = learning_curve(given).axes[3]
    minutes = [float(label.get_text()) for label in wall.get_xticklabels()]
    assert len(minutes) >= 3
    np.testing.assert_allclose(wall.get_xticks(), np.array(minutes) * 30_000)
    assert wall.get_xlim() == learning_curve(given).axes[0].get_xlim()


def test_the_wall_time_of_a_run_of_seconds_is_in_seconds():
    wall = learning_curve(curve(elapsed_seconds=np.arange(6.0) * 3.0)).axes[3]
    assert wall.get_xlabel() == "wall time (seconds)"
    seconds = [float(label.get_text()) for label in wall.get_xticklabels()]
    np.testing.assert_allclose(wall.get_xticks(), 50_000 + np.array(seconds) / 3.0 * 500_000)


def test_random_and_human_scores_are_lines_where_they_are_known():
    scores = learning_curve(curve()).axes[0]
    assert list(line(scores, "random -20.7").get_ydata()) == [-20.7, -20.7]
    assert list(line(scores, "human 14.6").get_ydata()) == [14.6, 14.6]
    toy = learning_curve(curve(game="catch")).axes[0]
    assert not [each for each in toy.get_lines() if str(each.get_label()).startswith(("random", "human"))]


def test_a_run_that_has_just_begun_can_be_drawn():
    names = ("episode_frames", "episode_score", "metric_frames", "loss", "epsilon", "elapsed_seconds")
    figure = learning_curve(curve(evaluations=(), **dict.fromkeys(names, np.zeros(0))))
    assert len(line(figure.axes[0], "mean of the last 30").get_xdata()) == 0
    assert len(figure.axes) == 3  # no wall time is known yet


def test_a_single_episode_has_no_interval():
    point = EvaluationPoint(frames=4, scores=(3.0,))
    assert point.interval() is None
    scores = learning_curve(curve(evaluations=(point,))).axes[0]
    np.testing.assert_allclose(errorbar_line(scores).get_xydata(), [[4, 3.0]])


def test_arrays_that_belong_together_have_one_length():
    with pytest.raises(ValueError, match="one frame count for each episode score"):
        curve(episode_score=np.zeros(3))
    with pytest.raises(ValueError, match="for each row of metrics"):
        curve(loss=np.zeros(3))


def test_seeds_of_one_recipe_become_their_mean_and_the_band_between_lowest_and_highest():
    axes = plot_runs([curve(1, 0.0), curve(2, 6.0), curve(1, recipe="rainbow")]).axes[0]
    mean = line(axes, "dqn, seeds 1, 2: mean, band lowest to highest")
    assert mean.get_ydata()[0] == pytest.approx(np.mean(np.arange(30.0)) - 21.0 + 3.0)
    (band,) = [each for each in axes.collections if isinstance(each, FillBetweenPolyCollection)]
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(14.5 - 21.0)
    assert heights.max() == pytest.approx(44.5 - 21.0 + 6.0)
    alone = line(axes, "rainbow, seed 1")
    np.testing.assert_array_equal(alone.get_ydata(), running_mean(curve().episode_score))
    assert axes.get_xlabel() == "million emulator frames"
    assert "(points)" in axes.get_ylabel()


def test_a_run_too_short_for_a_mean_says_so_in_the_legend():
    short = curve(2, recipe="rainbow", episode_frames=np.arange(29.0), episode_score=np.zeros(29))
    axes = plot_runs([curve(1), short]).axes[0]
    assert len(line(axes, "rainbow, seed 2: 1 with fewer than 30 episodes, so without a mean").get_xdata()) == 0
    assert "fewer" not in str(line(axes, "dqn, seed 1").get_label())


def test_different_protocols_are_never_averaged_and_are_called_incomparable():
    sticky = "machado: frame skip 4, sticky actions 0.25"
    axes = plot_runs([curve(1), curve(2, protocol=sticky)]).axes[0]
    assert "not comparable" in axes.get_title(loc="left")
    assert line(axes, f"dqn, seed 2 ({sticky})").get_ydata()[0] == -6.5


def test_lines_are_compared_where_all_of_them_exist():
    grid, values = common_grid(
        [(np.array([0.0, 4.0]), np.array([0.0, 8.0])), (np.array([1.0, 3.0]), np.array([5.0, 5.0]))], 3
    )
    np.testing.assert_allclose(grid, [1.0, 2.0, 3.0])
    np.testing.assert_allclose(values, [[2.0, 4.0, 6.0], [5.0, 5.0, 5.0]])


def test_no_run_no_plot():
    with pytest.raises(ValueError, match="There is no run to plot"):
        plot_runs([])


def test_a_picture_is_a_png_of_its_size(tmp_path: Path):
    save_plot(learning_curve(curve()), tmp_path / "plots" / "curve.png")
    with Image.open(tmp_path / "plots" / "curve.png") as image:
        assert (image.format, image.size) == ("PNG", (1170, 988))
        assert len(image.convert("RGB").getcolors(1 << 24)) > 100
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["curve.png"]


def test_a_run_directory_becomes_its_curve(tmp_path: Path):
    story = [training(0), ended(12, -21.0, 1), stepped(12), *evaluation(12, [3.0, 5.0])]
    story += [learned(16, 1, 0.5), ended(24, -19.0, 2), stepped(24)]
    events, metrics = Bytes(), Bytes()
    feed(EventLog(events), story)
    feed(Metrics(metrics, every_frames=12, now=lambda: 0.0), story)
    (tmp_path / "events.jsonl").write_bytes(events)
    (tmp_path / "metrics.jsonl").write_bytes(metrics)
    again, later = evaluation(12, [3.0, 5.0])[-1], evaluation(24, [7.0, 8.0])[-1]
    assert isinstance(again, Evaluated)
    assert isinstance(later, Evaluated)
    sticky = replace(later, protocol={**NATURE, "repeat_action_probability": 0.25}, scores=(1.0, 2.0))
    by_chance = replace(later, policy="random", scores=(-21.0, -20.0))
    for done in (again, later, sticky, by_chance):
        add_evaluation(tmp_path / "results" / "evaluations.jsonl", done)
    about = {"game": "pong", "recipe": {"name": "dqn"}, "protocol": NATURE, "seed": 3}
    (tmp_path / "run.json").write_text(json.dumps(about))
    found = load_curve(tmp_path)
    assert (found.game, found.recipe, found.seed, found.protocol) == ("pong", "dqn", 3, scoring_text(NATURE))
    np.testing.assert_array_equal(found.episode_frames, [12.0, 24.0])
    np.testing.assert_array_equal(found.episode_score, [-21.0, -19.0])
    assert found.evaluations == (
        EvaluationPoint(frames=12, scores=(3.0, 5.0)),
        EvaluationPoint(frames=24, scores=(7.0, 8.0)),
    )
    np.testing.assert_array_equal(found.metric_frames, [12.0, 24.0])
    np.testing.assert_array_equal(found.loss, [np.nan, 0.5])


def test_a_directory_that_is_no_run_is_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="is not a run directory: it holds no run"):
        load_curve(tmp_path)
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(ValueError, match="holds no JSON object"):
        load_curve(tmp_path)
