"""Resuming is as if the run had never stopped: every recipe, after SIGKILL, after Ctrl-C, past a damaged checkpoint."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from cli.runs import in_child, outcome, resume, train
from playfield.cli.commands import run_command
from playfield.cli.training import RESUMABLE
from playfield.recipes import RECIPES
from playfield.storage.run import NoCheckpoint, Run

FRAMES = 900


LINEAR = ("n_step_sarsa", "true_online_sarsa", "linear_actor_critic")
"""Of each kind of state one; tests/linear/test_agent.py takes every linear recipe apart and together."""


@pytest.mark.parametrize("recipe", [*RECIPES, *LINEAR])
def test_a_killed_run_ends_as_the_uninterrupted_one(recipe: str, tmp_path: Path) -> None:
    train(recipe, tmp_path, "whole", FRAMES, save_every_frames=10_000)
    kills = 0
    code = in_child(_train_saving, recipe, tmp_path, kill_at="00000001", path=tmp_path / "killed")
    kills += code == -signal.SIGKILL
    for number in ("00000004", "00000008"):
        code = in_child(resume, tmp_path, "killed", kill_at=number, path=tmp_path / "killed")
        kills += code == -signal.SIGKILL
    resume(tmp_path, "killed")
    assert kills > 0, "no kill hit the run: the test showed nothing"
    assert outcome(tmp_path, "killed") == outcome(tmp_path, "whole")


def _train_saving(recipe: str, root: Path) -> int:
    return train(recipe, root, "killed", FRAMES, save_every_frames=60, keep=2)


@pytest.mark.parametrize("killer", ["_killed_before_its_first_save", "_killed_within_its_first_save"])
def test_a_run_killed_before_its_first_save_is_whole_begins_anew(
    killer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("dqn_toy", tmp_path, "teacher", 300)
    train("dqn_toy", tmp_path, "whole", 300, observe_with="teacher")
    assert in_child(globals()[killer], tmp_path) == -signal.SIGKILL
    assert not Run.open(tmp_path / "cut").checkpoints()
    assert resume(tmp_path, "cut") == 0
    assert "was stopped before its first save: it begins at its beginning" in capsys.readouterr().out
    assert outcome(tmp_path, "cut") == outcome(tmp_path, "whole")


def _killed_before_its_first_save(root: Path) -> int:
    Run.save = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
    return train("dqn_toy", root, "cut", 300, observe_with="teacher")


def _killed_within_its_first_save(root: Path) -> int:
    rename = os.rename

    def deadly(source: Path, target: Path) -> None:
        if Path(target).parent.name == "checkpoints":
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target)

    os.rename = deadly
    return train("dqn_toy", root, "cut", 300, observe_with="teacher")


def test_lost_checkpoints_of_a_run_that_was_played_are_not_passed_over(tmp_path: Path) -> None:
    train("dqn_toy", tmp_path, "played", 300)
    shutil.rmtree(tmp_path / "played" / "checkpoints")
    (tmp_path / "played" / "checkpoints").mkdir()
    events = (tmp_path / "played" / "events.jsonl").read_bytes()
    with pytest.raises(NoCheckpoint, match="has no checkpoint"):
        resume(tmp_path, "played")
    assert (tmp_path / "played" / "events.jsonl").read_bytes() == events


def test_two_halves_are_one_whole_for_an_atari_game(tmp_path: Path) -> None:
    """Emulators come back through tapes, with sticky actions; cut in the middle of open episodes."""
    from playfield.cli.train import Resume, Train

    overrides = (
        "games=3",
        "torso.layers=[[4, 8, 4], [4, 4, 2]]",
        "head.hidden=16",
        "memory.steps=8",
        "memory.minibatches=2",
        "protocol.frame_size=[42, 42]",
        "protocol.repeat_action_probability=0.25",
    )
    common = {"recipe": "pqn", "game": "pong", "overrides": overrides, "episodes": 0, "threads": 1, "runs": tmp_path}
    Train(**common, name="whole", frames=1800).run()
    Train(**common, name="halves", frames=900).run()
    Resume("halves", frames=1800, threads=1, runs=tmp_path).run()
    assert outcome(tmp_path, "halves") == outcome(tmp_path, "whole")


def test_interruption_saves_and_says_how_to_go_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "stopped"
    process = in_child(_interrupt_itself, tmp_path)
    assert process == RESUMABLE
    assert 200 <= Run.open(path).load().clock_frames < FRAMES
    train("dqn_toy", tmp_path, "whole", FRAMES)
    assert resume(tmp_path, "stopped") == 0
    assert outcome(tmp_path, "stopped") == outcome(tmp_path, "whole")
    assert "resumed" in capfd.readouterr().out


def _interrupt_itself(root: Path) -> int:
    """Sends Ctrl-C to this process when 200 frames are played."""
    from playfield.session import Session

    played = Session._play_step

    def interrupting(self: Session):
        if self.clock.frames >= 200:
            os.kill(os.getpid(), signal.SIGINT)
            Session._play_step = played
        yield from played(self)

    Session._play_step = interrupting
    return train("dqn_toy", root, "stopped", FRAMES)


def test_saves_come_at_their_frames_whatever_episodes_do(tmp_path: Path) -> None:
    """D2-B13: a cadence tested only at episode ends practically never saves."""
    train("dqn_toy", tmp_path, "run", 600, save_every_frames=100, keep=20)
    assert [m.frames for m in Run.open(tmp_path / "run").checkpoints()] == [0, 100, 200, 300, 400, 500, 600]


@pytest.mark.parametrize("damage", ["truncated", "altered", "missing"])
def test_damage_is_named_and_the_checkpoint_before_is_used(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("dqn_toy", tmp_path, "run", 400, save_every_frames=200)
    train("dqn_toy", tmp_path, "whole", 600)
    newest = sorted((tmp_path / "run" / "checkpoints").iterdir())[-1] / "tensors.safetensors"
    content = newest.read_bytes()
    match damage:
        case "truncated":
            newest.write_bytes(content[:-7])
        case "altered":
            newest.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
        case _:
            newest.unlink()
    resume(tmp_path, "run", frames=600)
    printed = capsys.readouterr().out
    assert "tensors.safetensors" in printed
    assert "at 200 frames" in printed
    assert "goes back from 400 to 200 frames and plays what came between again" in printed
    assert outcome(tmp_path, "run") == outcome(tmp_path, "whole")


def _files(folder: Path) -> dict[str, bytes]:
    """What is kept of a run, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("is_gone", [True, False])
def test_without_its_rows_a_run_is_refused_and_stays_as_it_is(
    is_gone: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The checkpoint from before the first frame needs no rows: to go on there would cost the others."""
    train("dqn_toy", tmp_path, "run", 400, save_every_frames=200)
    train("dqn_toy", tmp_path, "whole", 600)
    rows, aside = tmp_path / "run" / "rows", tmp_path / "aside"
    shutil.move(rows, aside)
    if not is_gone:
        rows.mkdir()
    before = _files(tmp_path / "run")
    assert run_command(["resume", "run", "--frames", "600", "--runs", str(tmp_path)]) == 2
    assert f"playfield: the folder {rows} is missing or empty, and every checkpoint" in (
        said := capsys.readouterr().err
    )
    assert "put it back from a copy of the run, or train again under another name, for instance --name run-2" in said
    assert _files(tmp_path / "run") == before
    assert run_command(["evaluate", "run", "--episodes", "1", "--runs", str(tmp_path)]) == 0  # plays without them
    rows.rmdir()
    shutil.move(aside, rows)
    resume(tmp_path, "run", frames=600)
    assert outcome(tmp_path, "run") == outcome(tmp_path, "whole")


@pytest.mark.parametrize("name", ["tensors.safetensors", "manifest.json"])
def test_where_every_checkpoint_is_damaged_a_run_does_not_begin_anew(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("dqn_toy", tmp_path, "run", 400, save_every_frames=200)
    for folder in sorted((tmp_path / "run" / "checkpoints").iterdir())[1:]:
        (folder / name).unlink()
    before = _files(tmp_path / "run")
    assert run_command(["resume", "run", "--frames", "600", "--runs", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"00000003/{name} is missing" in said
    assert "put back what is missing or damaged from a copy of the run, or train again" in said
    assert _files(tmp_path / "run") == before


def test_lost_records_do_not_send_a_run_back_to_its_beginning(tmp_path: Path) -> None:
    """Those of the checkpoint from before the first frame are empty, and so never damaged."""
    train("dqn_toy", tmp_path, "run", 400, save_every_frames=200)
    (tmp_path / "run" / "events.jsonl").write_bytes(b"{")
    loaded = Run.open(tmp_path / "run").load()
    assert loaded.clock_frames == 400
    assert "checkpoint 00000003 is used after all: only records are damaged" in loaded.warnings[-1]


def test_a_limit_already_reached_trains_no_further(tmp_path: Path) -> None:
    train("dqn_toy", tmp_path, "run", 300)
    before = outcome(tmp_path, "run")
    assert resume(tmp_path, "run") == 0
    assert outcome(tmp_path, "run") == before


@pytest.mark.parametrize("limit", [("--minutes", "inf"), ("--minutes", "nan"), ("--until-score", "inf")])
def test_an_endless_limit_is_refused_and_the_run_keeps_its_own(
    limit: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("dqn_toy", tmp_path, "run", 200)
    about = (tmp_path / "run" / "run.json").read_bytes()
    capsys.readouterr()
    assert run_command(["resume", "run", *limit, "--runs", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"playfield: {limit[0]} must be ")
    assert said.count("\n") == 1
    assert (tmp_path / "run" / "run.json").read_bytes() == about


def test_a_limit_given_to_resume_stays_when_the_run_is_killed_after_it(tmp_path: Path) -> None:
    train("dqn_toy", tmp_path, "whole", 600)
    train("dqn_toy", tmp_path, "run", 200)
    killed = in_child(_killed_at_its_next_save, tmp_path)
    assert killed == -signal.SIGKILL
    assert resume(tmp_path, "run") == 0
    assert outcome(tmp_path, "run") == outcome(tmp_path, "whole")


def _killed_at_its_next_save(root: Path) -> int:
    Run.save = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
    return resume(root, "run", frames=600)


def test_other_threads_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from playfield.cli.train import Resume

    train("dqn_toy", tmp_path, "run", 200)
    Resume("run", frames=240, threads=2, runs=tmp_path).run()
    printed = capsys.readouterr().out
    assert "torch threads were 1 at save and are 2 now" in printed
    assert "not bit for bit" in printed


def test_a_given_model_fills_the_memory_and_survives_a_resume(tmp_path: Path) -> None:
    """D0-15/16: warm-up by a restored policy, with the steps that remain; also when cut while still observing."""
    train("dqn_toy", tmp_path, "teacher", 400)
    train("dqn_toy", tmp_path, "whole", 300, observe_with="teacher")
    train("dqn_toy", tmp_path, "chance", 300)
    train("dqn_toy", tmp_path, "cut", 60, observe_with="teacher")
    resume(tmp_path, "cut", frames=300)
    assert outcome(tmp_path, "cut") == outcome(tmp_path, "whole")
    assert outcome(tmp_path, "chance").digest != outcome(tmp_path, "whole").digest
