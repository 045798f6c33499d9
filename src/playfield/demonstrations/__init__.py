"""Recordings of play to learn from: written as it happens, kept as tapes, played again when they are loaded.

Of games that cannot be played again the frames are kept beside the tapes.
"""

from playfield.demonstrations.about import About, Player
from playfield.demonstrations.recording import Recording, gap_count, is_recording, read_recording
from playfield.demonstrations.rows import check_same, demonstrations, episodes_of
from playfield.demonstrations.writer import DemonstrationWriter, require_recordable, seen_in

__all__ = [
    "About",
    "DemonstrationWriter",
    "Player",
    "Recording",
    "check_same",
    "demonstrations",
    "episodes_of",
    "gap_count",
    "is_recording",
    "read_recording",
    "require_recordable",
    "seen_in",
]
