"""A process that forks writers on demand: each resumes the run and saves in a loop until somebody kills it."""

import os
import sys
from pathlib import Path

import torch
from storage_examples import state

from playfield.storage import Run


def write_forever(path, acks):
    run = Run.open(path)
    with run.writing():
        step = 0
        if run.checkpoints():
            loaded = run.load()
            run.cut_back(loaded)
            step = loaded.tree["step"]
        events = run.append_file("events.jsonl")
        while True:
            step += 1
            events.write(b"%08d\n" % step)
            run.save(state(step), step)
            os.write(acks, b"%08d\n" % step)


if __name__ == "__main__":
    torch.set_num_threads(1)
    descriptor = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            write_forever(Path(sys.argv[1]), descriptor)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("gone", flush=True)
