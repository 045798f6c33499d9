"""Playfield and its peers on the same work, in one run: `make bench`.

    .venv/bin/python benchmarks/peers/bench.py                     # everything, about three hours
    .venv/bin/python benchmarks/peers/bench.py --quick             # every piece once, small
    .venv/bin/python benchmarks/peers/bench.py --works dqn rainbow --repetitions 3
    .venv/bin/python benchmarks/peers/bench.py --render benchmarks/results/peers.json

In every repetition of a work all competitors take their turn, each in a process of its own with the same number of
threads on the same cores, beginning with another one each time. A report counts only if it says that as much was learnt
as the work asks for. Results go to a JSON file as they come, and from there into the tables of docs/performance.md. Of
works that are not measured this time both keep what is there, with where and when that was measured.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from environments import NotInstalled, python_of
from meter import MARK
from table import render_into
from works import WORKS, Competitor, Work

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TABLES = ROOT / "docs" / "performance.md"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def main() -> int:
    given = arguments()
    if given.render:
        render_into(TABLES, json.loads(given.render.read_text()))
        return 0
    cores = sorted(os.sched_getaffinity(0))[: given.threads]
    if len(cores) < given.threads:
        print(f"this process may use {len(cores)} cores; give --threads {len(cores)}")
        return 2
    os.sched_setaffinity(0, cores)  # what is started inherits it
    results = json.loads(given.results.read_text()) if given.results.exists() else {"works": {}}
    if any(found.get("about", {}).get("quick") != given.quick for found in results["works"].values()):
        print(f"{given.results} was made with another --quick, or by an older version; give another --results")
        return 2
    run = about(given)
    for work in [work for work in WORKS if not given.works or work.name in given.works]:
        # What an earlier run found stays until all of this one is there.
        results["unfinished"] = {"work": work.name, "about": run, "numbers": work.numbers(quick=given.quick)}
        results["unfinished"] |= {"reports": {}, "failures": {}}
        measure(work, given, results)
        results["works"][work.name] = results.pop("unfinished")
        save(results, given.results)
    run["load_after"] = os.getloadavg()
    save(results, given.results)
    if not given.quick:
        render_into(TABLES, results)
    print(f"results {given.results}")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small and once; changes no document")
    parser.add_argument("--works", nargs="*", choices=[work.name for work in WORKS], help="by default all")
    parser.add_argument("--repetitions", type=int, help="5 by default; memory is measured once")
    parser.add_argument("--threads", type=int, default=2, help="threads and cores of every competitor")
    parser.add_argument("--seed", type=int, default=0, help="of the first repetition; the next ones count on")
    parser.add_argument("--results", type=Path, help="by default benchmarks/results/peers.json, or quick.json")
    parser.add_argument("--environments", type=Path, default=Path("~/.cache/playfield/bench").expanduser())
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds for one competitor's turn")
    parser.add_argument("--render", type=Path, metavar="RESULTS", help="only write the tables of these results")
    given = parser.parse_args()
    given.repetitions = given.repetitions or (1 if given.quick else 5)
    given.results = given.results or HERE.parent / "results" / ("quick.json" if given.quick else "peers.json")
    return given


def of_ours_alone(parser: argparse.ArgumentParser, name: str) -> argparse.Namespace:
    """What the command line asks of a benchmark in which only we play; the parser knows --quick and its own options."""
    parser.add_argument("--repetitions", type=int, default=None)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=1800.0)
    parser.add_argument("--results", type=Path, default=None)
    given = parser.parse_args()
    given.environments = Path()  # ours alone plays here
    given.repetitions = given.repetitions or (1 if given.quick else 3)
    given.results = given.results or HERE.parent / "results" / f"{'quick-' if given.quick else ''}{name}.json"
    return given


def about(given: argparse.Namespace) -> dict[str, Any]:
    """Where, when and of what the results are."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": " ".join([f"benchmarks/peers/{Path(sys.argv[0]).name}", *_of_everywhere(sys.argv[1:])]),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "changed_files": len(_git("status", "--porcelain", "--untracked-files=no").splitlines()),
        "processor": _line("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory": _line("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system()} {platform.release()}",
        "threads": given.threads,
        "repetitions": given.repetitions,
        "seeds": list(range(given.seed, given.seed + given.repetitions)),
        "quick": given.quick,
        "load_before": os.getloadavg(),
    }


def _of_everywhere(words: list[str]) -> list[str]:
    """Arguments without those that only say where something lies on this machine."""
    here = ("--results", "--environments")
    told = zip(words, ["", *words], strict=False)
    return [word for word, before in told if word.split("=")[0] not in here and before not in here]


def measure(work: Work, given: argparse.Namespace, results: dict[str, Any]) -> None:
    """All repetitions of a work, its competitors in turn."""
    found = results["unfinished"]
    for repetition in range(1 if work.kind == "memory" else given.repetitions):
        first = repetition % len(work.competitors)
        for competitor in work.competitors[first:] + work.competitors[:first]:
            if competitor.name in found["failures"]:
                continue
            report = turn(work, competitor, repetition, given)
            if isinstance(report, str):
                found["failures"][competitor.name] = report
            else:
                found["reports"].setdefault(competitor.name, []).append(report)
            tell(work, competitor, report)
            save(results, given.results)


def turn(work: Work, competitor: Competitor, repetition: int, given: argparse.Namespace) -> dict[str, Any] | str:
    """One competitor's report of a work, or why there is none."""
    try:
        python = python_of(competitor.environment, given.environments)
    except NotInstalled as error:
        return f"not installed: {error}"
    numbers = {**work.numbers(quick=given.quick), "threads": given.threads, "seed": given.seed + repetition}
    part = competitor.part or work.name
    command = [python, str(HERE / competitor.script), part]
    command += [f"--{name}={value}" for name, value in numbers.items()]
    try:
        done = subprocess.run(
            command, env=environment(given.threads), capture_output=True, text=True, timeout=given.timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return f"took longer than {given.timeout:g} s"
    reports = [line.removeprefix(MARK) for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode != 0 or not reports:
        said = done.stderr.strip().splitlines()
        return f"failed: {reason(said) if said else f'exit code {done.returncode}'}"
    report = {**json.loads(reports[-1]), "load": os.getloadavg()[0]}
    return complaint(work, report) or report


def reason(said: list[str]) -> str:
    """The line that names an exception, or else the last one: some libraries add lines of their own behind it."""
    return next((line for line in reversed(said) if re.match(r"[\w.]*(Error|Exception)\b", line)), said[-1])


def complaint(work: Work, report: dict[str, Any]) -> str | None:
    """Why a report is of another work than was asked for, if it is.

    Dopamine also trains once when an episode begins, so one update in a hundred may be too many.
    """
    if work.steps_per_update is None:
        return None
    due = report["steps"] / work.steps_per_update
    if abs(report["updates"] - due) > max(1, due / 100):
        return f"another work: {report['updates']} updates in {report['steps']} steps, where {due:g} are due"
    batch = report["samples"] / max(1, report["updates"])
    asked = report["asked"]["batch"]
    if abs(batch - asked) > asked / 100:
        return f"another work: batches of {batch:g}, where {asked} are asked for"
    return None if report["weights_moved"] else "another work: its weights did not change, or became no numbers"


def environment(threads: int) -> dict[str, str]:
    """The same for all, and nothing of what this process runs in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIRTUAL_ENV")}
    return {**kept, **dict.fromkeys(THREAD_VARIABLES, str(threads)), "TF_CPP_MIN_LOG_LEVEL": "3"}


def tell(work: Work, competitor: Competitor, report: dict[str, Any] | str) -> None:
    if isinstance(report, str):
        print(f"{work.name:24} {competitor.name:40} {report}", flush=True)
        return
    rate, updates = report["steps"] / report["seconds"], report["updates"]
    learnt = f", {updates} updates of {report['samples'] / updates:g}" if updates else ""
    print(
        f"{work.name:24} {competitor.name:40} {rate:9,.1f} {work.unit}/s, CPU {report['cpu_seconds']:.1f} of "
        f"{report['seconds']:.1f} s{learnt}, load {report['load']:.1f}",
        flush=True,
    )


def save(results: dict[str, Any], path: Path) -> None:
    """Replace the file as a whole: what was measured before a crash stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".new").write_text(json.dumps(results, indent=1) + "\n")
    path.with_suffix(".new").replace(path)


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _line(path: str, begin: str) -> str:
    """What the first line that begins so says after its colon."""
    lines = Path(path).read_text(errors="replace").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(begin)), "unknown")


if __name__ == "__main__":
    sys.exit(main())
