"""The process that reads a stranger's recording: `python -m playfield.foreign.child KIND FILE`.

It is limited before it looks at anything: memory, time, no file that it could write to. What it reads it says on its
standard output, as `wire` has it.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import BinaryIO

MOST_MEMORY_BYTES = 4 << 30
MOST_SECONDS = 3600
MOST_FILES = 64


def limit() -> None:
    """Give up what reading a file does not need."""
    for what, most in (
        (resource.RLIMIT_AS, MOST_MEMORY_BYTES),
        (resource.RLIMIT_CPU, MOST_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, MOST_FILES),
    ):
        resource.setrlimit(what, (most, most))


def main(kind: str, path: Path) -> None:
    """Read and say everything, or why not."""
    limit()
    # What libraries print must not stand between messages.
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        _say(kind, path, out)


def _say(kind: str, path: Path, out: BinaryIO) -> None:
    from playfield.foreign.checked import Refused
    from playfield.foreign.minari import minari_rows
    from playfield.foreign.serpent import serpent_rows
    from playfield.foreign.wire import say, say_row

    try:
        for row in {"serpent": serpent_rows, "minari": minari_rows}[kind](path):
            say_row(out, row)
        say(out, {"kind": "end"})
    except Refused as error:
        say(out, {"kind": "refused", "why": str(error)})
    except MemoryError:
        say(out, {"kind": "refused", "why": f"needs more than {MOST_MEMORY_BYTES >> 30} GB of memory to be read"})
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, OverflowError) as error:
        # Of h5py and HDF5, whose errors have no common kind; what they say may quote the file.
        say(out, {"kind": "refused", "why": f"is damaged ({type(error).__name__} while it was read)"})


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
