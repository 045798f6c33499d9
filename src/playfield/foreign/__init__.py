"""Recordings of other programs, read by a process that can do nothing else: it parses what a stranger wrote.

wire.py      what that process says, in bytes
child.py     the process: limited first, then it reads
serpent.py   the layout of SerpentAI's input recordings
checked.py   HDF5 as far as it is read
minari.py    the layout of Minari's data sets
reader.py    our side: starts the process, believes nothing of what it says, and ends it

None of it imports torch: the process shall be small.
"""
