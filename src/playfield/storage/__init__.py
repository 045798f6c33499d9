"""The run directory: what a run leaves on disk, and how it comes back exactly or not at all."""

from playfield.storage.checkpoint import Manifest
from playfield.storage.files import AppendFile, DamagedFile, FileRecord, NoSpace, WriteFailed
from playfield.storage.log import Column, LoggedRows
from playfield.storage.run import About, Listing, Loaded, NameTaken, NoCheckpoint, Run, RunBusy, check_name, list_runs
from playfield.storage.tapes import RecordedEpisode, TapeLog, Tapes
from playfield.storage.tree import digest

__all__ = [
    "About",
    "AppendFile",
    "Column",
    "DamagedFile",
    "FileRecord",
    "Listing",
    "Loaded",
    "LoggedRows",
    "Manifest",
    "NameTaken",
    "NoCheckpoint",
    "NoSpace",
    "RecordedEpisode",
    "Run",
    "RunBusy",
    "TapeLog",
    "Tapes",
    "WriteFailed",
    "check_name",
    "digest",
    "list_runs",
]
