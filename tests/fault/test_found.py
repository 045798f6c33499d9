"""Inputs that once did what they must not: found by fuzzing, by the hostile corpus, or by thinking of them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fault import layouts
from fault.layouts import PACKED, SEALED, joined
from fault.made import small_run
from fault.parsers import PARSERS, REFUSALS, SMALL_GAME, _plain_run
from playfield.cli.about import MOST_RECIPE_BYTES, find_recipe
from playfield.cli.commands import one_sentence
from playfield.cli.look import saved_weights
from playfield.cli.runs import state_of
from playfield.games.desktop.game_file import game_from
from playfield.messages import message
from playfield.recipes import RECIPES
from playfield.settings import to_plain
from playfield.storage import checkpoint, frame_log, log, records, tapes
from playfield.storage.archive import open_archive, pack_archive
from playfield.storage.files import DamagedFile
from playfield.storage.foreign import MOST_USES, read_tensors
from playfield.storage.run import Run

DIGITS = "9" * 400
RECIPE = json.dumps({**to_plain(RECIPES["dqn"]), "eval_epsilon": "#"})
EVALUATION = {"clock": {"frames": 1}, "game": "pong", "protocol": {}, "policy": "p", "seed": 1, "scores": [1.5],
              "frames": [4], "best": {"seed": 7, "actions": "AAEC"}}  # fmt: skip
ROW = {"kind": "row", "first": True, "last": False, "reward": 0.0, "discount": 1.0, "seed": 0, "shape": [4],
       "dtype": ["float32"], "keys": [], "action": None}  # fmt: skip
TAPE = {"episode": 1, "game": 0, "seed": 7, "score": float("nan"), "frames": 40, "truncated": False}
FOUND: tuple[tuple[str, str, bytes], ...] = (
    ("recipe", "number too large for a float", RECIPE.replace('"#"', DIGITS).encode()),
    ("game", "number too large for a float", SMALL_GAME.replace("1.0", DIGITS).encode()),
    ("game", "reward that is no number", SMALL_GAME.replace("1.0", "nan").encode()),
    ("tree", "key of half a letter", b'{"\\ud800":1}'),
    ("lines", "deep line", b"\0" + b"[" * 100_000 + b"\n"),
    ("lines", "clock that is a list", b"\0" + json.dumps({**EVALUATION, "clock": []}).encode() + b"\n"),
    ("lines", "endless frames", b"\0" + json.dumps({**EVALUATION, "frames": [float("inf")]}).encode() + b"\n"),
    ("wire", "type that is a list", message(ROW, bytes(16))),
    ("minari", "endless number of actions",
     b'\0{"observation_space":"{}","action_space":"{\\"type\\":\\"Discrete\\",\\"n\\":1e400}"}'),
    ("tapes", "score that is no number", joined([json.dumps(TAPE).encode(), b"\1"], SEALED | PACKED)),
    ("run", "game that steers the terminal", b"\1" + json.dumps({**_plain_run(), "game": "\x1b[2J"}).encode()),
    ("run", "fingerprint that steers it", b"\1" + json.dumps({**_plain_run(), "fingerprint": {"a": "\x9b"}}).encode()),
    ("run", "seed that is a text", b"\1" + json.dumps({**_plain_run(), "seed": "7"}).encode()),
)  # fmt: skip


@pytest.mark.parametrize(("parser", "data"), [(p, d) for p, _, d in FOUND], ids=[f"{p}, {n}" for p, n, _ in FOUND])
def test_what_was_found_is_refused(parser: str, data: bytes) -> None:
    with pytest.raises(REFUSALS) as refusal:
        PARSERS[parser].opens(PARSERS[parser].lays_out(data))
    assert one_sentence(refusal.value).isprintable()


def test_a_sentence_that_quotes_a_stranger_does_not_steer_the_terminal() -> None:
    assert (
        one_sentence(ValueError("no \x1b[2J,\nno \u202e and no \ud800 here"))
        == r"no \x1b[2J, no \u202e and no \ud800 here"
    )
    assert one_sentence(ValueError("für 7 Äpfel")) == "für 7 Äpfel"


def test_a_recipe_larger_than_any_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"{")
    os.truncate(tmp_path / "a.json", MOST_RECIPE_BYTES + 1)
    with pytest.raises(DamagedFile, match="more than"):
        find_recipe(str(tmp_path / "a.json"))


def test_zeros_without_end_are_no_torn_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_MOST_TORN_BYTES", 1000)
    (tmp_path / "tapes.log").write_bytes(tapes._MAGIC + bytes(1000))
    assert list(tapes.Tapes(tmp_path / "tapes.log")) == []
    (tmp_path / "tapes.log").write_bytes(tapes._MAGIC + bytes(1001))
    with pytest.raises(DamagedFile, match="1001 bytes behind its last record"):
        list(tapes.Tapes(tmp_path / "tapes.log"))


def test_tensors_that_are_views_of_a_few_numbers_are_not_many_times_the_file(tmp_path: Path) -> None:
    numbers = torch.arange(3000.0)
    for times in (MOST_USES - 1, MOST_USES + 1):
        torch.save({f"t{n}": numbers for n in range(times)}, tmp_path / f"{times}.pth")  # noqa: TID251
    assert len(read_tensors(tmp_path / f"{MOST_USES - 1}.pth")) == MOST_USES - 1
    with pytest.raises(DamagedFile, match="more than"):
        read_tensors(tmp_path / f"{MOST_USES + 1}.pth")


def test_a_state_that_is_whole_and_another_is_a_sentence(tmp_path: Path) -> None:
    loaded = Run.open(small_run(tmp_path / "a")).load()
    with (
        pytest.raises(ValueError, match="checkpoint 00000001 is not the state of its run's recipe") as refusal,
        state_of(loaded),
    ):
        saved_weights(loaded)
    assert "'agent'" in str(refusal.value)


def test_no_file_of_a_checkpoint_takes_more_memory_than_it_may(tmp_path: Path) -> None:
    """A terabyte of holes costs a stranger nothing."""
    run = small_run(tmp_path / "a")
    folder = run / "checkpoints/00000001"
    manifest = checkpoint.read_manifest(folder)
    os.truncate(folder / checkpoint.TENSORS, 1 << 40)
    size = replace(manifest.files[checkpoint.TENSORS], bytes=1 << 40)
    told = replace(manifest, files={**manifest.files, checkpoint.TENSORS: size})
    (folder / checkpoint.MANIFEST).write_bytes(told.text())
    with pytest.raises(DamagedFile, match="more than the"):
        checkpoint.read_checkpoint(folder, checkpoint.read_manifest(folder), run / "rows", to_play=True)
    assert log._MOST_BLOCK_BYTES <= 1 << 28


def test_a_path_too_long_for_a_folder_is_damage(tmp_path: Path) -> None:
    run = small_run(tmp_path / "a")
    path = run / "checkpoints/00000001/manifest.json"
    plain = json.loads(checkpoint.unsealed(path, path.read_bytes()))
    plain["rows"] = {"a" * 300: next(iter(plain["rows"].values()))}
    path.write_bytes(layouts.line(b"\1" + json.dumps(plain).encode()))
    with pytest.raises(DamagedFile, match="not a manifest"):
        checkpoint.read_manifest(path.parent)


def test_a_key_of_a_thousand_parts_is_refused_and_dots_in_a_text_are_not() -> None:
    with pytest.raises(ValueError, match="a key of more than 32 parts"):
        game_from("a" + " . 'b'" * 1000 + " = 1\n" + SMALL_GAME, "a.toml")
    dots = SMALL_GAME.replace('name = "a"', 'name = "' + "so... " * 100 + '"')
    assert game_from(dots, "a.toml").name.startswith("so... ")


def test_frames_begin_with_episode_one(tmp_path: Path) -> None:
    header = {"episode": 0, "row": 0, "rows": 1, "shape": [1], "dtype": "uint8"}
    data = layouts.records(frame_log._MAGIC)(joined([json.dumps(header).encode(), bytes(13)], SEALED | PACKED))
    (tmp_path / "frames.log").write_bytes(data)
    with pytest.raises(DamagedFile, match="out of order in episode 0"):
        list(frame_log.Seen(tmp_path / "frames.log", frame_log.Shown((1,), "uint8")))


def test_bytes_before_an_archive_belong_to_nobody() -> None:
    data = pack_archive({"a": b"b"})
    assert open_archive(Path("a"), data).read("a") == b"b"
    with pytest.raises(DamagedFile, match="belong to no member"):
        open_archive(Path("a"), b"#!/bin/sh\n" + data)
