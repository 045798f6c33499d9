"""Children of a study that are no processes: their commands run here when they are first looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from playfield.cli import study, tune
from playfield.cli.cells import Crew, Job
from playfield.cli.commands import run_command

TINY = (
    "games=2",
    "torso=Mlp",
    "torso.hidden=[16]",
    "head.hidden=16",
    "memory.capacity=300",
    "memory.start_frames=100",
    "memory.batch=8",
    "explore.epsilon.over_frames=400",
)


@dataclass
class InProcess:
    """Keeps what was started; `code_of` may answer for a command instead of it."""

    jobs: list[Job] = field(default_factory=list)
    code_of: Callable[[Job], int | None] = lambda job: None

    def __call__(self, job: Job) -> _Child:
        self.jobs.append(job)
        job.log.parent.mkdir(parents=True, exist_ok=True)
        return _Child(job, self.code_of)

    @property
    def started(self) -> list[tuple[str, str]]:
        return [(job.stage, job.name) for job in self.jobs]

    def take_over(self, monkeypatch: pytest.MonkeyPatch) -> InProcess:
        for module in (study, tune):
            monkeypatch.setattr(module, "Crew", lambda jobs: Crew(jobs=jobs, launch=self, look_seconds=0.0))
        return self


@dataclass
class _Child:
    job: Job
    code_of: Callable[[Job], int | None]
    code: int | None = None

    def poll(self) -> int | None:
        if self.code is None:
            given = self.code_of(self.job)
            self.code = run_command(list(self.job.command[3:])) if given is None else given
        return self.code

    def send_signal(self, sig: int, /) -> None:
        if self.code is None:
            self.code = 85
