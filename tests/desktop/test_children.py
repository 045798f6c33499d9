"""The law that nothing is left running sees what is left, also where its parent is gone."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from desktop import children


def test_a_process_that_nobody_waits_for_is_seen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(children, "SECONDS", 0.1)
    try:
        with pytest.raises(AssertionError, match="are left running"), children.none_left(monkeypatch):
            subprocess.run(["/bin/sh", "-c", "sleep 600 </dev/null >/dev/null 2>&1 &"], check=True)
        left = children.marked(os.environ[children.MARK])
        assert len(left) == 1
        assert not left & children.children()
    finally:
        for process in children.marked(os.environ[children.MARK]):
            os.kill(process, signal.SIGKILL)


def test_where_all_have_ended_nothing_is_seen(monkeypatch: pytest.MonkeyPatch):
    with children.none_left(monkeypatch):
        subprocess.run(["/bin/true"], check=True)
