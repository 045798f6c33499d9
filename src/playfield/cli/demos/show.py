"""`demos show`: one recording, episode by episode."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from playfield.cli.demos.find import DEMOS, find_recording
from playfield.cli.results import scores_text
from playfield.cli.sheets import Sheet
from playfield.demonstrations import gap_count, read_recording
from playfield.score import scoring_text
from playfield.storage.tapes import RecordedEpisode

Positional = tyro.conf.Positional
MOST_LINES = 40
"""Episodes in the table; the others are in the sums above it."""


@dataclass(frozen=True, slots=True)
class DemosShow:
    """What a recording holds: who played what by which rules, and every episode: playfield demos show NAME"""

    name: Positional[str]
    """Of the recording, or the path of its folder."""
    out: Path = DEMOS
    """Folder of the recordings."""

    def run(self) -> int:
        folder = find_recording(self.name, self.out)
        recording = read_recording(folder)
        about, episodes = recording.about, recording.episodes
        kept = "with its frames, nothing is played again" if recording.has_frames else "as tapes that are played again"
        height = " x ".join(map(str, about.frame_shape))
        unmeant = sum(sum(marks) for marks in recording.gaps.values())
        print(f"game     {about.game}, {scoring_text(about.protocol) if about.protocol else 'its own rules'}")
        print(f"actions  {' '.join(about.actions)}")
        print(f"frames   {recording.frames:,}, {about.frames_per_action} an action, {height} to an agent")
        print(f"kept     {kept}")
        print(f"played   {len(episodes):,} episodes by {about.name or about.player}")
        print(f"score    {scores_text([episode.score for episode in recording.whole], len(episodes))}")
        print(f"gaps     {recording.gap_count:,}, {unmeant:,} actions long together", flush=True)
        if recording.warning is not None:
            print(f"note: {recording.warning}", flush=True)
        sheet = Sheet(
            title=f"Episodes of {folder.name}",
            about=f"the first {MOST_LINES} of {len(episodes):,}" if len(episodes) > MOST_LINES else "all of them",
            columns=("episode", "score", "frames", "actions", "gaps", "end"),
            rows=tuple(
                (
                    str(episode.episode),
                    f"{episode.score:g}",
                    f"{episode.frames:,}",
                    f"{len(episode.actions):,}",
                    str(gap_count(recording.gaps.get(episode.episode, b""))),
                    _end(episode),
                )
                for episode in episodes[:MOST_LINES]
            ),
        )
        sheet.show(Console())
        print(f"learnt from by: playfield train dqfd {about.game} --demonstrations {folder}")
        return 0


def _end(episode: RecordedEpisode) -> str:
    if episode.lost:
        return "lost"
    return "cut short" if episode.truncated else "the game's"
