"""The benchmark's own arithmetic: what it throws out, what it says of a million transitions, whose time is whose."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PEERS = Path(__file__).parents[1] / "benchmarks" / "peers"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Scripts there import each other by plain names, as they do when they are run."""
    monkeypatch.syspath_prepend(str(PEERS))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(PEERS) in str(sys.modules[name].__file__):
            del sys.modules[name]


def script(name: str) -> ModuleType:
    return importlib.import_module(name)


def report(**changes: Any) -> dict[str, Any]:
    """40 decisions in 2 seconds, 10 updates of 32."""
    asked = {"part": "dqn", "batch": 32, "games": 1}
    counts = {"steps": 40, "updates": 10, "samples": 320, "seconds": 2.0, "cpu_seconds": 3.0}
    return {"asked": asked, **counts, "weights_moved": True, "versions": {"torch": "2.13"}, **changes}


def about(commit: str) -> dict[str, Any]:
    """Where a run was."""
    machine = {"processor": "P", "cores": 2, "threads": 2, "system": "L", "load_before": [0.0]}
    run = {"date": "2026-01-02T03:04", "changed_files": 0, "repetitions": 1, "seeds": [0], "command": "c"}
    return {**machine, **run, "commit": commit}


def work(name: str) -> Any:
    return next(work for work in script("works").WORKS if work.name == name)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, None),
        ({"updates": 9, "samples": 288}, None),  # the clock may have started between a decision and its update
        ({"updates": 5, "samples": 160}, "5 updates in 40 steps, where 10 are due"),
        ({"updates": 40, "samples": 1280}, "40 updates in 40 steps"),
        ({"samples": 160}, "batches of 16, where 32"),
        ({"weights_moved": False}, "weights did not change"),
    ],
)
def test_a_report_of_other_work_is_thrown_out(changes: dict[str, Any], says: str | None) -> None:
    found = script("bench").complaint(work("dqn"), report(**changes))
    assert (found is None) if says is None else (says in found)


def test_competitors_names_are_unique_in_every_work_and_their_scripts_exist() -> None:
    for each in script("works").WORKS:
        names = [competitor.name for competitor in each.competitors]
        assert len(set(names)) == len(names)
        assert all((PEERS / competitor.script).is_file() for competitor in each.competitors)


def test_a_section_tells_medians_spreads_processor_time_failures_and_the_best_peer() -> None:
    reports = {
        "Playfield": [report(seconds=s) for s in (0.2, 0.25, 0.4)],  # 200, 160, 100 steps a second
        "Tianshou": [report(), report(seconds=1.0)],  # 20 and 40
        "Dopamine": [report(seconds=4.0)],
    }
    failures = {"Stable-Baselines3": "failed: no | room"}
    text = script("table").section(work("dqn"), {"reports": reports, "failures": failures})
    assert "| Playfield | 160 (100 to 200) | 75 |" in text
    assert "| Tianshou | 30 (20 to 40) | 75 |" in text
    assert "| Stable-Baselines3 | failed: no / room | |" in text
    assert text.endswith("Playfield is 5.33 times as fast as Tianshou, the best peer; the target is 2.")


def test_works_of_one_run_share_the_line_that_says_where_and_others_have_their_own() -> None:
    found = {"reports": {"Playfield": [report()]}, "failures": {}}
    first, second = {"about": about("aaa"), **found}, {"about": about("bbb"), **found}
    lines = script("table").tables({"works": {"acting": second, "rainbow": first, "dqn": first}}).splitlines()
    told = [line[:34] for line in lines if line.startswith(("2026", "###"))]
    assert [line.split(", ")[1].split(":")[0] if line[0] == "2" else line[:15] for line in told] == [
        "commit aaa", "### Nature DQN ", "### Rainbow on ", "commit bbb", "### Acting only",
    ]  # fmt: skip


def test_a_command_is_told_without_the_places_of_this_machine() -> None:
    words = ["--results", "/here/a.json", "--works", "dqn", "--environments=/there", "--repetitions", "3"]
    assert script("bench")._of_everywhere(words) == ["--works", "dqn", "--repetitions", "3"]


def test_limits_are_told_per_update() -> None:
    # 40 decisions in 2 s and in 0.2 s, four of them an update; 4 GFLOP at 400 GFLOP/s
    found = {"operations": 4e9, "rates": [4e11], "training": [report()], "emulator": [report(seconds=0.2)]}
    lines = script("limits").table({"about": about("aaa"), "works": {"dqn": found}}).splitlines()
    assert lines[-1] == "| dqn | 20 | 10 (4.0 GFLOP at 400 GFLOP/s) | 30 | 200 | 15% |"


def test_a_work_that_is_not_finished_leaves_what_was_measured_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, path = script("bench"), tmp_path / "results.json"
    before = {"about": {"quick": True}, "reports": {"Playfield": [report()]}, "failures": {}}
    path.write_text(json.dumps({"works": {"dqn": before}}))
    monkeypatch.setattr("sys.argv", ["bench.py", "--works", "dqn", "--threads", "1", "--results", str(path), "--quick"])

    def broken(*_: object) -> None:
        bench.save(json.loads(path.read_text()) | {"unfinished": {}}, path)
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "turn", broken)
    monkeypatch.setattr(bench.os, "sched_setaffinity", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        bench.main()
    assert json.loads(path.read_text())["works"] == {"dqn": before}
    monkeypatch.setattr("sys.argv", ["bench.py", "--works", "dqn", "--threads", "1", "--results", str(path)])
    assert bench.main() == 2  # small numbers are never taken for those of a whole measurement


def test_a_limit_is_no_peer() -> None:
    reports = {"ale-py's vector environment": [report(seconds=0.1)], "Playfield": [report()], "Dopamine": [report()]}
    text = script("table").section(work("emulator"), {"reports": reports, "failures": {}})
    assert text.endswith("Playfield is 1.00 times as fast as Dopamine, the best peer.")


def test_a_million_transitions_are_extrapolated_from_the_second_half() -> None:
    found = report(peak_bytes=2_000_000_000, resident_bytes_after={"50000": 900_000_000, "100000": 1_300_000_000})
    assert script("table").memory_cells([found]) == ["2.00 GB", "8,000", "9.2 GB"]  # 2 GB + 900,000 x 8,000 bytes


def test_tables_replace_what_stands_between_their_marks_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- b -->\nafter\n")
    render = script("table").render_between
    for _ in range(2):
        render(page, ("<!-- a -->", "<!-- b -->"), "new")
        assert page.read_text() == "before\n<!-- a -->\nnew\n<!-- b -->\nafter\n"
    with pytest.raises(ValueError, match="once each"):
        render(page, ("<!-- c -->", "<!-- b -->"), "new")


def test_the_documents_marks_are_those_that_are_written_between() -> None:
    page = (PEERS.parents[1] / "docs" / "performance.md").read_text()
    for name in ("table", "scaling", "shares", "limits"):
        module = script(name)
        assert page.count(module.BEGIN) == page.count(module.END) == 1


def test_only_what_comes_after_start_and_warm_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    meter_of = script("meter")
    asked = meter_of.Asked(part="dqn", start=8, warm=4, steps=20)
    meter = meter_of.Meter(asked)
    steps = 0
    meter.updates = lambda: max(0, steps - 8) // 4
    meter.weights = lambda: float(steps)
    while not meter.tick(steps):
        steps += 1
        meter.samples += 32 if steps > 8 and steps % 4 == 0 else 0
    meter.report()
    said = json.loads(capsys.readouterr().out.removeprefix(meter_of.MARK))
    assert (steps, said["steps"], said["updates"], said["samples"]) == (32, 20, 5, 160)
    assert said["weights_moved"]
    assert sorted(said["resident_bytes_after"]) == ["4", "8"]
    assert said["peak_bytes"] >= said["resident_bytes_after"]["8"] > 10_000_000
    assert len(said["steps_per_second_of_slices"]) == 10


def test_time_belongs_to_the_innermost_call(monkeypatch: pytest.MonkeyPatch) -> None:
    shares_of = script("shares")
    now = 0.0
    monkeypatch.setattr(shares_of.time, "perf_counter", lambda: now)

    class Played:
        def outer(self) -> None:
            spend(1.0)
            self.inner()
            spend(2.0)

        def inner(self) -> None:
            spend(5.0)

        def each(self) -> Iterator[int]:
            for number in range(2):
                spend(3.0)
                yield number

    def spend(seconds: float) -> None:
        nonlocal now
        now += seconds

    played, shares = Played(), shares_of.Shares()
    shares.watch(played, "outer", "learning")
    shares.watch(played, "inner", "emulator")
    shares.watch_each(played, "each", "sampling")
    shares.begin()
    spend(1.0)
    played.outer()
    for _ in played.each():
        spend(1.0)
    spend(2.0)
    assert shares.ended() == {"outside": 5 / 19, "learning": 3 / 19, "emulator": 5 / 19, "sampling": 6 / 19}
