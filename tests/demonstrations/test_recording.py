"""Recordings of play: written as it happens, read with suspicion, played again exactly."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.tables import step as table_step
from core.toys import small_games
from demonstrations.shown import record
from playfield.demonstrations import About, DemonstrationWriter, Recording, demonstrations, read_recording
from playfield.demonstrations.recording import ABOUT, TAPES
from playfield.games.make import make_games
from playfield.games.protocol import machado, nature
from playfield.storage.files import DamagedFile
from playfield.storage.tapes import RecordedEpisode


def test_what_was_played_comes_back_row_by_row(tmp_path: Path):
    games, said = small_games(1), []
    recv, begin = games.recv, games.begin
    games.recv = lambda: (said.append(recv()), said[-1])[1]
    games.begin = lambda seeds: (said.append(begin(seeds)), said[-1])[1]
    recording = record(tmp_path / "play", 50, games)
    rows = demonstrations(recording, small_games(1), stack=2).rows
    assert rows.stop == len(said) == 50 + len(recording.episodes)
    for row, step in enumerate(said):
        assert torch.equal(rows.columns["frame"][row], torch.from_numpy(step.frame))
        assert rows.columns["reward"][row] == step.reward
        assert rows.columns["discount"][row] == step.discount
        assert rows.columns["first"][row] == step.first
        assert rows.columns["last"][row] == (step.last or row == len(said) - 1)
    assert recording.frames == 50
    assert [e.score for e in recording.episodes[:-1]] == [3.0] * (len(recording.episodes) - 1)
    assert [e.truncated for e in recording.episodes] == [False] * (len(recording.episodes) - 1) + [True]


def test_a_lost_life_and_a_time_limit_are_written_as_the_game_said(tmp_path: Path):
    """Rewards 1, -2 (a life is lost), 4 (cut off): one episode that was truncated, of score 3 and 12 frames."""
    about = About.of(small_games(1).spec, "person", "", {})
    writer = DemonstrationWriter(tmp_path / "play", about)
    rows = [(0.0, 1.0, True, False), (1.0, 1.0, False, False), (-2.0, 0.0, False, False), (4.0, 1.0, False, True),
            (0.0, 1.0, True, False)]  # fmt: skip
    steps = [table_step(np.zeros((1, 1)), [r], [d], [f], [z]) for r, d, f, z in rows]
    writer.begin(steps[0])
    for action, step in enumerate(steps[1:]):
        writer.add(action % 3, step)
    writer.close()
    recording = read_recording(tmp_path / "play")
    assert recording.episodes == (
        RecordedEpisode(episode=1, game=0, seed=0, score=3.0, frames=12, truncated=True, actions=bytes([0, 1, 2])),
    )
    assert (recording.about.player, recording.about) == ("person", about)


def test_an_episode_is_on_the_disk_as_soon_as_it_ended(tmp_path: Path):
    games = small_games(1)
    writer = DemonstrationWriter(tmp_path / "play", About.of(games.spec, "chance", "", {}))
    step = games.begin(np.random.default_rng(0))
    writer.begin(step)
    while not writer.episodes:
        games.send(np.array([0]))
        writer.add(0, games.recv())
    assert len(read_recording(tmp_path / "play").episodes) == 1  # nobody closed it


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return record(tmp_path / "play", 40)


def changed(recording: Recording, **episode: object) -> Recording:
    first, *others = recording.episodes
    return replace(recording, episodes=(replace(first, **episode), *others))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"score": 2.0}, "episode 1 of .* does not play again as it was: it scored 2 in .* frames, and now 3 in"),
        ({"frames": 1}, "it scored 3 in 1 frames, and now 3 in"),
        ({"actions": bytes(40)}, "its game ended after .* use the versions of game and emulator"),
        ({"actions": bytes(3)}, "its game goes on after the last action"),
        ({"actions": bytes([0, 7])}, "cannot have been played: the tape of game 0 holds action 7"),
        ({"seed": 2**40}, "cannot have been played: .* has seed"),
    ],
)
def test_an_episode_that_does_not_play_again_is_told(change: dict[str, object], sentence: str, recording: Recording):
    with pytest.raises(ValueError, match=sentence):
        demonstrations(changed(recording, **change), small_games(1), 2)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"game": "pong"},
            "was recorded on pong, not on small catch; train there, or record this game: playfield play 'small catch'",
        ),
        (
            {"actions": ("STAY", "LEFT")},
            "recorded with the actions STAY LEFT, and small catch is trained with STAY",
        ),
        ({"protocol": {"frame_skip": 4}}, r"with frame_skip 4, .* plays with null; give protocol\.frame_skip=4"),
        ({"frame_shape": (8, 8, 1)}, r"recorded with frames of \(8, 8, 1\), .* record it anew"),
        ({"frames_per_action": 4}, "4 for an action, .* record it anew"),
    ],
)
def test_a_recording_of_something_else_is_refused(change: dict[str, object], sentence: str, recording: Recording):
    other = replace(recording, about=replace(recording.about, **change))
    with pytest.raises(ValueError, match=sentence):
        demonstrations(other, small_games(1), 2)


def test_atari_rules_are_compared_one_by_one_and_the_same_rules_fit(tmp_path: Path):
    small = nature(frame_size=(42, 42))
    games = make_games("pong", small, 1, 1)
    played = record(tmp_path / "pong", 200, games)
    games.close()
    for protocol, sentence in ((nature(), r"protocol\.frame_size=\[42,42\]"), (machado(frame_size=(42, 42)), None)):
        other = make_games("pong", protocol, 1, 1)
        with pytest.raises(ValueError, match=sentence):
            demonstrations(played, other, 4)
        other.close()
    same = make_games("pong", small, 1, 1)
    assert demonstrations(played, same, 4).rows.stop == 200 // 4 + 1
    same.close()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("game", "gym:os.path:Anything", "would run code of the file's choice"),
        ("game", 3, "game is of another kind"),
        ("name", "a\nb", "characters that cannot be shown"),
        ("player", "nobody", "player or frame_shape"),
        ("frame_shape", ["x"], "player or frame_shape"),
        ("more", 1, "something else is there"),
    ],
)
def test_a_strangers_about_is_refused_in_one_sentence(name: str, value: object, sentence: str, recording: Recording):
    path = recording.folder / ABOUT
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    advice = "; take a sound copy, or record it anew: playfield play GAME --record"
    with pytest.raises(DamagedFile, match=f"{sentence}.*{advice}$"):
        read_recording(recording.folder)


def test_damage_is_told_in_one_sentence(recording: Recording, tmp_path: Path):
    folder = recording.folder
    with pytest.raises(DamagedFile, match=r"holds no recording of play; `playfield record GAME` makes such a folder"):
        read_recording(tmp_path / "nothing")
    data = (folder / TAPES).read_bytes()
    (folder / TAPES).write_bytes(data[:30] + bytes([data[30] ^ 1]) + data[31:])
    with pytest.raises(DamagedFile, match=r"altered record at byte 8; .* playfield record 'small catch' --policy RUN$"):
        read_recording(folder)
    (folder / TAPES).write_bytes(data[:-5])
    cut = read_recording(folder)
    assert len(cut.episodes) == len(recording.episodes) - 1
    assert cut.warning is not None
    assert "unfinished record" in cut.warning
    (folder / TAPES).write_bytes(b"")
    with pytest.raises(ValueError, match="holds no episode yet"):
        read_recording(folder)
    (folder / TAPES).unlink()
    with pytest.raises(DamagedFile, match=r"is missing, .* playfield record 'small catch' --policy RUN$"):
        read_recording(folder)
    for player, command in (
        ("chance", "record 'small catch' --policy random"),
        ("person", "play 'small catch' --record"),
    ):
        about = json.loads((folder / ABOUT).read_text())
        (folder / ABOUT).write_text(json.dumps({**about, "player": player}))
        with pytest.raises(DamagedFile, match=rf"is missing, .* anew: playfield {command}$"):
            read_recording(folder)
    (folder / ABOUT).write_bytes(b"{")
    with pytest.raises(DamagedFile, match=r"anew: playfield play GAME --record$"):
        read_recording(folder)


def test_nothing_is_recorded_over_or_of_a_game_that_could_not_be_read_again(recording: Recording, tmp_path: Path):
    with pytest.raises(FileExistsError, match="nothing is overwritten"):
        DemonstrationWriter(recording.folder, recording.about)
    with pytest.raises(ValueError, match="so it is not recorded"):
        DemonstrationWriter(tmp_path / "new", replace(recording.about, game="gym:os.path:Anything"))
    assert not (tmp_path / "new").exists()
