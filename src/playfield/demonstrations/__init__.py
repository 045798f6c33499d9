"""Recordings of play to learn from: written as it happens, kept as tapes, played again when they are loaded."""

from playfield.demonstrations.recording import About, Player, Recording, demonstrations, read_recording
from playfield.demonstrations.writer import DemonstrationWriter, require_recordable

__all__ = [
    "About",
    "DemonstrationWriter",
    "Player",
    "Recording",
    "demonstrations",
    "read_recording",
    "require_recordable",
]
