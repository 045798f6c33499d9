"""Recordings as the command line has them: listed, shown, filmed, taken over from others, and learnt from."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

from cli.runs import outcome, train
from cli.test_demonstrations import record
from demonstrations.foreign_files import Moment, minari, serpent
from playfield.cli.commands import run_command
from playfield.demonstrations import DemonstrationWriter, demonstrations, episodes_of, read_recording
from playfield.demonstrations.recording import ABOUT, FRAMES, TAPES
from playfield.games.make import make_games
from playfield.games.protocol import nature
from playfield.memory.rows import RowRing
from playfield.networks import Chance, Draws, obs_shape
from playfield.recipes import RECIPES
from playfield.rng import Rng
from playfield.settings import override_texts
from playfield.storage.frame_log import Shown

COLUMNS = ("frame", "action", "reward", "discount", "first", "last")


def demos(*arguments: object) -> int:
    return run_command(["demos", *map(str, arguments)])


def with_frames(folder: Path, to: Path) -> None:
    """The same play of Catch, as a recording that keeps its frames."""
    recording = read_recording(folder)
    games = make_games("catch", nature(), 1)
    writer = DemonstrationWriter(to, recording.about, Shown(games.spec.frame_shape, games.spec.frame_dtype))
    for _, rows in episodes_of(recording, games):
        for row in rows:
            writer.begin(row.step) if row.step.first[0] else writer.add(row.action, row.step)
    writer.close()
    games.close()


def columns(ring: RowRing) -> dict[str, torch.Tensor]:
    return {name: ring.columns[name][: ring.stop] for name in COLUMNS}


def rows_of(folder: Path) -> dict[str, torch.Tensor]:
    games = make_games("catch", nature(), 1)
    try:
        return columns(demonstrations(read_recording(folder), games, 1).rows)
    finally:
        games.close()


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [("dqn_toy", ()), ("dqfd", ("imitation.pretrain_updates=5", "imitation.ratio=0.25"))],
)
def test_a_training_is_the_same_whether_what_was_shown_was_seen_or_is_played_again(
    recipe: str, changes: tuple[str, ...], tmp_path: Path
) -> None:
    assert record(tmp_path, "--policy", "random", "--frames", 120, "--name", "taped") == 0
    with_frames(tmp_path / "taped", tmp_path / "seen")
    assert (tmp_path / "seen" / FRAMES).is_file()
    for name in ("taped", "seen"):
        assert train(recipe, tmp_path, f"of-{name}", 40, extra=changes, demonstrations=tmp_path / name) == 0
    assert outcome(tmp_path, "of-taped") == outcome(tmp_path, "of-seen")


def test_recordings_are_listed_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demos("list", "--out", tmp_path) == 0
    assert "there are no recordings in" in capsys.readouterr().out
    assert record(tmp_path, "--policy", "random", "--frames", 120, "--name", "taped") == 0
    with_frames(tmp_path / "taped", tmp_path / "seen")
    capsys.readouterr()
    assert run_command(["demos", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    lines = {line.split("│")[1].strip(): line for line in said.splitlines() if "catch" in line}
    assert set(lines) == {"taped", "seen"}
    assert "tapes" in lines["taped"]
    assert "frames" in lines["seen"]
    assert demos("show", "seen", "--out", tmp_path) == 0
    said = capsys.readouterr().out
    assert "game     catch" in said
    assert "kept     with its frames, nothing is played again" in said
    assert "gaps     0, 0 actions long together" in said
    assert f"playfield train dqfd catch --demonstrations {tmp_path / 'seen'}\n" in said
    assert demos("show", "sen", "--out", tmp_path) == 2
    assert "there is no recording 'sen'; the nearest are: seen" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("frame_shape", "torso"),
    [
        ((84, 84, 1), ""),
        ((36, 36, 1), ""),  # (36 - 8) / 4 + 1 = 8, (8 - 4) / 2 + 1 = 3 and (3 - 3) / 1 + 1 = 1
        ((36, 32, 1), " 'torso.layers=[[16,4,2],[32,3,2]]'"),  # 32, 7, 2: too few for a kernel of 3
        ((8, 8, 1), " 'torso.layers=[[16,4,2],[32,3,2]]'"),  # 8, 3, 1
        ((7, 8, 1), " torso=Mlp"),  # 7, 2
        ((4,), " torso=Mlp"),
    ],
)
def test_the_command_that_is_shown_gives_a_torso_that_fits(
    frame_shape: tuple[int, ...], torso: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a b"
    assert record(tmp_path, "--policy", "random", "--frames", 60, "--name", folder.name) == 0
    about = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(json.dumps(about | {"frame_shape": frame_shape}))
    capsys.readouterr()
    assert demos("show", folder) == 0
    assert f"train dqfd catch --demonstrations '{folder}'{torso}\n" in capsys.readouterr().out
    recipe = override_texts(RECIPES["dqfd"], shlex.split(torso))
    rng = Rng(0)
    draws = Draws(rng.torch("weights"), Chance(rng.torch("noise")))
    _, features = recipe.torso.build(obs_shape(frame_shape, recipe.memory.stack), draws)
    assert features > 0


def test_what_is_damaged_is_listed_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("cut", "unsaid", "untaped"):
        assert record(tmp_path, "--policy", "random", "--episodes", 1, "--name", name) == 0
    tapes = (tmp_path / "cut" / TAPES).read_bytes()
    (tmp_path / "cut" / TAPES).write_bytes(tapes[:-5])
    (tmp_path / "unsaid" / ABOUT).unlink()
    (tmp_path / "untaped" / TAPES).unlink()
    train("dqn_toy", tmp_path, "run", 40)  # which has tapes too, and is no recording
    capsys.readouterr()
    told = {
        "cut": f"{TAPES} ends in the middle of its first episode, and holds no other; take a sound copy, or record it "
        "anew: playfield record catch --policy random",
        "unsaid": f"{ABOUT} is missing, and with it what was played; take a sound copy, or record it anew",
        "untaped": f"{TAPES} is missing, and with it all that was played; take a sound copy, or record it anew",
    }
    for name, sentence in told.items():
        assert demos("show", name, "--out", tmp_path) == 2
        assert f"playfield: {tmp_path / name}/{sentence}" in capsys.readouterr().err
    assert demos("list", "--out", tmp_path) == 0
    listed = " ".join(capsys.readouterr().out.split())
    assert all(sentence.split(";")[0] in listed for sentence in told.values())
    assert str(tmp_path / "run") not in listed


def test_a_recording_of_serpent_is_taken_over_with_its_gaps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("h5py", reason="recordings in HDF5 need: pip install 'h5py>=3.11,<4'")
    play = [
        Moment(grey=10, keys=("KEY_LEFT",), reward=1.0),
        Moment(grey=20, reward=2.0),
        Moment(grey=30, keys=("KEY_LEFT", "KEY_RIGHT"), reward=64.0),
        Moment(grey=40, keys=("right",), reward=4.0),
        Moment(grey=50, keys=("KEY_LEFT",), reward=8.0, terminal=True),
        Moment(grey=60),
    ]
    path = serpent(tmp_path / "mine_input_recording.h5", play)
    assert demos("import", path, "--game", "catch", "--out", tmp_path, "--name", "mine") == 0
    said = capsys.readouterr().out
    assert "read     1 episodes, 5 frames" in said
    assert "gaps     1, 1 actions long together" in said
    assert "for instance: Left + Right" in said
    recording = read_recording(tmp_path / "mine")
    assert (recording.about.player, recording.has_frames) == ("person", True)
    (episode,) = recording.episodes
    assert (episode.score, episode.truncated, episode.actions) == (79.0, False, bytes([1, 0, 0, 2, 1]))
    found = rows_of(tmp_path / "mine")
    height, width = found["frame"].shape[2:4]
    assert found["frame"].shape == (6, 1, height, width, 1)
    assert [frame.unique().tolist() for frame in found["frame"]] == [[10], [20], [30], [40], [50], [50]]
    assert found["action"][:, 0].tolist() == [0, 1, 0, 0, 2, 1]
    assert found["reward"][:, 0].tolist() == [0, 1, 2, 0, 4, 8]
    assert found["discount"][:, 0].tolist() == [1, 1, 1, 1, 1, 0]
    assert found["first"][:, 0].tolist() == [True, False, False, True, False, False]
    assert found["last"][:, 0].tolist() == [False, False, True, False, False, True]
    assert train("dqn_toy", tmp_path, "run", 10, demonstrations=tmp_path / "mine") == 0


def test_what_is_recorded_goes_to_minari_and_comes_back_equal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("h5py", reason="recordings in HDF5 need: pip install 'h5py>=3.11,<4'")
    package = pytest.importorskip("minari", reason="data sets need: pip install 'minari>=0.5.4,<0.6'")
    assert record(tmp_path, "--policy", "random", "--frames", 150, "--name", "taped") == 0
    monkeypatch.chdir(tmp_path)
    assert demos("export", "taped", "catch-v0", "--out", tmp_path) == 0
    assert "3 episodes" in capsys.readouterr().out
    data = package.MinariDataset("catch-v0/data")
    assert (data.total_episodes, data.total_steps) == (3, 150)
    own = rows_of(tmp_path / "taped")
    first = next(iter(data.iterate_episodes([0])))
    assert np.array_equal(first.observations, own["frame"][: len(first.observations), 0].numpy())
    assert first.terminations[-1]
    assert demos("import", tmp_path / "catch-v0", "--game", "catch", "--out", tmp_path, "--name", "back") == 0
    back = rows_of(tmp_path / "back")
    for name, column in own.items():
        assert torch.equal(column, back[name]), name
    taped, again = read_recording(tmp_path / "taped"), read_recording(tmp_path / "back")
    assert [(e.seed, e.score, e.actions) for e in again.episodes] == [
        (e.seed, e.score, e.actions) for e in taped.episodes
    ]


def test_what_cannot_be_taken_over_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("h5py", reason="recordings in HDF5 need: pip install 'h5py>=3.11,<4'")
    (tmp_path / "text.h5").write_text("hello")
    minari(tmp_path / "vectors", [np.zeros((3, 2), np.float32)])
    other = '{"type": "Discrete", "start": 0, "n": 4}'
    minari(tmp_path / "other", [np.zeros((3, 2), np.float32)], action_space=other)
    (tmp_path / "empty").mkdir()
    serpent(tmp_path / "one.h5", [Moment(grey=1)])
    for source, game, sentence in (
        ("text.h5", "catch", "text.h5 is no HDF5 file, or a damaged one; nothing of it was kept"),
        ("nowhere.h5", "catch", "there is no file"),
        ("empty", "catch", "holds no data set of Minari, which has a data/metadata.json"),
        ("vectors", "catch", "shows float32 (2,), and catch uint8"),
        ("other", "catch", "has 4 actions, and catch has 3: STAY LEFT RIGHT; name the game that it is of with --game"),
        ("one.h5", "catch", "has no episode of more than a picture"),
        ("text.h5", "catchh", "there is no game 'catchh'"),
        ("text.h5", "gym:os.path:X", "so it is not recorded"),
    ):
        code = demos("import", tmp_path / source, "--game", game, "--out", tmp_path / "demos", "--name", "new")
        said = capsys.readouterr().err
        assert code == 2
        assert sentence in said
        assert said.count("\n") == 1
        assert not list((tmp_path / "demos").glob("*"))


def test_a_recorded_episode_is_filmed_from_its_tape_or_its_frames(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record(tmp_path, "--policy", "random", "--frames", 120, "--name", "taped") == 0
    with_frames(tmp_path / "taped", tmp_path / "seen")
    for name in ("taped", "seen"):
        capsys.readouterr()
        assert run_command(["video", str(tmp_path / name), "--episode", "2"]) == 0
        assert "recorded episode 2" in (said := capsys.readouterr().out)
        assert "56 pictures" in said
        assert (tmp_path / name / "episode_2.mp4").stat().st_size > 1000
    assert run_command(["video", str(tmp_path / "seen"), "--view", "net"]) == 2
    assert "is not played again; leave --view out" in capsys.readouterr().err
    assert run_command(["video", str(tmp_path / "seen"), "--episode", "9"]) == 2
    assert "has 3 episodes, and no episode 9" in capsys.readouterr().err
