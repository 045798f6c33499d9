"""A bar for what takes long."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Advance = Callable[[float, str], None]
"""How much is done of the total, and what is to be said of it."""


@contextmanager
def progress(about: str, total: float) -> Generator[Advance]:
    """A bar on standard error, gone when all is done; none where that is not a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(about, total=total, said="")

        def advance(done: float, said: str) -> None:
            bar.update(task, completed=min(done, total), said=said)

        yield advance
