"""Analytics say what was done and what came of it, in the order in which it happened; the same run, the same bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from playfield.events import EpisodeEnded, Event, PhaseChanged, Stepped, Tape
from playfield.sinks.analytics import FILE, Analytics, Open, Played
from playfield.sinks.analytics_plots import SHADES, Episode, analytics_figure, chosen, load_trace, sliced, trace_of
from playfield.types import Clock, Step

from .stories import Bytes, feed, observing, training

PLAYED = Played(actions=("STAY", "LEFT"), frames_per_step=8)
ROW = {"first": (0, 0), "last": (0, 0), "discount": (1, 1)}


def stepped(frames: int, action: tuple[int, int], reward: tuple[float, float], **changes: tuple[float, ...]) -> Stepped:
    """Two games take a step of 4 frames each; one that begins anew takes none."""
    row = {**ROW, **changes}
    first = np.array(row["first"], bool)
    step = Step(
        frame=np.zeros((2, 1), np.float32),
        reward=np.array(reward, np.float32),
        discount=np.array(row["discount"], np.float32),
        first=first,
        last=np.array(row["last"], bool),
        frames=np.where(first, 0, 4).astype(np.int32),
        seed=np.array(row.get("seed", (70, 71)), np.uint64),
    )
    value = np.array([frames / 10, -1.0], np.float32)
    return Stepped(clock=Clock(frames=frames), action=np.array(action), step=step, value=value)


def over(frames: int, game: int, score: float) -> EpisodeEnded:
    return EpisodeEnded(
        clock=Clock(frames=frames),
        game=game,
        episode=1,
        score=score,
        life_scores=(score,),
        frames=8,
        truncated=True,
        tape=Tape(seed=70, actions=b"\x00\x01"),
    )


STORY: list[Event] = [
    observing(0, 12),
    stepped(8, (0, 1), (0.0, 0.5)),
    over(16, 0, 2.0),
    stepped(16, (1, 0), (2.0, -0.25), last=(1, 0)),
    training(16),
    stepped(20, (1, 1), (0.0, 0.0), first=(1, 0), discount=(1, 0), seed=(72, 71)),
    stepped(28, (0, 0), (0.0, 3.0), seed=(72, 71)),
]


def written(events: list[Event], played: Played = PLAYED) -> bytes:
    file = Bytes()
    feed(Analytics(file, played), events)
    return bytes(file)


def rows(data: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in data.splitlines()]


def test_every_event_of_a_small_run():
    def action(frames: int, game: int, step: int, label: str) -> dict[str, object]:
        value = frames / 10 if game == 0 else -1.0
        about = {"game": game, "episode_step": step, "label": label, "value": value}
        return {"event": "AGENT_ACTION", "frames": frames, **about}

    def reward(frames: int, game: int, reward: float, total: float) -> dict[str, object]:
        return {"event": "REWARD", "frames": frames, "game": game, "reward": reward, "total_reward": total}

    def mode(frames: int, text: str, phase: str, left: int | None, steps: int | None) -> dict[str, object]:
        about = {"mode": text, "phase": phase, "remaining_frames": left, "remaining_steps": steps}
        return {"event": "AGENT_MODE", "frames": frames, **about}

    assert rows(written(STORY)) == [
        mode(0, "Observing - 2 Steps Remaining", "observing", 12, 2),  # of 8 frames; the second would end late
        {"event": "NEW_EPISODE", "frames": 0, "game": 0, "seed": 70},
        {"event": "NEW_EPISODE", "frames": 0, "game": 1, "seed": 71},
        action(8, 0, 1, "STAY"),
        action(8, 1, 1, "LEFT"),
        reward(8, 1, 0.5, 0.5),
        action(16, 0, 2, "LEFT"),
        reward(16, 0, 2.0, 2.0),
        {"event": "TOTAL_REWARD", "frames": 16, "game": 0, "episode": 1, "total_reward": 2.0, "lost": False},
        {
            "event": "END_EPISODE",
            "frames": 16,
            "game": 0,
            "episode": 1,
            "episode_steps": 2,
            "frames_played": 8,
            "truncated": True,
            "lost": False,
        },
        action(16, 1, 2, "STAY"),
        reward(16, 1, -0.25, 0.25),
        mode(16, "Training", "training", None, None),
        {"event": "NEW_EPISODE", "frames": 20, "game": 0, "seed": 72},  # the LEFT sent to it was ignored
        action(20, 1, 3, "LEFT"),
        action(28, 0, 1, "STAY"),
        action(28, 1, 4, "STAY"),
        reward(28, 1, 3.0, 3.25),
    ]


def test_of_a_lost_game_nothing_was_played_and_its_episode_ends():
    broken = stepped(12, (0, 1), (0.0, 0.5), last=(1, 0))
    lost = replace(broken, step=replace(broken.step, lost={0: "it fell"}))
    ended = replace(over(12, 0, 2.0), lost=True)
    found = rows(written([stepped(8, (0, 1), (2.0, 0.0)), ended, lost]))
    steps = [(row["event"], row.get("episode_step", row.get("episode_steps"))) for row in found[2:] if row["game"] == 0]
    assert steps == [
        ("AGENT_ACTION", 1), ("REWARD", None), ("TOTAL_REWARD", None), ("END_EPISODE", 1),
    ]  # fmt: skip
    assert [row["event"] for row in found if row["game"] == 1] == [
        "NEW_EPISODE",
        "AGENT_ACTION",
        "AGENT_ACTION",
        "REWARD",
    ]
    assert [row["lost"] for row in found if row["event"] in ("TOTAL_REWARD", "END_EPISODE")] == [True, True]
    assert trace_of(found).episodes == ()  # it is drawn as no whole one


RESUMED = {
    2: (Open(steps=1), Open(steps=1, life_scores=[0.5])),
    4: (Open(steps=2, life_scores=[2.0]), Open(steps=2, life_scores=[0.25])),
    6: (Open(), Open(steps=3, life_scores=[0.25, 0.0])),
}
"""The open episodes as they were after so many events of the story."""


@pytest.mark.parametrize("cut", [2, 4, 6])
def test_a_resumed_run_writes_what_an_uninterrupted_one_would_have(cut: int):
    going_on = [replace(one, life_scores=list(one.life_scores)) for one in RESUMED[cut]]
    whole = written(STORY)
    assert written(STORY[:cut]) + written(STORY[cut:], replace(PLAYED, open=going_on)) == whole


def test_totals_are_the_scores_to_the_bit_whatever_lives_were_lost():
    tenths = [0.1, 0.2, 0.3, 0.7]
    story = [stepped(8 * n, (0, 0), (r, 0.0), discount=(n % 2, 1)) for n, r in enumerate(tenths, start=1)]
    lives: list[float] = [0.0]
    for event in story:
        lives[-1] += float(event.step.reward[0])
        if event.step.discount[0] == 0:
            lives.append(0.0)
    totals = [row["total_reward"] for row in rows(written([*story])) if row["event"] == "REWARD"]
    assert totals[-1] == sum(lives)
    assert len(totals) == 4


def test_values_are_written_with_the_digits_of_their_32_bits():
    event = replace(STORY[1], value=np.array([0.1, 1 / 3], np.float32))
    told = [row["value"] for row in rows(written([event])) if row["event"] == "AGENT_ACTION"]
    assert told == [0.1, 0.33333334]
    assert [np.float32(value) for value in told] == [np.float32(0.1), np.float32(1 / 3)]
    silent = replace(event, value=None)
    assert [row["value"] for row in rows(written([silent])) if row["event"] == "AGENT_ACTION"] == [None, None]


def test_what_is_drawn_is_what_was_written(tmp_path: Path):
    (tmp_path / FILE).write_bytes(written(STORY))
    trace = load_trace(tmp_path)
    assert trace.labels == ("STAY", "LEFT")
    assert trace.action_frames.tolist() == [8, 8, 16, 16, 20, 28, 28]
    assert trace.action.tolist() == [0, 1, 1, 0, 1, 0, 0]
    assert trace.phases == ((0, "observing"), (16, "training"))
    (episode,) = trace.episodes
    assert (episode.frames, episode.steps, episode.totals) == (0, [0, 2, 2], [0.0, 2.0, 2.0])


def test_shares_are_counted_slice_by_slice(tmp_path: Path):
    parts = sliced(trace_of(rows(written(STORY))), slices=2)  # 1 to 14 frames, 15 to 28
    np.testing.assert_allclose(parts.frames, [7.0, 21.0])
    np.testing.assert_allclose(parts.share, [[1 / 2, 3 / 5], [1 / 2, 2 / 5]])
    np.testing.assert_allclose(parts.value, [(0.8 - 1.0) / 2, (1.6 - 1.0 - 1.0 + 2.8 - 1.0) / 5], rtol=1e-6)


def test_a_slice_in_which_nothing_was_played_is_left_out():
    parts = sliced(trace_of(rows(written([STORY[1], replace(STORY[6], clock=Clock(frames=800))]))), slices=10)
    np.testing.assert_allclose(parts.frames, [40.0, 760.0])
    np.testing.assert_allclose(parts.share.sum(axis=0), [1.0, 1.0])


def test_phases_are_shaded_where_they_were_and_rewards_drawn_as_they_grew():
    shares, value, rewards = analytics_figure(trace_of(rows(written(STORY))), "catch").axes[:3]
    spans = [each for each in value.patches if isinstance(each, Rectangle)]
    assert [(round(s.get_x()), round(s.get_width())) for s in spans] == [(0, 16), (16, 12)]
    assert [text.get_text() for text in value.texts] == ["observing", "training"]
    assert len({SHADES[phase] for phase in ("observing", "training", "evaluating", "pretraining")}) == 4
    assert [text.get_text() for text in shares.get_legend().get_texts()] == ["LEFT", "STAY"]
    (line,) = rewards.get_lines()
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([0, 2, 2], [0.0, 2.0, 2.0])
    assert rewards.get_title(loc="left") == "reward within 1 of 1 episodes, evenly spread over the run"


def test_of_many_episodes_the_first_the_last_and_some_between_are_drawn():
    episodes = [Episode(frames=n) for n in range(100)]
    assert [one.frames for one in chosen(episodes, 4)] == [0, 33, 66, 99]
    assert chosen(episodes[:3], 4) == episodes[:3]


def test_without_analytics_the_option_that_writes_them(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"holds no analytics\.jsonl: `playfield train \.\.\. --analytics`"):
        load_trace(tmp_path)
    (tmp_path / FILE).write_bytes(written([PhaseChanged(clock=Clock(), phase="training")]))
    with pytest.raises(ValueError, match="tells of no action yet"):
        load_trace(tmp_path)
