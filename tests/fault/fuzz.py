"""Parsers of strangers' files under a coverage-guided fuzzer: `python -m fault.fuzz PARSER --runs N`.

Needs Linux and the extra `fuzz`, atheris. An input that does what it must not is written to the folder of findings
once for each place, and fuzzing goes on; the exit code is 1 where there are any.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from fault.hostile import corpus
from fault.mutations import Chance, mutated, other_value
from fault.parsers import MOST_GROWTH, PARSERS, Judge, Parser, tokens
from fault.watched import warm_up

TELL_SECONDS = 30.0
HOSTILE_KINDS = {"archive": "model", "safetensors": "foreign", "recipe": "recipe", "game": "game", "tapes": "tapes"}
"""Of which kind of the hostile corpus a parser takes files as seeds."""


@dataclass(slots=True)
class Session:
    """One parser being fuzzed."""

    name: str
    parser: Parser
    runs: int
    findings: Path
    judge: Judge
    done: int = 0
    found: dict[str, int] = field(default_factory=dict)
    """How often each mistake was made."""
    begin: float = field(default_factory=time.monotonic)
    told: float = 0.0

    def run(self, data: bytes) -> None:
        """Open one input."""
        wrong = self.judge.complaint(self.parser, data)
        self.done += 1
        if wrong is not None:
            if wrong not in self.found:
                name = f"{self.name}-{len(self.found):03d}"
                (self.findings / name).write_bytes(data)
                print(f"finding: {name}: {wrong}", flush=True)
            self.found[wrong] = self.found.get(wrong, 0) + 1
        if (self.done % 256 == 0 and time.monotonic() > self.told + TELL_SECONDS) or self.done == self.runs:
            self.tell()

    def tell(self) -> None:
        """A line of figures."""
        self.told = time.monotonic()
        seconds = round(self.told - self.begin, 1)
        figures = {"parser": self.name, "executions": self.done, "seconds": seconds, "findings": self.found}
        print(f"figures: {json.dumps(figures)}", flush=True)


def functions_of(module: ModuleType) -> Iterator[FunctionType]:
    """Every function and method that is written in a module."""
    waiting: list[Any] = list(vars(module).values())
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        each = getattr(each, "__func__", getattr(each, "fget", each))
        while hasattr(each, "__wrapped__"):
            each = each.__wrapped__
        if id(each) in seen or getattr(each, "__module__", None) != module.__name__:
            continue
        seen.add(id(each))
        if inspect.isfunction(each):
            yield each
        elif inspect.isclass(each):
            waiting += vars(each).values()
        elif isinstance(each, dict):
            waiting += each.values()


def seeds_of(name: str, folder: Path) -> list[bytes]:
    """Good inputs and those hostile files that are short enough."""
    parser = PARSERS[name]
    (folder / "good").mkdir()
    (folder / "hostile").mkdir()
    seeds = list(parser.seeds(folder / "good"))
    if name in HOSTILE_KINDS:
        begin = b"\0" if name == "tapes" else b""
        files = [each.path for each in corpus(folder / "hostile", [HOSTILE_KINDS[name]])]
        regular = [path for path in files if path.is_file() and path.stat().st_size < parser.longest]
        seeds += [begin + path.read_bytes() for path in regular]
    return [seed for seed in seeds if len(seed) <= parser.longest]


def mutator_of(atheris: Any, parser: Parser) -> Callable[[bytes, int, int], bytes]:
    """Every second time another value in the text, else whatever the fuzzer thinks of."""

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        chance = Chance(seed)
        if chance.below(2):
            return other_value(bytes(data), chance)[:most]
        return atheris.Mutate(bytes(data), most)

    return mutate


def dictionary(seeds: list[bytes]) -> str:
    """Words as libFuzzer reads them."""
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in tokens(seeds) if len(word) < 60)


def limit_memory() -> None:
    """Where one input takes more than it may, that is an error of it and not the end."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + 4 * MOST_GROWTH
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def guided(session: Session, seeds: list[bytes], corpus_folder: Path, seed: int) -> None:
    """Let atheris try inputs; it ends the process."""
    atheris, parser = importlib.import_module("atheris"), session.parser
    for module in parser.modules:
        for function in functions_of(importlib.import_module(module)):
            atheris.instrument_func(function)
    scratch = Path(tempfile.mkdtemp(dir="/dev/shm"))
    for number, data in enumerate(seeds):
        (scratch / f"{number:04d}").write_bytes(data)
    words = scratch.with_suffix(".words")
    words.write_text(dictionary(seeds))
    corpus_folder.mkdir(parents=True, exist_ok=True)
    arguments = [
        sys.argv[0], f"-runs={session.runs}", f"-seed={seed}", f"-max_len={parser.longest}", "-reload=0",
        "-rss_limit_mb=0", f"-dict={words}", f"-artifact_prefix={session.findings}/", str(corpus_folder), str(scratch),
    ]  # fmt: skip
    mutator = {"custom_mutator": mutator_of(atheris, parser)} if parser.text else {}

    def run(data: bytes) -> None:
        session.run(data)
        if session.done == session.runs and session.found:
            os._exit(1)  # libFuzzer would end the process as if nothing had been found

    atheris.Setup(arguments, run, **mutator)
    atheris.Fuzz()


def unguided(session: Session, seeds: list[bytes], seed: int) -> None:
    """Try inputs that are altered by chance alone."""
    for number in range(session.runs):
        session.run(mutated(seeds, Chance(seed << 32 | number), session.parser.text))


def main() -> None:
    options = argparse.ArgumentParser(description="Fuzz parsers of strangers' files.")
    options.add_argument("--list", action="store_true", help="tell the names of the parsers")
    options.add_argument(
        "parser", nargs="?", default="all", choices=[*PARSERS, "all"], help="all of them only with --unguided"
    )
    options.add_argument("--runs", type=int, default=10_000_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--unguided", action="store_true", help="by chance alone, which needs no atheris")
    options.add_argument("--findings", type=Path, default=Path("fuzz/findings"))
    options.add_argument("--corpus", type=Path, default=Path("fuzz/corpus"), help="inputs that led somewhere new")
    given = options.parse_args()
    if given.list:
        print(*PARSERS, sep="\n")
        return
    if given.parser == "all" and not given.unguided:
        options.error("atheris takes one parser at a time: name it, or give --unguided")
    given.findings.mkdir(parents=True, exist_ok=True)
    names, judge, limited = [*PARSERS] if given.parser == "all" else [given.parser], Judge(), False
    warm_up()
    found = 0
    for name in names:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
            seeds = seeds_of(name, Path(scratch))
        session = Session(name, PARSERS[name], given.runs, given.findings, judge)
        for data in seeds:  # so that all that is imported late is there
            judge.complaint(session.parser, data)
        if not limited:
            limit_memory()
            limited = True
        if given.unguided:
            unguided(session, seeds, given.seed)
            found += len(session.found)
        else:
            guided(session, seeds, given.corpus / name, given.seed)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
