"""What the commands of the lab write of what was played."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from playfield.linear.studies import Budget


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A table with its heads."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue().encode()


def about_runs(budget: Budget) -> str:
    """How many runs a curve is the mean of, and their seeds."""
    if budget.runs == 1:
        return f"one run, seed {budget.first_seed}"
    return f"mean of {budget.runs} runs and its standard error, seeds from {budget.first_seed}"
