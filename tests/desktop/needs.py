"""What tests of real windows need, and what to install where it is missing."""

from __future__ import annotations

import shutil
import sys

import pytest

from playfield.games.desktop.browser import NAMES

has_display = pytest.mark.skipif(
    shutil.which("Xvfb") is None, reason="a display of our own needs: apt-get install xvfb"
)
has_compiler = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None,
    reason="the virtual clock needs: apt-get install gcc libc6-dev",
)
has_chromium = pytest.mark.skipif(
    not any(shutil.which(name) for name in NAMES), reason="pages as games need: apt-get install chromium"
)
