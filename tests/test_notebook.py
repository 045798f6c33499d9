"""The notebook interface: the numbers of the command line, pictures in place, and the notebook of the docs played."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import IPython
import IPython.display
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from playfield import notebook
from playfield.cli.lab.words import Words
from playfield.linear.encoders import Tabular, TileCoding
from playfield.linear.learners import Sarsa
from playfield.linear.play import LinearRun, Setup
from playfield.linear.studies import Budget, GrowingCell, play_cell
from playfield.linear.worlds import Cliff, MountainCar, RandomWalk
from playfield.notebook import Played, play, words_of
from playfield.rng import Rng
from playfield.settings import UnknownSetting

ROOT = Path(__file__).parents[1]
CAR = Setup(world=MountainCar(), encoder=TileCoding(), learner=Sarsa(alpha=0.5))
BLUE = (0x1F, 0x6F, 0xEB)


def car_place(picture: Image.Image) -> tuple[float, float]:
    """Row and column of the middle of what is blue in the lower right quarter of a panel, or in a film."""
    pixels = np.asarray(picture.convert("RGB"))
    corner = pixels[340:, 540:] if pixels.shape[1] > 700 else pixels[100:]
    row, column = np.argwhere((corner == BLUE).all(2)).mean(0)
    return float(row), float(column)


def number_of_colours(picture: Image.Image) -> int:
    return len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0))


class Page:
    """What a kernel would send to its page: one place for each display, and every picture that was shown there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.places: list[object] = []
        self.pictures: list[Image.Image] = []
        monkeypatch.setattr(IPython, "get_ipython", lambda: self)
        monkeypatch.setattr(IPython.display, "display", self.display)

    def display(self, value: object, *, raw: bool, display_id: bool) -> Page:
        assert raw
        assert display_id
        self.places.append(value)
        return self

    def update(self, picture: IPython.display.Image) -> None:
        self.pictures.append(Image.open(io.BytesIO(picture.data)))


def test_the_numbers_are_those_of_the_lab_with_and_without_pictures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Page(monkeypatch)
    words = {"alpha": 0.5, "tilings": 8, "episodes": 25, "runs": 2, "seed": 1}
    drawn, plain = play("sarsa", "mountaincar", **words), play("sarsa", "mountaincar", **words, render=False)  # type: ignore[arg-type]
    cell = play_cell(CAR, Budget(episodes=25, runs=2, first_seed=1))
    for run in (drawn, plain):
        assert run.setup == CAR
        assert list(run.seeds) == [1, 2]
        np.testing.assert_array_equal(run.steps, cell.steps)
        np.testing.assert_array_equal(run.rewards, -cell.steps)
        assert np.isnan(run.errors).all()
        assert run.cut_off.tolist() == cell.cut_off.tolist()
        some = np.array([[-0.5, 0.0], [0.2, 0.03]])
        for number in (0, 1):
            np.testing.assert_array_equal(run.values(some, run=number), cell.runs[number].values(some))  # type: ignore[union-attr]
    summary = "\n".join(f"episodes {a:>4} to {b:<4}" for a, b in ((1, 10), (1, 25)))
    assert [text[:19] for text in repr(plain).splitlines()] == [text[:19] for text in summary.splitlines()]
    assert capsys.readouterr().out == f"{drawn}\n{plain}\n"
    assert len(page.places) == 1, "one place, in which each picture takes that of the one before"
    assert 2 <= len(page.pictures) <= 26
    first, last = page.pictures[0], page.pictures[-1]
    assert (first.format, first.size) == ("PNG", (1040, 640))
    assert number_of_colours(last) > 500
    assert car_place(last)[1] - car_place(first)[1] > 100, "from the valley to the top"


def test_a_world_of_numbered_states_takes_their_numbers() -> None:
    run = played_by_hand(Setup(world=RandomWalk(), encoder=Tabular(), learner=Sarsa()))
    weights = np.linspace(-1.0, 1.0, 19)
    run._cell.runs[0].player.mind.weights[:] = weights
    np.testing.assert_array_equal(run.values([0, 5, 18]), weights[[0, 5, 18], None])
    np.testing.assert_array_equal(run.values([[5.0]]), weights[[5], None])
    with pytest.raises(ValueError, match="one observation a row, of 1 numbers each"):
        run.values([[5.0, 3.0]])
    with pytest.raises(ValueError, match="there is no picture of an episode of walk"):
        run.replay()


def played_by_hand(setup: Setup) -> Played:
    """As if three episodes had been played, which would first have to be compiled."""
    growing = GrowingCell(setup, Budget(episodes=3, runs=1))
    growing.played = 3
    growing._steps[:], growing._rewards[:] = 5.0, -5.0
    return Played(notebook.Onlooker(growing), growing.cell())


def test_a_replay_is_a_film_of_the_greedy_episode_and_the_picture_is_a_figure(tmp_path: Path) -> None:
    run = play("sarsa", "mountaincar", episodes=40, runs=1, render=False)
    film = run.replay(seed=4)
    assert film.replay.ended
    assert repr(film) == f"a greedy episode of {len(film.replay.states) - 1} steps, reward {film.replay.reward:g}"
    film.save(tmp_path / "film.png")
    with Image.open(tmp_path / "film.png") as moving:
        every = -(-(len(film.replay.states) - 1) // 100)
        assert moving.n_frames == len(range(0, len(film.replay.states) - 1, every)) + 1  # type: ignore[attr-defined]
        assert moving.info["loop"] == 0
        first = car_place(moving)
        columns = [first[1]]
        for frame in range(1, moving.n_frames):  # type: ignore[attr-defined]
            moving.seek(frame)
            columns.append(car_place(moving)[1])
    x = film.replay.states[[*range(0, len(film.replay.states) - 1, every), -1], 0]
    assert np.corrcoef(columns, x)[0, 1] > 0.999
    assert first[0] > 200, "in the valley"
    figure = run.picture()
    assert isinstance(figure, Figure)
    np.testing.assert_array_equal(np.asarray(figure.axes[0].get_lines()[0].get_ydata()), run.steps[0])
    with Image.open(io.BytesIO(figure._repr_png_())) as picture:
        assert picture.size == (1040, 640)
        assert number_of_colours(picture) > 500
        assert car_place(picture)[1] > 350, "where the episode ended"


def test_a_walk_over_a_grid_is_filmed_too() -> None:
    run = played_by_hand(Setup(world=Cliff(), encoder=Tabular(), learner=Sarsa()))
    q = run._cell.runs[0].player.mind.weights.reshape(4, 4, 12)
    q[:] = -50.0
    q[0, 3, 0] = q[3, 2, :11] = q[1, 2, 11] = -1.0  # up, right, down
    film = run.replay()
    assert film.replay.states[:, 0].tolist() == [36.0, *range(24, 36), 47.0]
    with Image.open(io.BytesIO(film.animation)) as moving:
        assert moving.n_frames == 14  # type: ignore[attr-defined]


# Words


def test_words_are_those_of_the_command_line() -> None:
    options = {"alpha": 0.5, "n": None, "lambda_": np.float64(0.9), "encoder": None, "tilings": 4}
    words = words_of("n_step_sarsa", "mountaincar", ("policy.over_steps=100",), options)
    assert words == Words(
        learner="n_step_sarsa",
        world="mountaincar",
        overrides=("policy.over_steps=100",),
        alpha="0.5",
        n="none",
        lambda_="0.9",
        tilings="4",
    )
    ranges = words_of("sarsa", "gym:CartPole-v1", (), {"ranges": [(-2.4, 2.4), "-3:3"]}).ranges
    assert ranges == ("-2.4:2.4", "-3:3")


def test_what_is_no_setting_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownSetting, match="there is no setting 'tiling'; the nearest are: tilings"):
        play("sarsa", "mountaincar", tiling=8)
    with pytest.raises(UnknownSetting, match="--n means nothing to Sarsa"):
        play("sarsa", "mountaincar", n=8, render=False)
    with pytest.raises(ValueError, match="there is no world 'mountancar'"):
        play("sarsa", "mountancar")


def test_weights_that_run_away_are_told() -> None:
    with pytest.raises(ValueError, match="with --alpha 3 the weights ran away"):
        play("sarsa", "mountaincar", alpha=3, runs=2, episodes=5, render=False)


def test_without_ipython_or_a_notebook_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="there is no notebook to draw in; play with render=False"):
        play("sarsa", "mountaincar")
    monkeypatch.setitem(sys.modules, "IPython", None)
    with pytest.raises(ModuleNotFoundError, match=r"-m pip install 'ipykernel>=6,<8'; or play with render=False$"):
        play("sarsa", "mountaincar")


# The notebook of the docs

EXECUTE = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


def executed(path: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """The outputs of every cell by its first word, played by a real kernel that writes nowhere else."""
    places = {"IPYTHONDIR": "ipython", "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data"}
    environment = os.environ | {name: str(folder / place) for name, place in places.items()}
    environment["JUPYTER_RUNTIME_DIR"] = str(folder / "runtime")
    out = folder / "executed.ipynb"
    command = [sys.executable, "-c", EXECUTE, str(path), str(out)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cells = [cell for cell in json.loads(out.read_text())["cells"] if cell["cell_type"] == "code"]
    return {"".join(cell["source"]): {**cell, "outputs": cell["outputs"]} for cell in cells}


def output(cells: dict[str, dict[str, Any]], beginning: str, kind: str) -> Any:
    """The one output of that kind of the cell that begins so."""
    (cell,) = [cell for source, cell in cells.items() if source.startswith(beginning)]
    (found,) = [each["data"][kind] for each in cell["outputs"] if kind in each.get("data", {})]
    return "".join(found) if kind == "text/plain" else Image.open(io.BytesIO(base64.b64decode(found)))


def array(text: str) -> np.ndarray:
    return np.array(json.loads(text.removeprefix("array(").removesuffix(")").replace(".,", ".0,").replace(".]", ".0]")))


def test_the_notebook_of_the_docs_plays_in_a_kernel(tmp_path: Path) -> None:
    path = ROOT / "docs" / "lab.ipynb"
    kept = json.loads(path.read_text())
    assert not [cell for cell in kept["cells"] if cell.get("outputs")], "kept without outputs"
    cells = executed(path, tmp_path)
    panel, mean, walk = (output(cells, each, "image/png") for each in ("run = play", "many.picture", "walk = play"))
    assert (panel.size, mean.size, walk.size) == ((1040, 640), (1040, 640), (1040, 420))
    assert number_of_colours(panel) > 500
    assert number_of_colours(mean) > 500
    assert number_of_colours(walk) > 30
    assert car_place(panel)[1] > 350, "at the top"
    film = output(cells, "run.replay", "image/png")
    assert film.n_frames > 50
    assert number_of_colours(film) > 30

    run = LinearRun(CAR, Rng(1).numpy("lab"))
    steps = run.play(45).steps
    (said,) = [cell["outputs"] for source, cell in cells.items() if source.startswith("run = play")]
    assert len([each for each in said if each["output_type"] == "display_data"]) == 1, "in one place"
    np.testing.assert_array_equal(array(output(cells, "run.steps", "text/plain")), steps[-10:])
    values = array(output(cells, "run.values", "text/plain"))
    np.testing.assert_allclose(values, run.values(np.array([[-0.5, 0.0]])), atol=1e-7)
    many = play_cell(CAR, Budget(episodes=100, runs=20)).steps.mean(0)[[0, 9, 99]]
    np.testing.assert_allclose(array(output(cells, "many.steps", "text/plain")), many, atol=1e-7)
    td = Setup(world=RandomWalk(), encoder=Tabular(), learner=Sarsa(alpha=0.1))
    errors = play_cell(td, Budget(episodes=100, runs=10)).errors.mean(0)[[0, 9, 99]]
    np.testing.assert_allclose(array(output(cells, "walk.errors", "text/plain")), errors, atol=1e-7)
