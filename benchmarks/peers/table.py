"""From results to the tables of docs/performance.md, between two marks."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from works import WORKS, Work

BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"
MILLION = 1_000_000


def render_into(path: Path, results: dict[str, Any]) -> None:
    """Write the tables of the peers.

    Raises: ValueError where their marks are missing.
    """
    render_between(path, (BEGIN, END), tables(results))


def render_between(path: Path, marks: tuple[str, str], text: str) -> None:
    """Replace what stands between two marks.

    Raises: ValueError where they are missing.
    """
    (begin, end), whole = marks, path.read_text()
    if whole.count(begin) != 1 or whole.count(end) != 1:
        raise ValueError(f"{path} must hold {begin} and {end} once each; put them where the tables belong")
    path.write_text(f"{whole.split(begin)[0]}{begin}\n{text}\n{end}{whole.split(end)[1]}")


def tables(results: dict[str, Any]) -> str:
    """All works that were measured: where and how one run was, its works, and the releases that it measured."""
    measured = [(work, found) for work in WORKS if (found := results["works"].get(work.name)) is not None]
    parts: list[str] = []
    for where, each in itertools.groupby(measured, key=lambda one: where_text(one[1]["about"])):
        together = list(each)
        parts += [where, *(section(*one) for one in together), versions([found for _, found in together])]
    return "\n\n".join(parts)


def where_text(about: dict[str, Any]) -> str:
    """Hardware, commit, load, seeds and command."""
    changed = f" with {about['changed_files']} changed files" if about["changed_files"] else ""
    return (
        f"{about['date'][:10]}, commit {about['commit']}{changed}, {about['processor']}, {about['cores']} cores, "
        f"{about['threads']} threads each, {about['system']}; load {about['load_before'][0]:.1f} before and "
        f"{about.get('load_after', about['load_before'])[0]:.1f} after; {about['repetitions']} repetitions, seeds "
        f"{', '.join(map(str, about['seeds']))}; `{about['command']}`."
    )


def section(work: Work, found: dict[str, Any]) -> str:
    """One work as a heading, a table and what follows from it."""
    if work.kind == "memory":
        lines = ["| | peak at 100k | bytes per transition | at 1M, extrapolated |", "|---|---:|---:|---:|"]
        cells = memory_cells
    else:
        head = f"| | {work.unit}/s, median (lowest to highest) | CPU s per 1,000 {work.unit} |"
        lines, cells = [head, "|---|---:|---:|"], rate_cells
    for competitor in work.competitors:
        if competitor.name in found["reports"]:
            lines.append(f"| {' | '.join([competitor.name, *cells(found['reports'][competitor.name])])} |")
        elif competitor.name in found["failures"]:
            empty = " |" * (lines[1].count("|") - 3)
            lines.append(f"| {competitor.name} | {found['failures'][competitor.name].replace('|', '/')} |{empty}")
    return "\n".join([f"### {work.title}", "", *lines, *verdict(work, found)])


def rates(reports: list[dict[str, Any]]) -> list[float]:
    return [report["steps"] / report["seconds"] for report in reports]


def rate_cells(reports: list[dict[str, Any]]) -> list[str]:
    each = rates(reports)
    cpu = statistics.median(1_000 * report["cpu_seconds"] / report["steps"] for report in reports)
    return [f"{number(statistics.median(each))} ({number(min(each))} to {number(max(each))})", number(cpu)]


def memory_cells(reports: list[dict[str, Any]]) -> list[str]:
    """Peak, growth and what they say of a million: the growth from half a memory to a whole one goes on."""
    report = reports[0]
    half, whole = sorted((int(mark), size) for mark, size in report["resident_bytes_after"].items())
    slope = (whole[1] - half[1]) / (whole[0] - half[0])
    million = report["peak_bytes"] + (MILLION - whole[0]) * slope
    return [f"{report['peak_bytes'] / 1e9:.2f} GB", f"{slope:,.0f}", f"{million / 1e9:.1f} GB"]


def verdict(work: Work, found: dict[str, Any]) -> list[str]:
    """How we stand to the best peer, where there are both."""
    medians = {name: statistics.median(rates(reports)) for name, reports in found["reports"].items()}
    limits = [c.name for c in work.competitors if c.is_limit]
    peers = {n: r for n, r in medians.items() if not n.startswith("Playfield") and n not in limits}
    if work.kind == "memory" or "Playfield" not in medians or not peers:
        return []
    best = max(peers, key=lambda name: peers[name])
    aim = "" if work.target is None else f"; the target is {work.target:g}"
    return ["", f"Playfield is {medians['Playfield'] / peers[best]:.2f} times as fast as {best}, the best peer{aim}."]


def versions(works: Iterable[dict[str, Any]]) -> str:
    """Which releases were measured."""
    seen: dict[str, None] = {}
    for found in works:
        for reports in found["reports"].values():
            seen |= dict.fromkeys(f"{name} {version}" for name, version in reports[0]["versions"].items())
    return f"Versions: {', '.join(sorted(seen))}."


def number(value: float) -> str:
    """Three figures, or all of a large number."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
