"""The tapes of finished episodes, `tapes.log`: every game of a run, kept as (seed, actions) to be played again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playfield.storage.files import AppendFile, DamagedFile
from playfield.storage.records import RecordLog, Records

_MAGIC = b"PFTAPES1"
MOST_ACTIONS = 1 << 26
"""Of one episode, and of a recording together: a year of playing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEpisode:
    """One finished episode, whole."""

    episode: int
    """Number of the episode in the run, 1-based."""
    game: int
    """Which of the games played together, 0-based."""
    seed: int
    score: float
    """Sum of raw rewards."""
    frames: int
    """Emulator frames."""
    truncated: bool
    """True when a time limit ended it."""
    actions: bytes
    """One byte per agent step, oldest first."""
    lost: bool = False
    """Whether the game was lost: then the score is not that of a whole game. Older files say of none that it was."""


class TapeLog:
    """Appends episodes to `tapes.log`."""

    def __init__(self, file: AppendFile) -> None:
        self._log = RecordLog(file, _MAGIC)

    def add(self, episode: RecordedEpisode) -> None:
        """Appends one episode.

        Raises: ValueError where it has more actions than a tape may hold, NoSpace.
        """
        if len(episode.actions) > MOST_ACTIONS:
            raise ValueError(f"an episode of {len(episode.actions)} actions is too long for a tape")
        lost = {"lost": True} if episode.lost else {}
        self._log.add({name: getattr(episode, name) for name in _FIELDS} | lost, episode.actions)


_FIELDS = {"episode": int, "game": int, "seed": int, "score": float, "frames": int, "truncated": bool}
_COUNTS = ("episode", "game", "seed", "frames")


class Tapes:
    """The episodes of a `tapes.log`, oldest first; the file may still be growing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records = Records(path, _MAGIC, "a log of tapes")

    @property
    def warning(self) -> str | None:
        """After a reading: a sentence, where the last record was cut by a crash."""
        return self._records.warning

    def __iter__(self) -> Iterator[RecordedEpisode]:
        """Every whole episode.

        Raises: DamagedFile where a record was altered.
        """
        return (self._parse(header, payload) for header, payload in self._records)

    def best(self) -> RecordedEpisode | None:
        """The whole game with the highest score; of equals, the first.

        Raises: DamagedFile where a record was altered.
        """
        return max((episode for episode in self if not episode.lost), key=lambda episode: episode.score, default=None)

    def episode(self, number: int) -> RecordedEpisode:
        """The episode of that number.

        Raises: ValueError where there is none, DamagedFile where a record was altered.
        """
        for episode in self:
            if episode.episode == number:
                return episode
        raise ValueError(f"{self.path} has no episode {number}")

    def _parse(self, about: Mapping[str, Any], payload: bytes) -> RecordedEpisode:
        lost = about.get("lost", False)
        right = type(lost) is bool and all(type(about.get(name)) is kind for name, kind in _FIELDS.items())
        if not right or not math.isfinite(about["score"]) or not all(0 <= about[name] < 1 << 64 for name in _COUNTS):
            raise DamagedFile(self.path, "has a record that is no episode")
        actions = self._records.unpacked(payload, MOST_ACTIONS)
        return RecordedEpisode(**{name: about[name] for name in _FIELDS}, actions=actions, lost=lost)
