"""`demos list`: every recording in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from playfield.cli.demos.find import DEMOS, recordings_in
from playfield.cli.sheets import Sheet
from playfield.demonstrations import read_recording
from playfield.storage.files import DamagedFile


@dataclass(frozen=True, slots=True)
class DemosList:
    """List the recordings of play, with what each holds."""

    out: Path = DEMOS
    """Folder of the recordings."""

    def run(self) -> int:
        rows: list[tuple[str, ...]] = []
        notes: list[str] = []
        for folder in recordings_in(self.out):
            try:
                rows.append(_row(folder))
            except (DamagedFile, ValueError) as error:
                notes.append(str(error))
        if not rows and not notes:
            print(f"there are no recordings in {self.out} yet; `playfield play GAME --record` makes one")
            return 0
        sheet = Sheet(
            title=f"Recordings in {self.out}",
            about="frames are the emulator's, scores raw and of whole games; kept with frames is what cannot replay",
            columns=("recording", "game", "by", "episodes", "frames", "mean score", "gaps", "kept", "MB"),
            rows=tuple(rows),
            notes=tuple(notes),
        )
        sheet.show(Console())
        return 0


def _row(folder: Path) -> tuple[str, ...]:
    recording = read_recording(folder)
    scores = [episode.score for episode in recording.whole]
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) / 1e6
    return (
        folder.name,
        recording.about.game,
        recording.about.name or recording.about.player,
        f"{len(recording.episodes):,}",
        f"{recording.frames:,}",
        f"{sum(scores) / len(scores):.2f}" if scores else "-",
        f"{recording.gap_count:,}",
        "frames" if recording.has_frames else "tapes",
        f"{size:,.1f}",
    )
