import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from storage_examples import new_run, state

from playfield.storage import Run, digest

KILLS = 15


def test_a_kill_at_any_instant_loses_nothing_acknowledged(tmp_path):
    path, acks = new_run(tmp_path).path, tmp_path / "acks"
    rng = np.random.default_rng(5)
    script = Path(__file__).with_name("storage_writer.py")
    steps = []
    with subprocess.Popen(
        [sys.executable, script, path, acks], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        for _ in range(KILLS):
            before = acks.stat().st_size if acks.exists() else 0
            server.stdin.write("go\n")
            server.stdin.flush()
            child = int(server.stdout.readline())
            # Let it commit at least once, so that the run gets on; then any instant will do.
            while not acks.exists() or acks.stat().st_size == before:
                assert server.poll() is None
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.15))
            os.kill(child, signal.SIGKILL)
            assert server.stdout.readline() == "gone\n"
            steps.append(check(path, int(acks.read_text().split()[-1])))
        server.stdin.close()
    assert steps == sorted(set(steps))


def check(path, acknowledged):
    run = Run.open(path)
    loaded = run.load()
    step = loaded.tree["step"]
    assert step in (acknowledged, acknowledged + 1)
    assert loaded.warnings == ()
    for manifest in run.checkpoints():
        tree = run.load(manifest.checkpoint).tree
        assert digest(tree) == digest(state(manifest.frames))
    events = (path / "events.jsonl").read_bytes()[: loaded.sinks["events.jsonl"].bytes]
    assert events == b"".join(b"%08d\n" % number for number in range(1, step + 1))
    return step
