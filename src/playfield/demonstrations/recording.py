"""A recording of play: what was played by whom, and every episode as a tape.

about.json   game, rules, actions, what a frame is, who played, fingerprint; written once, before the first step
tapes.log    episodes as (seed, actions, score); it grows at its end, so what was cut by a crash is the last one alone
gaps.log     of episodes in which a person held keys that are no action: a byte for every action, 1 for such a one
frames.log   of games that (seed, actions) does not play again: every row as it was seen
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from playfield.demonstrations.about import About, read_about
from playfield.extras import shell_word
from playfield.storage.files import DamagedFile, advising
from playfield.storage.tapes import MOST_ACTIONS, RecordedEpisode, Tapes

ABOUT, TAPES, GAPS, FRAMES = "about.json", "tapes.log", "gaps.log", "frames.log"
_OTHERS = ("run.json", "frames.npz")
"""Only in folders of other kinds that have a file of the same name: runs have tapes, collected frames an about.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording as its files say; whether it plays again is found out by `demonstrations`."""

    folder: Path
    about: About
    episodes: tuple[RecordedEpisode, ...]
    gaps: Mapping[int, bytes]
    """By number of episode, of those that have any: a byte for every action, 1 where a person meant none of them."""
    has_frames: bool
    """Whether what was seen is kept, so that nothing is played again."""
    warning: str | None
    """A sentence, where the last episode was cut by a crash."""

    @property
    def frames(self) -> int:
        """Emulator frames that were played."""
        return sum(episode.frames for episode in self.episodes)

    @property
    def whole(self) -> tuple[RecordedEpisode, ...]:
        """The episodes that have a score: those of lost games have none."""
        return tuple(episode for episode in self.episodes if not episode.lost)

    @property
    def gap_count(self) -> int:
        """How often a person held keys that are no action, however long."""
        return sum(gap_count(marks) for marks in self.gaps.values())


def gap_count(marks: bytes) -> int:
    """How many runs of 1 there are: 0 1 1 0 1 has two."""
    return sum(mark and not before for before, mark in zip(bytes([0]) + marks, marks, strict=False))


def is_recording(folder: Path) -> bool:
    """Whether a folder holds files of one; that it lacks others, `read_recording` tells."""
    found = any((folder / name).is_file() for name in (ABOUT, TAPES, GAPS, FRAMES))
    return found and not any((folder / name).exists() for name in _OTHERS)


def read_recording(folder: Path) -> Recording:
    """The recording in a folder; its files may be a stranger's.

    Raises: DamagedFile; ValueError where it holds nothing.
    """
    if not is_recording(folder):
        raise DamagedFile(folder, "holds no recording of play; `playfield record GAME` makes such a folder")
    with advising(anew(None)):
        if not (folder / ABOUT).is_file():
            raise DamagedFile(folder / ABOUT, "is missing, and with it what was played")
        about = read_about(folder / ABOUT)
    with advising(anew(about)):
        if not (folder / TAPES).is_file():
            raise DamagedFile(folder / TAPES, "is missing, and with it all that was played")
        tapes = Tapes(folder / TAPES)
        episodes = tuple(_no_more_than_fit(tapes))
        if not episodes and tapes.warning is not None:
            raise DamagedFile(folder / TAPES, "ends in the middle of its first episode, and holds no other")
        gaps = _read_gaps(folder / GAPS, episodes)
    if not episodes:
        raise ValueError(f"{folder} holds no episode yet; record more with `playfield record`")
    return Recording(
        folder=folder,
        about=about,
        episodes=episodes,
        gaps=gaps,
        has_frames=(folder / FRAMES).is_file(),
        warning=tapes.warning,
    )


def anew(about: About | None) -> str:
    """What to do about a recording that is damaged, where that much of it can be read: a part of a sentence."""
    game = "GAME" if about is None else shell_word(about.game)
    match None if about is None else about.player:
        case "agent" | "chance" as player:
            policy = "random" if player == "chance" else "RUN"
            command = f"playfield record {game} --policy {policy}"
        case _:
            command = f"playfield play {game} --record"
    return f"take a sound copy, or record it anew: {command}"


def _no_more_than_fit(tapes: Tapes) -> Iterator[RecordedEpisode]:
    """Every episode of a file, which may be a small one that unpacks to more than the memory holds.

    Raises: DamagedFile.
    """
    actions = 0
    for episode in tapes:
        actions += len(episode.actions)
        if actions > MOST_ACTIONS:
            raise DamagedFile(tapes.path, f"has more than {MOST_ACTIONS:,} actions, the most that one recording may")
        yield episode


def _read_gaps(path: Path, episodes: tuple[RecordedEpisode, ...]) -> Mapping[int, bytes]:
    """The marks of every episode that has any; those of an episode that a crash cut off are of no use."""
    if not path.is_file():
        return {}
    lengths = {episode.episode: len(episode.actions) for episode in episodes}
    found = {tape.episode: tape.actions for tape in _no_more_than_fit(Tapes(path)) if tape.episode in lengths}
    for number, marks in found.items():
        if len(marks) != lengths[number] or max(marks, default=0) > 1:
            raise DamagedFile(path, f"does not fit the tape of episode {number}")
    return found
