"""`doctor RUN` tells every diagnostic of a run; `--lines` prints a set-up's lines beside everything else."""

from __future__ import annotations

import json
import re
import sys
from functools import partial
from pathlib import Path

import pytest

from cli.runs import resume, train
from playfield import build
from playfield.cli.commands import run_command
from playfield.extras import EXTRAS, apt_install, install_extra
from playfield.games.desktop import requirements, virtual_clock


def doctor(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """The rows of the table, by their first words."""
    monkeypatch.setenv("COLUMNS", "300")
    capsys.readouterr()
    assert run_command(["doctor", "one", "--runs", str(root)]) == 0
    cells = [re.split(r"\s*[│┃]\s*", line.strip("│┃ ")) for line in capsys.readouterr().out.splitlines()]
    return {row[0]: row[1:] for row in cells if len(row) == 5}


def test_doctor_tells_every_diagnostic_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "Learner", partial(build.Learner, probe_every=5))
    train("rainbow", tmp_path, "one", 1200)
    rows = [json.loads(line) for line in (tmp_path / "one" / "metrics.jsonl").read_text().splitlines()]
    told = doctor(tmp_path, monkeypatch, capsys)
    fields = {
        "Q overestimation (value less discounted return)": "q_overestimation",
        "dormant units (share)": "dormant_units",
        "gradient norm before clipping": "grad_norm",
        "gradient norm after clipping": "grad_norm_clipped",
        "clipped targets (share)": "clipped_targets",
        "age of drawn priorities (updates)": "priority_age",
        "effective sample size (share of the batch)": "effective_sample_size",
        "replay ratio (samples learnt per decision)": "replay_ratio",
        "policy churn (share of best actions an update changes)": "policy_churn",
    }
    assert set(fields) <= set(told)
    for title, field in fields.items():
        newest = [row for row in rows if row[field] is not None][-1]
        assert told[title][:2] == [f"{newest[field]:.4g}", f"{newest['frames']:,}"]


def test_doctor_advises_where_a_value_left_its_range_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train("dqn_toy", tmp_path, "one", 400)
    path = tmp_path / "one" / "metrics.jsonl"
    path.write_text('{"frames":5000,"dormant_units":0.5,"replay_ratio":8.0}\n')
    told = doctor(tmp_path, monkeypatch, capsys)
    assert told["dormant units (share)"][:3] == ["0.5", "5,000", "at most 0.25"]
    assert "LayerNorm" in told["dormant units (share)"][3]
    assert told["replay ratio (samples learnt per decision)"] == ["8", "5,000", "0.5 to 64", "healthy"]
    assert told["clipped targets (share)"][:3] == ["-", "-", "-"]
    assert told["clipped targets (share)"][3].startswith("missing: ")
    path.unlink()
    assert all(row[3].startswith("missing: ") for title, row in doctor(tmp_path, monkeypatch, capsys).items()
               if title != "diagnostic")  # fmt: skip


def test_doctor_of_a_run_that_is_not_there_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["doctor", "nothing", "--runs", str(tmp_path)]) == 2
    assert "no run 'nothing'" in capsys.readouterr().err


def test_without_a_run_everything_optional_is_named_with_what_would_bring_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # no clock is built there
    monkeypatch.setattr("shutil.which", lambda name, **rest: None)
    monkeypatch.setattr(sys, "platform", "linux")
    for name, extra in EXTRAS.items():
        for package in extra.here() if name != "hdf5" else ():
            monkeypatch.setitem(sys.modules, package.module, None)
    virtual_clock.library.cache_clear()
    try:
        assert run_command(["doctor"]) == 0
    finally:
        virtual_clock.library.cache_clear()
    said = capsys.readouterr().out
    for name, extra in EXTRAS.items():
        assert (extra.purpose in said) == (f"  {name:13} {install_extra(name)}" in said) == (name != "windows"), name
    for package in ("xvfb", "gcc libc6-dev", "chromium", "lbreakout2", "ltris", "xjump"):
        assert re.search(rf"^  .*{re.escape(apt_install(*package.split()))}$", said, re.MULTILINE), package
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_told_to_be_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda name, **rest: f"/there/{name}")
    monkeypatch.setattr(requirements, "library", lambda: Path("/there/clock.so"))  # a compiler builds no file there
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert run_command(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "/there/Xvfb" in said
    assert install_extra("tune") in said
    assert "xvfb" not in said
    assert "apt-get install" not in said


def test_a_compiler_that_does_not_start_is_told_as_one_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("shutil.which", lambda name, **rest: f"/there/{name}")
    virtual_clock.library.cache_clear()
    try:
        assert run_command(["doctor"]) == 0
    finally:
        virtual_clock.library.cache_clear()
    said = capsys.readouterr().out
    assert "/there/cc does not start (No such file or directory)" in " ".join(said.split())
    assert apt_install("gcc") in said
    assert not list((tmp_path / "playfield").iterdir())


def scores(root: Path) -> list[float]:
    events = [json.loads(line) for line in (root / "one" / "events.jsonl").read_text().splitlines()]
    return [event["score"] for event in events if event["event"] == "EpisodeEnded"]


def test_gravitar_lines_go_on_after_a_resume_with_the_rates_of_their_frames(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("gravitar_prioritized", tmp_path, "one", 900, ("memory.batches=1",), lines="gravitar")
    resume(tmp_path, "one", frames=1900)
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("episode: ")]
    every = scores(tmp_path)
    assert len(every) > 20
    assert [line.split(", epsilon")[0] for line in printed] == [
        f"episode: {n}, score: {every[n - 1]:.1f}" for n in range(5, len(every) + 1, 5)
    ]
    assert "beta: none" not in "".join(printed)
    rates = [float(line.split("epsilon: ")[1].split(",")[0]) for line in printed]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < rates[0]


def test_serpent_lines_follow_the_phases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("serpent_rainbow", tmp_path, "one", 600, lines="serpent")
    printed = capsys.readouterr().out.splitlines()
    observing = [int(line.split()[2]) for line in printed if re.fullmatch(r"Observing - \d+ Steps Remaining", line)]
    assert observing[0] == 50  # 100 frames, two games of a frame each
    assert observing == sorted(observing, reverse=True)
    assert printed.count("Training") == 1
    totals = [line for line in printed if line.startswith("Episode ")]
    assert totals == [f"Episode {n} - Total Reward: {score:g}" for n, score in enumerate(scores(tmp_path), start=1)]


def test_no_lines_unless_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("dqn_toy", tmp_path, "one", 400)
    assert not re.search(r"^(Training|[Ee]pisode|marking|target|stopped after)", capsys.readouterr().out, re.MULTILINE)
