"""The lab while it plays: what is shown is what was played, and showing it changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes as Place
from matplotlib.collections import FillBetweenPolyCollection

from playfield.cli.commands import run_command
from playfield.cli.lab import live
from playfield.cli.lab.live import LiveWindow, Onlooker, pictures
from playfield.linear.charts import Axes
from playfield.linear.encoders import Tabular, TileCoding
from playfield.linear.learners import QLearning, Sarsa
from playfield.linear.play import Setup
from playfield.linear.replay import Replay
from playfield.linear.studies import Budget, GrowingCell
from playfield.linear.worlds import Cliff, GymnasiumWorld, MountainCar, RandomWalk
from playfield.sinks.lab_panel import Chart, Grid, Hill, Panel, Relief, Scene
from playfield.sinks.window import Window

pygame = pytest.importorskip("pygame")

CAR = Setup(world=MountainCar(), encoder=TileCoding(), learner=Sarsa(alpha=0.5))
LEFT_TOP, LEFT_BOTTOM = (slice(0, 340), slice(0, 530)), (slice(340, 640), slice(0, 530))
RIGHT_TOP, RIGHT_BOTTOM = (slice(0, 340), slice(540, 1040)), (slice(340, 640), slice(540, 1040))
BLUE = (0x1F, 0x6F, 0xEB)


def lab(*arguments: object) -> int:
    return run_command(["lab", *(str(argument) for argument in arguments)])


def onlooker(setup: Setup = CAR, episodes: int = 12, runs: int = 2, played: int | None = None) -> Onlooker:
    growing = GrowingCell(setup, Budget(episodes=episodes, runs=runs, first_seed=3))
    growing.play(episodes if played is None else played)
    return Onlooker(growing)


def pixels(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((picture == np.array(colour, np.uint8)).all(2).sum())


def colours(picture: np.ndarray) -> int:
    return len(np.unique(picture.reshape(-1, 3), axis=0))


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[np.ndarray, str]]]:
    """What a window on SDL's dummy display was given."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pictures: list[tuple[np.ndarray, str]] = []
    show = Window.show

    def keep(window: Window, frame: np.ndarray, caption: str = "") -> bool:
        pictures.append((frame, caption))
        return show(window, frame, caption)

    monkeypatch.setattr(Window, "show", keep)
    yield pictures
    assert not pygame.display.get_init(), "the window is closed in the end"


# The command


def run_car(folder: Path, *options: object) -> dict[str, bytes]:
    words = ("run", "sarsa", "mountaincar", "--alpha", "0.5", "--episodes", 30, "--runs", 2, "--seed", 3, *options)
    assert lab(*words, "--name", "car", "--out", folder) == 0
    return {path.name: path.read_bytes() for path in (folder / "car").iterdir()}


def test_watching_changes_no_bit_of_the_results(tmp_path: Path, shown: list[tuple[np.ndarray, str]]) -> None:
    alone, watched = run_car(tmp_path / "alone"), run_car(tmp_path / "watched", "--live")
    assert set(alone) == {"episodes.csv", "learning.png", "setup.json"}
    assert alone["episodes.csv"] == watched["episodes.csv"]
    assert alone["learning.png"] == watched["learning.png"]
    assert alone["episodes.csv"].count(b"\n") == 61
    first, caption = shown[0]
    assert caption == "sarsa-mountaincar: 1 of 30 episodes"
    assert first.shape == (640, 1040, 3)
    assert pixels(first[RIGHT_BOTTOM], BLUE) > 200, "the car"
    assert colours(first[RIGHT_TOP]) > 500, "the surface"
    assert len(shown) <= 30


def test_closing_the_window_stops_the_showing_and_not_the_play(
    tmp_path: Path, shown: list[tuple[np.ndarray, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Before the first picture: pygame keeps events until they are looked at.
    escape = pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE)
    begin = LiveWindow.__enter__

    def press(window: LiveWindow) -> LiveWindow:
        pygame.event.post(escape)
        return begin(window)

    monkeypatch.setattr(LiveWindow, "__enter__", press)
    closed = run_car(tmp_path / "closed", "--live")
    assert len(shown) == 1
    assert closed["episodes.csv"] == run_car(tmp_path / "alone")["episodes.csv"]


def test_what_was_learnt_is_shown_until_the_window_is_closed(
    shown: list[tuple[np.ndarray, str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    show = Window.show

    def three(window: Window, frame: np.ndarray, caption: str = "") -> bool:
        if [text for _, text in shown].count("car: all episodes are played") == 39:
            pygame.event.post(pygame.event.Event(pygame.QUIT))
        return show(window, frame, caption)

    monkeypatch.setattr(Window, "show", three)
    with LiveWindow("car") as window:
        window._window.frames_per_second = 1e6
        window.play(CAR, Budget(episodes=30, runs=1, first_seed=3))
        window.stay()
        assert "close it" not in capsys.readouterr().out, "nobody sees a dummy display, and nobody could close it"
        monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
        window.stay()
    assert "close it, or press Escape, to end" in capsys.readouterr().out
    after = [frame for frame, caption in shown if caption == "car: all episodes are played"]
    assert len(after) == 40
    cars = [np.argwhere((frame[RIGHT_BOTTOM] == BLUE).all(2)).mean(0) for frame in after]
    assert len({tuple(place) for place in cars}) > 30, "the car drives"
    np.testing.assert_array_equal(after[0][LEFT_TOP], after[39][LEFT_TOP])


def test_without_a_display_or_a_window_nothing_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("run", "sarsa", "mountaincar", "--live", "--out", tmp_path)
    monkeypatch.setenv("SDL_VIDEODRIVER", "no such driver")
    assert lab(*words) == 2
    assert "no display to open a window on; without --live the pictures are written" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "pygame", None)
    assert lab(*words) == 2
    said = capsys.readouterr().err
    assert "-m pip install 'pygame-ce>=2.5,<3'" in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_showing_takes_no_more_time_than_playing(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock of our own: an episode takes 1 ms, the first one 10 s, a drawing 300 ms, a picture 20 ms."""
    clock, drawn = [0.0], [0]
    panel, frame = Panel.__init__, Panel.frame

    def slow(seconds: Callable[[], float], function: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object) -> object:
            clock[0] += seconds()
            return function(*arguments)

        return wrapped

    def count() -> float:
        drawn[0] += 1
        return 0.3

    def fake(cell: GrowingCell, episodes: int) -> None:
        clock[0] += episodes / 1000 + (10.0 if cell.played == 0 else 0.0)
        cell.played += episodes

    monkeypatch.setattr(GrowingCell, "play", fake)
    monkeypatch.setattr(Panel, "__init__", slow(count, panel))
    monkeypatch.setattr(Panel, "frame", slow(lambda: 0.02, frame))
    setup = Setup(world=RandomWalk(), encoder=Tabular(), learner=Sarsa())
    growing = GrowingCell(setup, Budget(episodes=4000, runs=1))
    number = sum(1 for _ in pictures(Onlooker(growing), 0.05, lambda: clock[0]))
    assert growing.left == 0
    assert clock[0] == pytest.approx(10.0 + 4.0 + 0.3 * drawn[0] + 0.02 * number)
    assert 0.3 * (drawn[0] - 1) + 0.02 * (number - 1) < 4.0 + 0.32
    assert 5 <= drawn[0] <= 12
    assert drawn[0] < number < 80


# What there is to see


def line(place: Place, number: int = 0) -> np.ndarray:
    return np.asarray(place.get_lines()[number].get_xydata())


def test_curves_are_the_means_of_all_runs_so_far_with_their_standard_errors():
    looker = onlooker(episodes=12, runs=3, played=7)
    cell = looker.growing.cell()
    scene = looker.scene()
    assert scene.title == "Sarsa on mountaincar"
    assert scene.about == "7 of 12 episodes; mean of 3 runs and its standard error, seeds from 3"
    steps, rewards, relief, hill = Panel(scene).figure.axes
    np.testing.assert_array_equal(line(steps), np.stack([np.arange(1.0, 8.0), cell.steps.mean(0)], 1))
    np.testing.assert_array_equal(line(rewards)[:, 1], cell.rewards.mean(0))
    assert steps.get_yscale() == "log"
    assert steps.get_xlim() == (0.0, 13.0)
    low, high = rewards.get_ylim()
    reach = cell.rewards.std(0, ddof=1) / 3**0.5
    assert 1.2 * (cell.rewards.mean(0) - reach).min() < low < (cell.rewards.mean(0) - reach).min()
    assert (cell.rewards.mean(0) + reach).max() < high < 0.8 * (cell.rewards.mean(0) + reach).max()
    (band,) = [each for each in steps.collections if isinstance(each, FillBetweenPolyCollection)]
    heights = np.asarray(band.get_paths()[0].vertices)[:, 1]
    error = cell.steps.std(0, ddof=1) / 3**0.5
    assert heights.max() == pytest.approx((cell.steps.mean(0) + error).max())
    assert heights.min() == pytest.approx((cell.steps.mean(0) - error).min())
    assert relief.name == "3d"
    assert hill.get_xlabel() == "position"


def test_many_episodes_become_means_of_several():
    growing = GrowingCell(CAR, Budget(episodes=2000, runs=1))
    growing.played = 1001
    growing._steps[0] = np.arange(1.0, 2001.0)
    growing._rewards[0] = -growing._steps[0]
    steps, rewards = Onlooker(growing).scene().left
    assert isinstance(steps, Chart)
    assert isinstance(rewards, Chart)
    assert steps.axes.title == "steps per episode, means of 3"
    points = steps.curves[0].points
    assert len(points) == 334
    assert [(point.x, point.mean) for point in points[:2]] == [(2.0, 2.0), (5.0, 5.0)]
    assert (points[-1].x, points[-1].mean) == (1000.5, 1000.5), "of the last two"
    assert rewards.curves[0].points[-1].mean == -1000.5


def test_the_surface_is_what_is_left_to_go_in_the_first_run():
    looker = onlooker()
    relief, hill = looker.scene().right
    assert isinstance(relief, Relief)
    assert isinstance(hill, Hill)
    surface = relief.surface
    assert (surface.x[0], surface.x[-1], surface.y[0], surface.y[-1]) == (-1.2, 0.5, -0.07, 0.07)
    run = looker.growing.runs[0]
    for j, i in ((0, 0), (14, 11), (27, 27), (20, 5)):
        worth = run.values(np.array([[surface.x[i], surface.y[j]]])).max()  # type: ignore[union-attr]
        assert surface.height[j, i] == -worth
    assert surface.height.max() > 5.0
    assert "-max q" in relief.axes.title


def test_the_car_stands_on_the_hill_where_the_episode_was_at_every_moment():
    position = np.array([-0.5, -0.9, 0.2, 0.5])
    scene = Scene(title="", about="", right=(Hill(title="", position=position, ended=True),))
    panel = Panel(scene)
    frames = [panel.frame(moment) for moment in range(5)]
    (place,) = panel.figure.axes
    for moment, x in enumerate(position):
        rows, columns = np.nonzero((frames[moment] == BLUE).all(2))
        (left, bottom), (right, top) = place.transData.transform([(x - 0.1, np.sin(3 * x)), (x + 0.1, 1.0)])
        assert left < columns.mean() < right
        assert abs(frames[0].shape[0] - rows.max() - bottom) < 15, "its wheels on the ground"
        assert rows.max() - rows.min() < 60
        assert top > 0
    assert not np.array_equal(frames[0], frames[1])
    np.testing.assert_array_equal(frames[3], frames[4])
    still = [np.where((frame == BLUE).all(2)[..., None], 0, frame)[100:] for frame in frames[:2]]
    assert (still[0] != still[1]).any(2).mean() < 0.02, "nothing but the car and its words has moved"


def test_a_grid_shows_what_cells_are_worth_and_the_greedy_way():
    """Of values written by hand: up, along the row above the cliff, and down to the goal."""
    setup = Setup(world=Cliff(), encoder=Tabular(), learner=QLearning(alpha=0.5))
    growing = GrowingCell(setup, Budget(episodes=9, runs=1, first_seed=3))
    growing.played = 5
    q = growing.runs[0].player.mind.weights.reshape(4, 4, 12)  # action, row, column
    up, down, right = 0, 1, 3
    q[:, :3] = -20.0
    q[:, 3, 0] = -20.0
    q[up, 3, 0] = -13.0
    q[right, 2, :11] = np.arange(-12.0, -1.0)
    q[down, 2, 11] = -1.0
    looker = Onlooker(growing)
    (grid,) = looker.scene().right
    assert isinstance(grid, Grid)
    assert grid.worth.shape == (4, 12)
    assert np.isnan(grid.worth[3, 1:]).all(), "nobody acts in the cliff or at the goal"
    assert grid.worth[2].tolist() == [*range(-12, 0)]
    assert grid.worth[3, 0] == -13.0
    assert grid.worth[0].tolist() == [-20.0] * 12
    assert grid.way.tolist() == [[3, 0], *([2, column] for column in range(12)), [3, 11]]
    assert grid.ended
    panel = Panel(looker.scene())
    place = panel.figure.axes[2]
    assert line(place)[:, ::-1].tolist() == grid.way.tolist()
    assert [text.get_text() for text in place.texts] == ["S", "G"]
    before, after = panel.frame(0), panel.frame(5)
    moved = np.argwhere((before != after).any(2))
    assert moved[:, 1].min() > 540, "the dot goes its way on the right, and all else rests"
    assert len(moved) > 20


def test_a_walk_shows_values_beside_true_values_and_the_error():
    setup = Setup(world=RandomWalk(), encoder=Tabular(), learner=Sarsa(alpha=0.1))
    growing = GrowingCell(setup, Budget(episodes=50, runs=2, first_seed=3))
    growing.played = 40
    errors_of_runs = np.stack([np.linspace(0.5, 0.1, 40), np.linspace(0.4, 0.2, 40)])
    growing._errors[:, :40] = errors_of_runs
    growing.runs[0].player.mind.weights[:] = np.linspace(-0.5, 0.7, 19)
    looker = Onlooker(growing)
    scene = looker.scene()
    assert not looker.shows_episodes
    assert [part.axes.title for part in scene.left if isinstance(part, Chart)] == ["RMS error of values"]
    errors, values = Panel(scene).figure.axes
    np.testing.assert_array_equal(line(errors)[:, 1], errors_of_runs.mean(0))
    np.testing.assert_array_equal(line(values, 0), np.stack([np.arange(1.0, 20.0), np.linspace(-0.5, 0.7, 19)], 1))
    np.testing.assert_allclose(line(values, 1)[:, 1], (np.arange(1, 20) - 10) / 10, atol=1e-12)
    legend = values.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["learnt by the first run (seed 3)", "true value"]


def test_a_gymnasium_world_without_pictures_shows_its_curves():
    ranges = ((-2.4, 2.4), (-3.0, 3.0), (-0.21, 0.21), (-3.0, 3.0))
    world = GymnasiumWorld(id="CartPole-v1", ranges=ranges)
    looker = onlooker(Setup(world=world, encoder=TileCoding(tilings=4), learner=Sarsa(alpha=0.1)), episodes=3)
    scene = looker.scene()
    assert scene.right == ()
    steps, rewards = Panel(scene).figure.axes
    np.testing.assert_array_equal(line(steps)[:, 1], looker.growing.cell().steps.mean(0))
    np.testing.assert_array_equal(line(rewards)[:, 1], looker.growing.cell().steps.mean(0))
    assert rewards.get_yscale() == "linear"
    looker.close()


def test_an_episode_that_leads_nowhere_is_followed_by_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def stuck(looker: Onlooker, seed: int = 0, most_steps: int = 0) -> Replay:
        asked.append(looker.growing.played)
        return Replay(states=np.full((400, 2), [-0.5, 0.0]), reward=-399.0, ended=False)

    monkeypatch.setattr(Onlooker, "replay", stuck)
    monkeypatch.setattr(live, "LEAST_SECONDS", 0.0)
    growing = GrowingCell(CAR, Budget(episodes=4, runs=1))
    clock = iter(np.arange(0.0, 1e4, 1.0).tolist())
    assert sum(1 for _ in pictures(Onlooker(growing), 0.05, lambda: next(clock))) == len(asked) > 1


def test_weights_that_ran_away_are_told_and_leave_a_gap():
    setup = Setup(world=RandomWalk(), encoder=Tabular(), learner=Sarsa())
    growing = GrowingCell(setup, Budget(episodes=5, runs=2))
    growing.played = 3
    growing._steps[:, :3], growing._errors[:, :3] = [[7, 8, 9], [7, np.nan, np.nan]], [[3, 2, 1], [5, np.nan, np.nan]]
    scene = Onlooker(growing).scene()
    assert scene.about.endswith("; weights ran away in 1")
    np.testing.assert_array_equal(line(Panel(scene).figure.axes[0])[:, 1], [4.0, np.nan, np.nan])
    nothing = Chart(axes=Axes(title="", x="", y="", logarithmic=True), curves=(), x_limits=(0.0, 1.0))
    assert colours(Panel(Scene(title="", about="", left=(nothing,))).frame(0)) > 1
