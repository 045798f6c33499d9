"""Play is written down as it happens, whoever plays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from playfield.demonstrations.about import About
from playfield.demonstrations.recording import ABOUT, FRAMES, GAPS, TAPES, gap_count
from playfield.events import Tape
from playfield.features.frames import new_folder
from playfield.games.games import GameSpec
from playfield.games.make import imports_code
from playfield.storage.files import AppendFile, replace_file
from playfield.storage.frame_log import FrameLog, SeenRow, Shown
from playfield.storage.tapes import RecordedEpisode, TapeLog
from playfield.types import Step


def require_recordable(game: str) -> None:
    """Refuse a game whose recordings nobody would open.

    Raises: ValueError.
    """
    if imports_code(game):
        raise ValueError(f"{game} would run code of whoever wrote the recording, so it is not recorded")


def seen_in(spec: GameSpec) -> Shown | None:
    """What has to be written down of a game besides its tapes: its frames, where tapes do not play again."""
    return None if spec.replays else Shown(spec.frame_shape, spec.frame_dtype)


class DemonstrationWriter:
    """Writes the steps of one game into a new folder, episode by episode.

    Every ended episode is on the disk at once; the one under way when `close` is called is kept too, as cut short.
    """

    def __init__(self, folder: Path, about: About, shown: Shown | None = None) -> None:
        """`shown` is what frames are, where they are written down too.

        Raises: ValueError for a game that could not be read again; FileExistsError; NoSpace.
        """
        require_recordable(about.game)
        with new_folder(folder) as unfinished:
            replace_file(unfinished / ABOUT, about.text())
        self.folder = folder
        self.episodes = 0
        """That are written, those of lost games among them."""
        self.scores: list[float] = []
        """Of those that have one: lost games have none."""
        self.gaps = self.unmeant = 0
        """How often keys were held that are no action, and how many actions long that was together."""
        self._kept_frames = 0
        self._tapes = AppendFile(folder / TAPES)
        self._log = TapeLog(self._tapes)
        self._marks: AppendFile | None = None
        self._seen: AppendFile | None = None
        self._rows: FrameLog | None = None
        if shown is not None:
            self._seen = AppendFile(folder / FRAMES)
            self._rows = FrameLog(self._seen, shown)
        self._open: _Episode | None = None

    def begin(self, step: Step) -> None:
        """The first step of a game."""
        self._open = _Episode(int(step.seed[0]))
        self.see(_row(step), begins=True)

    def add(self, action: int, step: Step, *, gap: bool = False) -> None:
        """The step that an action led to; an action that only began the next episode counts for nothing.

        Of a game that is lost the action is left out that it did not survive: what was played before is kept.

        `gap`: a person held keys that are no action, and the game was told this one for want of a better.
        """
        if step.lost:
            self._keep_open(lost=True)
            return
        if step.first[0] or self._open is None:
            self.begin(step)
            return
        self._open.add(action, step, gap=gap)
        self.see(_row(step))
        if step.last[0]:
            self._write(self._open, truncated=bool(step.discount[0] == 1.0))

    def see(self, row: SeenRow, *, begins: bool = False) -> None:
        """Write down a row of an episode that `keep` is told of at its end, if rows are written down at all."""
        if self._rows is None:
            return
        if begins:
            self._rows.begin(self.episodes + 1)
        self._rows.add(row)

    def keep(
        self, tape: Tape, score: float, frames: int, *, truncated: bool, lost: bool = False, gaps: bytes = b""
    ) -> None:
        """Write down an episode that was played elsewhere; `gaps` has a byte for every action, or is empty.

        `lost`: the game was lost, so that the score is not that of a whole one.

        Raises: ValueError; NoSpace.
        """
        played = RecordedEpisode(
            episode=self.episodes + 1,
            game=0,
            seed=tape.seed,
            score=score,
            frames=frames,
            truncated=truncated,
            actions=tape.actions,
            lost=lost,
        )
        if self._rows is not None:
            self._rows.end()
        if any(gaps):
            self._mark(played, gaps)
        self._log.add(played)
        self._tapes.flush()
        self.episodes += 1
        if not lost:
            self.scores.append(score)
        self._kept_frames += frames

    def close(self) -> None:
        """Keep what was played of the present episode, and put everything on the disk."""
        self._keep_open()
        for file in (self._seen, self._marks, self._tapes):
            if file is not None:
                file.sync()
                file.close()

    @property
    def frames(self) -> int:
        """Emulator frames so far, those of the episode that is under way among them."""
        return self._kept_frames + (self._open.frames if self._open is not None else 0)

    def _keep_open(self, *, lost: bool = False) -> None:
        """Keep what was played of the present episode, as cut short, where anything was."""
        if self._open is not None and self._open.actions:
            self._write(self._open, truncated=True, lost=lost)
        self._open = None

    def _mark(self, played: RecordedEpisode, gaps: bytes) -> None:
        if len(gaps) != len(played.actions):
            raise ValueError(f"{len(gaps)} marks were given for {len(played.actions)} actions")
        if self._marks is None:
            self._marks = AppendFile(self.folder / GAPS)
        # Before the tape: marks without a tape are passed over, a tape without its marks would be learnt from.
        TapeLog(self._marks).add(_with_actions(played, gaps))
        self._marks.flush()
        self.gaps, self.unmeant = self.gaps + gap_count(gaps), self.unmeant + sum(gaps)

    def _write(self, episode: _Episode, *, truncated: bool, lost: bool = False) -> None:
        tape = Tape(seed=episode.seed, actions=bytes(episode.actions))
        self.keep(tape, episode.score, episode.frames, truncated=truncated, lost=lost, gaps=bytes(episode.gaps))
        self._open = None


class _Episode:
    """What was played of an episode so far."""

    def __init__(self, seed: int) -> None:
        self.seed, self.actions, self.gaps, self.score, self.frames = seed, bytearray(), bytearray(), 0.0, 0

    def add(self, action: int, step: Step, *, gap: bool) -> None:
        self.actions.append(action)
        self.gaps.append(gap)
        self.score += float(step.reward[0])
        self.frames += int(step.frames[0])


def _row(step: Step) -> SeenRow:
    return SeenRow(step.frame[0], float(step.reward[0]), float(step.discount[0]), int(step.frames[0]))


def _with_actions(episode: RecordedEpisode, actions: bytes) -> RecordedEpisode:
    return replace(episode, actions=actions)
