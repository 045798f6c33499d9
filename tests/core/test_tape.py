"""What the recorder makes of the steps it is told: scores, lives, lengths, tapes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.tables import clone, decision, step
from core.toys import ADAPTED, plain, small_games, small_session
from playfield.evaluate import EvaluationPlan, evaluate
from playfield.events import EpisodeEnded
from playfield.recipes import RECIPES
from playfield.tape import Recorder
from playfield.types import Clock, Step

FRAME = np.zeros((1, 1), np.float32)


def told(*rows: tuple[float, float, bool, bool]) -> list[Step]:
    """Steps of one game: (reward, discount, first, last)."""
    return [step(FRAME, [reward], [discount], [first], [last]) for reward, discount, first, last in rows]


def record(recorder: Recorder, steps: list[Step]) -> list[EpisodeEnded]:
    ended = []
    for number, said in enumerate(steps):
        ended += recorder.add(np.array([number]), said, Clock(steps=number))
    return ended


LIVES = told(
    (1.0, 1.0, False, False),
    (2.0, 0.0, False, False),  # a life lost: its reward still belongs to it
    (4.0, 1.0, False, False),
    (8.0, 0.0, False, True),
    (0.0, 1.0, True, False),
    (16.0, 1.0, False, True),
)


def test_scores_are_raw_and_whole_and_split_by_life():
    recorder = Recorder(1)
    recorder.begin(told((0.0, 1.0, True, False))[0])
    first, second = record(recorder, LIVES)
    assert (first.score, first.life_scores, first.truncated) == (15.0, (3.0, 12.0), False)
    assert (first.frames, first.episode, list(first.tape.actions)) == (16, 1, [0, 1, 2, 3])
    assert (second.score, second.life_scores, second.truncated) == (16.0, (16.0,), True)
    assert (second.frames, second.episode, list(second.tape.actions)) == (4, 2, [5])


@given(st.integers(0, len(LIVES)))
def test_a_restored_recorder_goes_on_identically(cut: int):
    whole = Recorder(1)
    expected = record(whole, LIVES)
    before, after = Recorder(1), Recorder(1)
    ended = record(before, LIVES[:cut])
    after.load(clone(before.state()))
    for number, said in enumerate(LIVES[cut:], cut):
        ended += after.add(np.array([number]), said, Clock(steps=number))
    assert ended == expected
    assert plain(after.open_tapes()[0]) == plain(whole.open_tapes()[0])


def test_a_tape_plays_its_episode_again_to_the_same_score():
    session = small_session("dqn_toy")
    ended = [e for e in session.play(200) if isinstance(e, EpisodeEnded)]
    assert len(ended) > 5
    for episode in ended:
        games = small_games(1)
        said = games.resume(np.random.default_rng(0), [episode.tape])
        assert said.last[0]
        games = small_games(1)
        games.resume(np.random.default_rng(0), [type(episode.tape)(seed=episode.tape.seed, actions=b"")])
        score = 0.0
        for action in episode.tape.actions:
            games.send(np.array([action]))
            score += float(games.recv().reward[0])
        assert score == episode.score


def test_an_evaluation_gives_every_copy_its_share():
    class Still:
        def act(self, step: Step):
            return decision([0] * len(step.reward))

    plan = EvaluationPlan(episodes=8, seed=4, policy_name="still", clock=Clock(frames=77))
    *events, summary = evaluate(Still(), small_games(3), plan)
    played = [e for e in events if isinstance(e, EpisodeEnded)]
    assert sorted(e.game for e in played) == [0, 0, 0, 1, 1, 1, 2, 2]
    # By game, then in the order of play: the score of the first is not whichever ended first.
    by_game = sorted(played, key=lambda e: (e.game, e.episode))
    assert summary.scores == tuple(e.score for e in by_game)
    assert summary.best == max(by_game, key=lambda e: e.score).tape
    assert (summary.clock.frames, summary.policy, summary.seed) == (77, "still", 4)
    again = list(evaluate(Still(), small_games(3), plan))
    assert again[-1].scores == summary.scores


def test_recipes_of_these_tests_cover_all():
    assert set(RECIPES) <= set(ADAPTED)
