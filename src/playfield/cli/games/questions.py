"""Questions that the commands of games ask a person at a terminal."""

from __future__ import annotations


def answer_to(question: str, instead: str) -> str:
    """What the person says, without blanks around it; empty where only Return was pressed.

    Raises: ValueError with what to type `instead` where nobody answers any more, as after Ctrl-D.
    """
    try:
        return input(question).strip()
    except EOFError:
        print()  # the question has no end of line
        raise ValueError(f"nobody answers any more; {instead}") from None
