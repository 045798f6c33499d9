"""`python -m playfield` is the same as `playfield`."""

from playfield.cli import main

main()
