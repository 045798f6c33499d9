"""Tables that are both printed and kept: in columns on a screen, as Markdown in a file."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_COLUMNS = 140
"""Width of a table that goes to a pipe or a file."""

LONGEST_NUMBER = 36
"""Letters of a value with its interval; what is longer is text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table with what one must know to read it."""

    title: str
    about: str
    """Game, protocol, frames: under which conditions the numbers were made."""
    columns: tuple[str, ...]
    """The first names the row; the others hold numbers."""
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    """What a reader would get wrong without them, one sentence each."""

    def markdown(self) -> str:
        """The table as a section of a Markdown file."""
        head = [f"### {self.title}", "", self.about, ""]
        rule = ["---", *("---:" for _ in self.columns[1:])]
        lines = [f"| {' | '.join(_cell(each) for each in row)} |" for row in (self.columns, tuple(rule), *self.rows)]
        notes = ["", *(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n".join([*head, *lines, *notes, ""])

    def show(self, console: Console) -> None:
        """Print it; of a table without rows only the notes."""
        if self.rows:
            self._show_table(console)
        for note in self.notes:
            console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)

    def _show_table(self, console: Console) -> None:
        wide = console if console.is_terminal else Console(file=console.file, width=PIPE_COLUMNS)
        console.print(Text(f"\n{self.title}", style="bold"), soft_wrap=True)
        console.print(Text(self.about, style="dim"), soft_wrap=True)
        table = Table()
        for number, column in enumerate(self.columns):
            text = number == 0 or any(len(row[number]) > LONGEST_NUMBER for row in self.rows)
            table.add_column(column, overflow="fold", justify="left" if text else "right")
        for row in self.rows:
            table.add_row(*(Text(each) for each in row))
        wide.print(table)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
