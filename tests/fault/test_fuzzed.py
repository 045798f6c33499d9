"""Parsers of strangers' files are given inputs that are altered by chance; `make fuzz` looks for them by coverage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fault import parsers
from fault.amounts import amount, figure
from fault.parsers import PARSERS, Judge, Parser


def test_parsers_give_a_result_or_a_sentence(tmp_path: Path) -> None:
    """In a process of its own, as shapes are checked here by code that is compiled when it is first run."""
    runs = amount(300, 100_000)
    command = [
        sys.executable,
        "-m",
        "fault.fuzz",
        "all",
        "--unguided",
        "--runs",
        str(runs),
        "--findings",
        str(tmp_path),
    ]
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout[-2000:] + said.stderr[-2000:]
    lines = [line.removeprefix("figures: ") for line in said.stdout.splitlines() if line.startswith("figures: ")]
    done = {(told := json.loads(line))["parser"]: told["executions"] for line in lines}
    assert done == dict.fromkeys(PARSERS, runs)
    figure("altered by chance", parsers=len(done), executions=sum(done.values()), findings=0)


def test_what_a_parser_must_not_do_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A parser that fails, writes, hangs or says what cannot be shown, beside one that does what it should."""

    def complaint(opens) -> str | None:
        return judge.complaint(Parser(opens=opens, seeds=lambda folder: [], modules=()), b"x")

    def raises(error: Exception):
        def opens(data: bytes) -> None:
            raise error

        return opens

    judge = Judge()
    assert complaint(lambda data: None) is None
    assert complaint(raises(ValueError("a sentence"))) is None
    assert "KeyError at test_fuzzed.py" in (complaint(raises(KeyError(1))) or "")
    assert "forbidden: open" in (complaint(lambda data: open(os.devnull, "wb").close()) or "")
    monkeypatch.setattr(parsers, "MOST_SECONDS", 0.01)
    assert "slow" in (complaint(lambda data: sum(range(10_000_000))) or "")
    monkeypatch.setattr(parsers, "MOST_SECONDS", 60.0)
    judge.peak = 1 << 20
    monkeypatch.setattr(parsers, "_peak", lambda: 1 << 30)
    assert "memory" in (complaint(lambda data: None) or "")
