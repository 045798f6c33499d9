"""Files of strangers are opened: nothing runs, nothing is written, memory stays small, and each gets one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from demonstrations.foreign_files import Moment, minari, serpent
from fault.amounts import figure
from fault.hostile import CANARY, GADGETS, corpus, pickles
from fault.hostile_records import ABOUT, good_frames, write_recording
from fault.hostile_texts import STUDY
from fault.made import small_run
from fault.parsers import SMALL_GAME
from playfield.games.desktop.game_file import shipped_games
from playfield.recipes import RECIPES
from playfield.settings import to_plain
from playfield.storage.model import write_model
from storage.test_model import example

MOST_PEAK = 1 << 30


def good_ones(folder: Path) -> list[dict[str, str]]:
    """One file of each kind as it should be, which the hostile ones are made from: the harness itself opens them."""
    folder.mkdir()
    write_model(folder / "a.playfield", example())
    (folder / "a.json").write_text(json.dumps(to_plain(RECIPES["dqn"])))
    (folder / "a.toml").write_text(SMALL_GAME)
    (folder / "study.json").write_text(json.dumps(STUDY))
    small_run(folder / "run")
    small_run(folder / "records")
    (folder / "records" / "events.jsonl").write_text('{"event":"EpisodeEnded","score":1.5}\n')
    write_recording(folder / "recording", ABOUT, ("frames.log", good_frames()))
    minari(folder / "minari", [np.zeros((2, 4, 4, 1), np.uint8)])
    serpent(folder / "a.h5", [Moment(grey=7)])
    of_kind = {
        "model": "a.playfield", "recipe": "a.json", "game": "a.toml", "study": "study.json", "run": "run",
        "records": "records", "recording": "recording", "tapes": "recording/tapes.log", "minari": "minari",
        "serpent": "a.h5",
    }  # fmt: skip
    shipped = {"kind": "game", "path": str(shipped_games()["refgame"])}
    return [shipped, *({"kind": kind, "path": str(folder / name)} for kind, name in of_kind.items())]


def opened(folder: Path, work: Path) -> list[dict]:
    """What came of opening the files of a folder, one by one, and at last how much memory it took."""
    command = [sys.executable, "-m", "fault.opener", str(folder / "hostile.json"), str(folder / "good.json")]
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    said = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr[-2000:]
    return [json.loads(line) for line in said.stdout.splitlines()]


def test_hostile_files_do_nothing_and_are_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    hostile = corpus(tmp_path / "files")
    (tmp_path / "hostile.json").write_text(json.dumps([{**asdict(each), "path": str(each.path)} for each in hostile]))
    (tmp_path / "good.json").write_text(json.dumps(good_ones(tmp_path / "good")))
    before = sorted(path for path in tmp_path.rglob("*"))
    work = tmp_path / "work"
    work.mkdir()
    *ends, peak = opened(tmp_path, work)
    assert len(ends) == len(hostile) >= 320
    assert [end for end in ends if end["done"]] == []
    wrong = [(end["name"], end["said"]) for end in ends if end["kind_of_end"] != "refused"]
    assert wrong == []
    many_lines = [end for end in ends if "\n" in end["said"] or not end["said"].isprintable()]
    assert many_lines == []
    assert not list(work.iterdir())
    assert sorted(path for path in tmp_path.rglob("*") if not path.is_relative_to(work)) == before
    assert not list(tmp_path.rglob(CANARY))
    assert peak["peak"] < MOST_PEAK
    figure("hostile files", files=len(ends), executed=0, written=0, peak_bytes=peak["peak"])


def test_a_naive_opener_would_be_caught(tmp_path: Path) -> None:
    gadget = next(data for how, data in pickles(GADGETS[0]) if how == "reduce")
    (tmp_path / "evil.pkl").write_bytes(gadget)
    (tmp_path / "hostile.json").write_text(
        json.dumps([{"name": "x", "kind": "naive", "path": str(tmp_path / "evil.pkl")}])
    )
    (tmp_path / "good.json").write_text("[]")
    end, _ = opened(tmp_path, tmp_path)
    assert any(what.startswith("pickle.find_class") for what in end["done"])
    assert any(what.startswith("os.system") for what in end["done"])
    assert (tmp_path / CANARY).exists()
