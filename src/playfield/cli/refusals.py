"""What the parser of options says of a mistake, as one sentence."""

from __future__ import annotations

import re
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr
from io import StringIO

_OR_NONE = r"no type matching \{None\}\|%s could be instantiated from \[(.*)\]\."
_SENTENCES = (
    (r"Error parsing (\S+): invalid literal for int\(\) with base 10: (.*)", r"\1: \2 is not a whole number"),
    (r"Error parsing (\S+): " + _OR_NONE % "INT", r"\1: \2 is not a whole number"),
    (r"Error parsing (\S+): could not convert string to float: (.*)", r"\1: \2 is not a number"),
    (r"Error parsing (\S+): " + _OR_NONE % "FLOAT", r"\1: \2 is not a number"),
    (r"Error parsing (\S+): (.*)", r"\1: \2"),
    (r"Missing value for argument '(\S+)'\. .*", r"\1 needs a value after it"),
)
"""Of what is wrong with one option; other mistakes, such as one in its name, come with suggestions in a box."""


@contextmanager
def in_words(program: str) -> Generator[None]:
    """Let the parser's box about one option be a sentence that ends with where the options are explained.

    Raises: ValueError with it; SystemExit as the parser does, for help and after other boxes.
    """
    box, sentence = StringIO(), None
    try:
        with redirect_stderr(box):
            yield
    except SystemExit as ended:
        if ended.code and (sentence := _sentence(box.getvalue())) is not None:
            raise ValueError(f"{sentence}; `{program} --help` explains the options") from None
        raise
    finally:
        if sentence is None:
            sys.stderr.write(box.getvalue())


def _sentence(box: str) -> str | None:
    """What the first part of a box says; None where that is of none of the kinds that are told in a sentence.

    ╭─ Value error ───────────╮
    │ Error parsing --frames: │   --frames: 'nan' is not a whole number
    │ 'nan' is not a whole    │
    │ number                  │
    │ ─────────────────────── │
    │ Argument helptext:      │
    """
    lines = [line.strip("│ ") for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()[1:]]
    parts = "\n".join(line if line.strip("─-╰╯") else "" for line in lines).strip().split("\n\n")
    said = " ".join(parts[0].split())
    return next((re.sub(kind, words, said) for kind, words in _SENTENCES if re.fullmatch(kind, said)), None)
