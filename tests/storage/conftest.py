import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def no_fsync(monkeypatch):
    """For tests that are not about the disk and save thousands of times."""
    monkeypatch.setattr("playfield.storage.files.os.fsync", lambda descriptor: None)
