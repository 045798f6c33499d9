"""What tests of windows share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def not_on_wayland(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests bring an X display of their own, also where the person sits at a Wayland desktop."""
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
