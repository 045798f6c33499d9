"""For every test: array shapes are checked against their annotations, and one thread is used."""

from __future__ import annotations

import os
import signal

import pytest
from jaxtyping import install_import_hook

import core.checked  # noqa: F401 - the hook looks it up by name

# Before anything of the package is imported: every function and dataclass of it checks its arguments and results.
if os.environ.get("PLAYFIELD_UNCHECKED_SHAPES") != "1":
    install_import_hook("playfield", "core.checked.check")

# Started in the background, as by a script, we would ignore Ctrl-C, and so would all that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import torch
from hypothesis import HealthCheck, settings

settings.register_profile(
    "playfield", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("playfield")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Sums are made in the same order on every machine, whatever number a test before this one chose."""
    torch.set_num_threads(1)


@pytest.fixture
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that are not about the disk and save thousands of times."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
