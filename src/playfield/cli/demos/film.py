"""A film of a recorded episode: played again from its tape, or of the frames that were kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from playfield.cli.results import points, write_film
from playfield.cli.runs import Known, new_file
from playfield.demonstrations import Recording, read_recording
from playfield.demonstrations.recording import FRAMES
from playfield.events import Tape
from playfield.games.make import names_code
from playfield.games.protocol import atari_rules
from playfield.recipes import RECIPES
from playfield.sinks.video import View, game_view, write_video
from playfield.storage.frame_log import Seen, Shown
from playfield.storage.tapes import RecordedEpisode
from playfield.types import Array

USUAL_RATE = 60.0
"""Emulator frames per second, where a game states no length of its steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a film is to be."""

    episode: int | None
    """None for the whole game with the highest score."""
    view: View
    out: Path | None
    scale: int | None


def film_recording(folder: Path, wanted: Wanted) -> int:
    """Film an episode of a recording, and say so.

    Raises: ValueError where it has no such episode or cannot be filmed; DamagedFile.
    """
    recording = read_recording(folder)
    episode = _episode(recording, wanted.episode)
    seen = "" if wanted.view == "game" else f"_{wanted.view}"
    path = new_file(wanted.out, folder / f"episode_{episode.episode}{seen}.mp4", ".mp4")
    if recording.has_frames:
        count = _of_frames(recording, episode, wanted, path)
    else:
        game = recording.about.game
        if names_code(game):
            raise ValueError(f"{folder} was recorded from the game file {game}, which a recording does not start")
        of = Known(RECIPES["dqn"], game, 0, {})
        tape = Tape(seed=episode.seed, actions=episode.actions)
        rules = atari_rules(recording.about.protocol)
        count = write_film(path, of, tape, protocol=rules, view=wanted.view, scale=wanted.scale)
    print(f"film     {path}: recorded episode {episode.episode}, {points(episode.score)}, {count:,} pictures")
    return 0


def _episode(recording: Recording, number: int | None) -> RecordedEpisode:
    if number is None:
        # Where every game was lost, there is no whole one to prefer.
        return max(recording.whole or recording.episodes, key=lambda episode: episode.score)
    for episode in recording.episodes:
        if episode.episode == number:
            return episode
    raise ValueError(f"{recording.folder} has {len(recording.episodes):,} episodes, and no episode {number}")


def _of_frames(recording: Recording, episode: RecordedEpisode, wanted: Wanted, path: Path) -> int:
    about = recording.about
    if wanted.view != "game":
        raise ValueError(f"{recording.folder} keeps what an agent saw and is not played again; leave --view out")
    if len(about.frame_shape) != 3:
        raise ValueError(f"{recording.folder} keeps {about.frame_shape[0]} numbers a row, and no pictures")
    step_ms = about.protocol.get("step_ms")
    rate = 1000.0 / step_ms if isinstance(step_ms, int) and step_ms > 0 else USUAL_RATE / about.frames_per_action
    return write_video(path, _pictures(recording, episode.episode), rate, scale=wanted.scale)


def _pictures(recording: Recording, number: int) -> Iterator[UInt8[Array, "H W 3"]]:
    """The newest channel of every frame, or its colours where it has three."""
    for chunk in Seen(recording.folder / FRAMES, Shown(recording.about.frame_shape, "uint8")):
        if chunk.episode == number:
            for frame in chunk.frame:
                yield game_view(frame if frame.shape[2] == 3 else np.ascontiguousarray(frame[:, :, :1]))
