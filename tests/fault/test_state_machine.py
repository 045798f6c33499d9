"""A run directory under any order of saving, dying, resuming, going back and losing files equals its naive twin."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from fault.amounts import LONG, amount
from fault.states import small_blocks
from playfield.batch import Rows
from playfield.storage.run import NoCheckpoint, Run
from playfield.storage.tree import digest
from storage.examples import new_run, rings

SIZE = 24
KEEP_LAST = 2


class RunDirectory(RuleBasedStateMachine):
    """The twin remembers everything: of every checkpoint its digest and its records, and which are kept."""

    names = Bundle("names")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.path = new_run(Path(self.folder)).path
        self.twin: dict[str, tuple[str, float | None, bytes]] = {}
        self.stop = self.start = 0
        self.events = b""
        self.run: Run | None = None
        self._open()

    def _open(self) -> None:
        """As a new process does: open, take the lock, go on from what is newest."""
        self.run = Run.open(self.path, keep_last=KEEP_LAST)
        self.lock = self.run.writing()
        self.lock.__enter__()
        loaded = self.run.load() if self.run.checkpoints() else None
        self.run.cut_back(loaded)
        self._stand(max(self.twin, default=None))

    def _stand(self, name: str | None) -> None:
        self.stop, self.start, self.events = (0, 0, b"") if name is None else self.places[name]

    @property
    def places(self) -> dict[str, tuple[int, int, bytes]]:
        return self.__dict__.setdefault("_places", {})

    def _tree(self) -> dict[str, object]:
        rows = Rows(start=self.start, stop=self.stop, columns=rings(self.start, self.stop, SIZE))
        return {"weights": torch.arange(5.0) + self.stop, "stop": self.stop, "memory": {"rows": rows}}

    @rule(rows=st.integers(0, 2 * SIZE), score=st.none() | st.integers(-3, 3), words=st.binary(max_size=6))
    def save(self, rows: int, score: int | None, words: bytes) -> None:
        assert self.run is not None
        self.stop += rows
        self.start = max(self.start, self.stop - SIZE)
        line = words.hex().encode() + b"\n"
        self.run.append_file("events.jsonl").write(line)
        self.events += line
        with small_blocks():
            name = self.run.save(self._tree(), self.stop, None if score is None else float(score))
        assert name not in self.twin
        self.twin[name] = digest(self._tree()), None if score is None else float(score), self.events
        self.places[name] = self.stop, self.start, self.events
        self._forget()

    def _forget(self) -> None:
        """What the run lets go of: all but the newest and the best."""
        kept = set(sorted(self.twin)[-KEEP_LAST:])
        scored = [(score, name) for name, (_, score, _) in self.twin.items() if score is not None]
        kept |= {max(scored)[1]} if scored else set()
        self.twin = {name: what for name, what in self.twin.items() if name in kept}

    @rule(rows=st.integers(0, 2 * SIZE))
    def write_ahead(self, rows: int) -> None:
        """Rows that no checkpoint speaks of yet: the next one does, and a resume forgets them."""
        assert self.run is not None
        self.stop += rows
        self.start = max(self.start, self.stop - SIZE)
        with small_blocks():
            self.run.write_ahead(self._tree())

    @rule(words=st.binary(min_size=1, max_size=6))
    def die_and_resume(self, words: bytes) -> None:
        """What was written since the last save is undone; temporary files of a killed process are in nobody's way."""
        assert self.run is not None
        self.run.append_file("events.jsonl").write(words)
        self.run.flush()
        (self.path / "checkpoints" / "00000099.tmp-dead").mkdir()
        self.lock.__exit__(None, None, None)
        self._open()

    @rule()
    def lose_the_newest(self) -> None:
        """A file of the newest checkpoint goes: the one before it takes its place, unless nothing was played then."""
        assert self.run is not None
        *others, newest = sorted(self.twin) or [""]
        if not others:
            return
        if self.places[others[-1]][0] == 0 < self.places[newest][0]:
            self._lose_all_that_was_played(newest)
            return
        (self.path / "checkpoints" / newest / "tensors.safetensors").unlink()
        self.lock.__exit__(None, None, None)
        del self.twin[newest]
        self._open()

    def _lose_all_that_was_played(self, newest: str) -> None:
        """Nobody is sent back to the beginning by a file that may come back: it does."""
        path = self.path / "checkpoints" / newest / "tensors.safetensors"
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(NoCheckpoint, match="put back what is missing"):
            Run.open(self.path).load()
        path.write_bytes(content)

    @rule()
    def go_back(self) -> None:
        """A person goes on from the oldest that is kept."""
        assert self.run is not None
        if not self.twin:
            return
        oldest = min(self.twin)
        self.run.cut_back(self.run.load(oldest))
        self.twin = {oldest: self.twin[oldest]}
        self._stand(oldest)

    @invariant()
    def everything_is_as_the_twin_says(self) -> None:
        if self.__dict__.get("run") is None:
            return
        reader = Run.open(self.path)
        assert [manifest.checkpoint for manifest in reader.checkpoints()] == sorted(self.twin)
        for name, (content, score, events) in self.twin.items():
            loaded = reader.load(name)
            assert digest(loaded.tree) == content
            assert loaded.score == score
            assert (self.path / "events.jsonl").read_bytes()[: loaded.sinks["events.jsonl"].bytes] == events
        if self.twin:
            assert reader.load().checkpoint == max(self.twin)
        else:
            with pytest.raises(NoCheckpoint):
                reader.load()

    def teardown(self) -> None:
        if self.__dict__.get("run") is not None:
            self.lock.__exit__(None, None, None)
        shutil.rmtree(self.__dict__.get("folder", ""), ignore_errors=True)


@pytest.mark.usefixtures("no_fsync")
def test_a_run_directory_equals_its_naive_twin() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    examples = amount(500, 5_000)
    run_state_machine_as_test(
        RunDirectory, settings=settings(max_examples=examples, stateful_step_count=12 if LONG else 6, deadline=None)
    )
