"""Play is written down as it happens, whoever plays."""

from __future__ import annotations

from pathlib import Path

from playfield.demonstrations.recording import ABOUT, TAPES, About
from playfield.events import Tape
from playfield.features.frames import new_folder
from playfield.games.make import names_code
from playfield.storage.files import AppendFile, replace_file
from playfield.storage.tapes import RecordedEpisode, TapeLog
from playfield.types import Step


def require_recordable(game: str) -> None:
    """Refuse a game whose recordings nobody would open.

    Raises: ValueError.
    """
    if names_code(game):
        raise ValueError(f"{game} would run code of whoever wrote the recording, so it is not recorded")


class DemonstrationWriter:
    """Writes the steps of one game into a new folder, episode by episode.

    Every ended episode is on the disk at once; the one under way when `close` is called is kept too, as cut short.
    """

    def __init__(self, folder: Path, about: About) -> None:
        """Raises: ValueError for a game that could not be read again; FileExistsError; NoSpace."""
        require_recordable(about.game)
        with new_folder(folder) as unfinished:
            replace_file(unfinished / ABOUT, about.text())
        self.folder = folder
        self.frames = 0
        """Emulator frames so far."""
        self.scores: list[float] = []
        """Of the episodes that are written."""
        self._file = AppendFile(folder / TAPES)
        self._log = TapeLog(self._file)
        self._open: _Episode | None = None

    def begin(self, step: Step) -> None:
        """The first step of a game."""
        self._open = _Episode(int(step.seed[0]))

    def add(self, action: int, step: Step) -> None:
        """The step that an action led to; an action that only began the next episode counts for nothing."""
        if step.first[0] or self._open is None:
            self.begin(step)
            return
        self._open.add(action, step)
        self.frames += int(step.frames[0])
        if step.last[0]:
            self._write(self._open, truncated=bool(step.discount[0] == 1.0))

    def keep(self, tape: Tape, score: float, frames: int, *, truncated: bool) -> None:
        """Write down an episode that was played elsewhere."""
        self._log.add(
            RecordedEpisode(
                episode=len(self.scores) + 1,
                game=0,
                seed=tape.seed,
                score=score,
                frames=frames,
                truncated=truncated,
                actions=tape.actions,
            )
        )
        self._file.flush()
        self.scores.append(score)

    def close(self) -> None:
        """Keep what was played of the present episode, and put everything on the disk."""
        if self._open is not None and self._open.actions:
            self._write(self._open, truncated=True)
        self._file.sync()
        self._file.close()

    def _write(self, episode: _Episode, *, truncated: bool) -> None:
        tape = Tape(seed=episode.seed, actions=bytes(episode.actions))
        self.keep(tape, episode.score, episode.frames, truncated=truncated)
        self._open = None


class _Episode:
    """What was played of an episode so far."""

    def __init__(self, seed: int) -> None:
        self.seed, self.actions, self.score, self.frames = seed, bytearray(), 0.0, 0

    def add(self, action: int, step: Step) -> None:
        self.actions.append(action)
        self.score += float(step.reward[0])
        self.frames += int(step.frames[0])
