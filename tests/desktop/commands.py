"""What tests of the commands of desktop games share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop.children import none_left

TWO_WINDOWS = """
import pygame
shown = [pygame.Window("Two a", (100, 80), (0, 0)), pygame.Window("Two b", (100, 80), (120, 100))]
clock = pygame.time.Clock()
while True:
    pygame.event.pump()
    clock.tick(20)
"""
"""A program with two windows of equal right."""


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every command runs in an empty folder and leaves no process behind, whatever becomes of it."""
    monkeypatch.chdir(tmp_path)
    with none_left(monkeypatch):
        yield


def one_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """What a command said to standard error, which is a single line of its own."""
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert "Traceback" not in error
    return error
