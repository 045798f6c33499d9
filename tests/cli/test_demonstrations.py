"""Play is recorded, learnt from, and a training that was killed over it goes on exactly."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from cli.runs import in_child, outcome, resume, train
from playfield.agent import RandomPolicy
from playfield.cli.commands import run_command
from playfield.demonstrations import read_recording
from playfield.types import Decision, Step

SHOWN = ("imitation.pretrain_updates=40",)


def record(root: Path, *arguments: object) -> int:
    return run_command(["record", "catch", "--out", str(root), "--runs", str(root), *map(str, arguments)])


def test_a_run_a_model_and_chance_are_recorded_until_the_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("dqn_toy", tmp_path, "teacher", 300)
    assert run_command(["export", "teacher", str(tmp_path / "t.playfield"), "--runs", str(tmp_path)]) == 0
    for name, policy, limit in (
        ("a", "teacher", ("--episodes", 2)),
        ("b", tmp_path / "t.playfield", ("--frames", 70)),
        ("c", "random", ("--minutes", 0.1)),
    ):
        assert record(tmp_path, "--policy", policy, "--name", name, *limit) == 0
    a, b, c = (read_recording(tmp_path / name) for name in "abc")
    assert [episode.truncated for episode in a.episodes] == [False, False]
    assert (b.frames, b.episodes[-1].truncated, c.frames) == (70, True, 90)
    assert [(r.about.player, r.about.name) for r in (a, b, c)] == [
        ("agent", "teacher"), ("agent", "t.playfield"), ("chance", "")
    ]  # fmt: skip
    assert a.episodes[0].actions == b.episodes[0].actions  # the same weights, seeds and chance
    assert "by teacher" in capsys.readouterr().out


def test_a_training_killed_while_pretraining_ends_as_one_that_was_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record(tmp_path, "--policy", "random", "--frames", 200, "--name", "shown") == 0
    given = {"extra": SHOWN, "demonstrations": tmp_path / "shown"}
    train("dqfd", tmp_path, "whole", 60, **given)
    assert "pretraining, 40 updates remain" in capsys.readouterr().err
    code = in_child(_train, tmp_path, kill_at="00000003", path=tmp_path / "killed")
    assert code == -signal.SIGKILL
    assert not outcome(tmp_path, "killed").tapes, "the kill came after pretraining: the test showed nothing"
    shutil.rmtree(tmp_path / "shown")  # the run has what it needs
    resume(tmp_path, "killed")
    assert outcome(tmp_path, "killed") == outcome(tmp_path, "whole")


def _train(root: Path) -> int:
    return train("dqfd", root, "killed", 60, extra=SHOWN, demonstrations=root / "shown", save_every_minutes=1e-6)


def test_demonstrations_count_as_observed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record(tmp_path, "--policy", "random", "--frames", 200, "--name", "shown") == 0
    train("dqn_toy", tmp_path, "given", 80, demonstrations=tmp_path / "shown")
    said = capsys.readouterr().out
    assert "200 frames, from" in said
    assert "learns nothing" not in said
    assert b'"observing"' not in outcome(tmp_path, "given").events
    train("dqn_toy", tmp_path, "alone", 80)
    assert "learns nothing in 80 frames" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train", "dqfd", "catch"), "dqfd begins by learning from demonstrations: `playfield train dqfd GAME --demon"),
        (("train", "pqn", "catch", "--demonstrations", "shown"), "for recipes with a replay memory, which pqn has not"),
        (("train", "sarsa", "catch", "--demonstrations", "shown"), "a replay memory, which sarsa has not"),
        (("train", "dqn", "toy_pong", "--demonstrations", "shown"), "was recorded on catch, not on toy_pong"),
        (("train", "dqn", "catch", "--demonstrations", "nowhere"), "holds no recording of play; `playfield record"),
        (("study", "--recipes", "dqfd", "--games", "catch", "--frames", "10"), "dqfd begins by learning from demonstr"),
        (("record", "catch", "--policy", "random"), "with --minutes, --frames or --episodes"),
        (("record", "catch", "--policy", "random", "--frames", "0"), "must be finite numbers above 0"),
        (("record", "catch", "--policy", "random", "--episodes", "1", "--name", "../up"), "name"),
        (("record", "gym:os.path:X", "--policy", "random", "--episodes", "1"), "so it is not recorded"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_sentence(
    arguments: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert record(tmp_path, "--policy", "random", "--episodes", 1, "--name", "shown") == 0
    capsys.readouterr()
    assert run_command(list(arguments)) == 2
    said = capsys.readouterr().err
    assert said.startswith("playfield: ")
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(("decisions", "told"), [
    (30, "played   30 frames, 1 episodes, by chance"), (0, "in which nothing is kept yet: not one step was played"),
])  # fmt: skip
def test_an_interrupted_recording_tells_what_it_kept_and_where(
    decisions: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    act, left = RandomPolicy.act, iter(range(decisions))

    def until_interrupted(policy: RandomPolicy, step: Step) -> Decision:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return act(policy, step)

    monkeypatch.setattr(RandomPolicy, "act", until_interrupted)
    assert record(tmp_path, "--policy", "random", "--frames", 1000, "--name", "cut") == 130
    said = capsys.readouterr()
    assert told in said.out
    assert f"results  {tmp_path / 'cut'}" in said.out
    assert said.err == "playfield: interrupted\n"
