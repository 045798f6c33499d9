"""Episodes that end otherwise than by the game: cut at a resume, or lost; and learning that waits for the end."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.tables import clone, decision, step
from core.toys import ADAPTED, small_games
from playfield import losses as losses_module
from playfield.batch import Rows
from playfield.build import build_session
from playfield.evaluate import EvaluationPlan, evaluate
from playfield.events import EpisodeEnded, Evaluated, GameLost, Learned, Stepped
from playfield.games.each import EachGame, Lost, Outcome
from playfield.games.games import GameSpec, Observations
from playfield.games.toys import Catch
from playfield.linear.agent import LinearAgent, Parts
from playfield.linear.encoders import Tabular
from playfield.linear.views import vector_view
from playfield.losses import Losses
from playfield.memory.replay import Replay
from playfield.memory.rollout import Rollout
from playfield.recipes import LINEAR_RECIPES
from playfield.session import Session
from playfield.storage.run import Run
from playfield.storage.tree import digest
from playfield.tape import Recorder
from playfield.types import Clock, Decision, Step

DEEP = ["dqn", "rainbow", "pqn"]


class Drifting(Catch):
    """Catch whose fruits depend on how often any was begun before: no tape plays it again."""

    begun = itertools.count()

    def reset(self, seed: int) -> np.ndarray:
        return super().reset(seed + next(self.begun))


def session_of(name: str, spec: GameSpec, solo: type[Catch] = Catch, seed: int = 0) -> Session:
    solos = [solo(size=6, drops=3, lives=2) for _ in range(spec.games)]
    return build_session(ADAPTED[name].but(games=spec.games), EachGame(spec, solos), seed)


def drifting(name: str, seed: int = 0) -> Session:
    return session_of(name, replace(small_games(ADAPTED[name].games).spec, replays=False), Drifting, seed)


def run_to(session: Session, frames: int) -> list[object]:
    return list(session.play(frames))


@pytest.mark.parametrize("name", DEEP)
def test_what_does_not_replay_comes_back_exactly_up_to_the_open_episode(name: str):
    session = drifting(name)
    run_to(session, 75)
    saved = clone(session.state())
    again = drifting(name, seed=1)
    again.load(clone(saved))
    came = again.state()
    for part in ("clock", "phase", "rng", "seen"):
        assert digest({part: came[part]}) == digest({part: saved[part]})
    assert digest(came["agent"]["learner"]) == digest(saved["agent"]["learner"])
    was, now = saved["agent"]["memory"], dict(came["agent"]["memory"])
    newest = was["rows"].stop - 1
    assert now.pop("cuts") == [newest]
    was["rows"].columns["last"][newest % len(was["rows"].columns["last"])] = True
    assert digest(now) == digest(was)
    assert all(tape.cut for tape in again.tape.open_tapes())


@pytest.mark.parametrize("name", DEEP)
def test_after_such_a_resume_every_game_begins_a_new_episode(name: str):
    session = drifting(name)
    run_to(session, 75)
    seeds = session.step.seed.copy()  # type: ignore[union-attr]
    again = drifting(name)
    again.load(clone(session.state()))
    stepped = next(event for event in again.play(1000) if isinstance(event, Stepped))
    assert stepped.step.first.all()
    assert stepped.clock.frames == session.clock.frames
    assert not set(stepped.step.seed.tolist()) & set(seeds.tolist())
    told = run_to(again, 150)
    assert next(e.episode for e in told if isinstance(e, EpisodeEnded)) == session.clock.episodes + 1
    rows = again.agent.memory.rows
    held = torch.arange(rows.start, rows.stop - 1)
    for game in range(rows.shape.games):
        column = torch.full_like(held, game)
        begins = rows.take("first", held + 1, column)
        assert torch.equal(rows.is_last(held, column), begins)  # an episode's end and the next one's beginning, always


def test_a_cut_outlasts_a_log_that_only_grows_at_its_end(tmp_path: Path):
    """The row was written before it was cut, and is not written anew."""
    session = drifting("rainbow")
    run = Run.create(tmp_path, "r", recipe={}, protocol={}, game="drifting", seed=0, fingerprint={})
    with run.writing():
        run_to(session, 75)
        run.save(session.state(), 75)
        loaded = run.load()
        again = drifting("rainbow")
        again.load(loaded.tree)
        run.cut_back(loaded)
        cut = session.agent.memory.rows.stop - 1
        run_to(again, 85)
        run.save(again.state(), 85)
        last = drifting("rainbow")
        last.load(run.load().tree)
    rows = last.agent.memory.rows
    ends = [row for row in range(rows.start, rows.stop) if bool(rows.is_last(torch.tensor([row]), torch.tensor([0])))]
    assert cut in ends
    assert rows.stop - 1 in ends


def rows_of(*told: tuple[float, bool]) -> list[Step]:
    """Steps of one game that shows its own number: (reward, first)."""
    return [
        step(np.full((1, 1), number, np.float32), [reward], [1.0], [first], [False])
        for number, (reward, first) in enumerate(told)
    ]


def test_no_window_crosses_a_cut():
    #          row   0           1           2          3            4             5             6
    told = rows_of((0, True), (1, False), (2, False), (0, True), (100, False), (200, False), (400, False))
    memory = Replay(capacity=20, n_step=3, stack=2, discount=0.5, reward_clip=None).build(
        1, (1,), "float32", np.random.default_rng(0)
    )
    for row in told[:3]:
        memory.add(row, decision([0]))
    memory.cut()
    for row in told[3:]:
        memory.add(row, decision([0]))
    batch = memory._transitions(memory.rows, torch.tensor([0, 1, 3]), torch.zeros(3, dtype=torch.int64))
    assert batch.reward.tolist() == [1 + 0.5 * 2, 2, 100 + 0.5 * 200 + 0.25 * 400]
    assert batch.discount.tolist() == [0.25, 0.5, 0.125]  # bootstrapped: cut off, not over
    assert batch.next_obs.tolist() == [[1, 2], [1, 2], [5, 6]]
    assert batch.obs[2].tolist() == [0, 3]  # nothing of the episode before
    drawn = {int(key) for _ in range(50) for key in memory._uniform(4)}
    assert drawn == {0, 1, 3}


def test_a_cut_row_is_the_last_of_its_episode_in_a_rollout():
    memory = Rollout(steps=4, epochs=1, minibatches=1, discount=0.5, lambda_=1.0, stack=1, reward_clip=None).build(
        1, (1,), "float32", np.random.default_rng(0)
    )
    told = rows_of((0, True), (1, False), (2, False), (0, True), (8, False), (16, False))
    for number, row in enumerate(told):
        memory.add(row, Decision(action=np.zeros(1, np.int64), value=np.array([40.0 * number], np.float32)))
        if number == 2:
            memory.cut()
    (batch,) = memory.batches(Clock())
    # The value of row t was given when row t + 1 was added: row 2 is worth 120, row 4 is worth 200.
    assert dict(zip(batch.key.tolist(), batch.reward.tolist(), strict=True)) == {
        0: 1 + 0.5 * (2 + 0.5 * 120), 1: 2 + 0.5 * 120, 3: 8 + 0.5 * 200,
    }  # fmt: skip


@pytest.mark.parametrize("cuts", [[], [1], [0, 1]])
def test_an_episode_that_is_cut_at_its_first_row_has_nothing_to_draw(cuts: list[int]):
    memory = Replay(capacity=20, start_frames=0, every_frames=1, batch=2, stack=1).build(
        1, (1,), "float32", np.random.default_rng(0)
    )
    for number in range(2):
        memory.add(rows_of((0, True))[0], decision([0]))
        if number in cuts:
            memory.cut()
    assert bool(list(memory.batches(Clock(frames=5)))) == (0 not in cuts)


@pytest.mark.parametrize("name", LINEAR_RECIPES)
def test_a_linear_learner_learns_from_a_cut_what_it_learns_from_a_time_limit(name: str):
    """Learners that look ahead too: what waited for the rest of the episode is learnt from."""
    weights: list[str] = []
    spec = GameSpec(
        name="line", games=1, actions=("a", "b"), frame_shape=(5,), frame_dtype="float32", frames_per_action=1,
        frames_per_second=1.0, observations=Observations(low=(0.0,), high=(4.0,), states=5),
    )  # fmt: skip
    for is_cut in (False, True):
        parts = Parts(LINEAR_RECIPES[name].learner, Tabular(), LINEAR_RECIPES[name].policy)
        agent = LinearAgent(parts, vector_view(spec), 2, np.random.default_rng(0))
        for episode in range(2):
            for number in range(5):
                frame = np.eye(5, dtype=np.float32)[number][None]
                last = number == 4
                row = step(frame, [float(number)], [1.0], [number == 0], [last and not is_cut])
                agent.observe(decision([agent._action]), row)
            if is_cut:
                agent.cut()
                agent.cut()  # of an episode that is over nothing waits any more
            weights.append(digest(agent.weights()))
            assert episode < 2
    assert weights[:2] == weights[2:]
    assert weights[0] != weights[1]


class Fragile(Catch):
    """Catch that is lost at the fifth step where its seed is a multiple of three, and cannot always be begun then."""

    refusals = 0

    def reset(self, seed: int) -> np.ndarray:
        if self.refusals > 0:
            self.refusals -= 1
            raise Lost("it is not there")
        self._seed, self._played = seed, 0
        return super().reset(seed)

    def step(self, action: int) -> Outcome:
        self._played += 1
        said = super().step(action)
        return said if self._seed % 3 or self._played < 5 else Outcome(said.frame, 9.0, truncated=True, lost="it fell")


def test_the_rows_of_a_lost_game():
    solo = Fragile(size=6, drops=3)
    games = EachGame(replace(small_games(1).spec, games=1), [solo])
    recorder, told, rows = Recorder(1), [], []
    now = games.begin(np.random.default_rng(2))
    while int(now.seed[0]) % 3:  # until one falls
        now = games.begin(games._seeds)
    recorder.begin(now)
    clock = Clock()
    for number in range(8):
        if number == 5:
            solo.refusals = 1
        games.send(np.array([1]))
        now = games.recv()
        clock = clock.after(now)
        told += recorder.add(np.array([1]), now, clock)
        rows.append((bool(now.first[0]), bool(now.last[0]), float(now.discount[0]), int(now.frames[0])))
        assert bool(now.lost) == (number in (4, 5))
    assert rows[3:7] == [
        (False, False, 1.0, 1),
        (False, True, 1.0, 0),  # lost: no frame was played, nothing was won
        (True, True, 1.0, 0),  # and could not be begun
        (True, False, 1.0, 0),
    ]
    lost, ended, again = told[:3]
    assert isinstance(lost, GameLost)
    assert lost.reason == "it fell"
    assert isinstance(ended, EpisodeEnded)
    assert (ended.truncated, ended.frames, len(ended.tape.actions)) == (True, 4, 4)
    assert isinstance(again, GameLost)
    assert again.reason == "it is not there"
    assert clock.episodes == 1


def fragile(name: str) -> Session:
    return session_of(name, small_games(ADAPTED[name].games).spec, Fragile)


@pytest.mark.parametrize("name", ["rainbow", "pqn"])
def test_a_run_in_which_games_are_lost_goes_on_exactly(name: str):
    whole = fragile(name)
    lost = [e.clock.frames for e in run_to(whole, 160) if isinstance(e, GameLost)]
    assert len(lost) > 3
    session = fragile(name)
    events = session.play(160)
    for event in events:
        if isinstance(event, Stepped) and event.step.lost and event.clock.frames > 60:
            break  # at rest in the very row in which a game was lost
    else:
        pytest.fail("no game was lost: the test showed nothing")
    again = fragile(name)
    again.load(clone(session.state()))
    run_to(again, 160)
    assert digest(again.state()) == digest(whole.state())


def test_an_evaluation_plays_a_lost_game_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(losses_module, "SECONDS", 0.0)  # it loses more games in a minute than an evaluation bears

    class Still:
        def act(self, step: Step) -> Decision:
            return decision([0])

    solo = Fragile(size=6, drops=3)
    games = EachGame(replace(small_games(1).spec, games=1), [solo])
    plan = EvaluationPlan(episodes=6, seed=6, policy_name="still", clock=Clock())
    told = list(evaluate(Still(), games, plan))
    assert sum(isinstance(event, GameLost) for event in told) > 0
    result = told[-1]
    assert isinstance(result, Evaluated)
    assert len(result.scores) == 6
    assert set(result.frames) == {15}  # three fruits of five steps, all of them whole games
    Fragile.refusals, solo.refusals = 0, 99
    with pytest.raises(Lost, match="small catch was lost 4 times in a row, at last because it is not there"):
        list(evaluate(Still(), games, plan))


def hurried(name: str, *, waits: bool) -> Session:
    spec = replace(small_games(1).spec, waits=waits)
    return session_of(name, spec)


@pytest.mark.parametrize("name", ["dqn", "rainbow"])
def test_owed_updates_are_those_that_would_have_been_made_and_none_is_made_while_an_episode_runs(name: str):
    counted: dict[bool, list[tuple[int, int]]] = {}
    for waits in (True, False):
        session, counted[waits], before = hurried(name, waits=waits), [], 0
        for event in session.play(200):
            if isinstance(event, Learned):
                counted[waits].append((event.clock.frames, event.updates))
            elif isinstance(event, Stepped):
                if not waits and not event.step.first.all():
                    assert session.agent.updates == before, "the game would have waited"
                before = session.agent.updates
    ends = len(counted[False])
    assert 20 < ends < len(counted[True])  # what the open episode owes is not paid yet
    assert counted[False] == counted[True][:ends]
    assert len(session.agent._owed) > 0


def test_what_is_owed_is_part_of_the_state():
    whole = hurried("rainbow", waits=False)
    run_to(whole, 200)
    session = hurried("rainbow", waits=False)
    run_to(session, 107)
    assert len(session.agent._owed) > 0
    again = hurried("rainbow", waits=False)
    again.load(clone(session.state()))
    assert digest(again.state()) == digest(session.state())
    run_to(again, 200)
    assert digest(again.state()) == digest(whole.state())


def test_what_a_stopped_run_owes_is_paid_before_it_plays_on():
    """As in real time: the game cannot come back, so that the open episode is cut, and its learning is due at once."""
    spec = replace(small_games(1).spec, waits=False, replays=False)
    waiting = session_of("dqn", replace(spec, waits=True))
    would = [event.clock.frames for event in run_to(waiting, 126) if isinstance(event, Learned)]
    stopped = session_of("dqn", spec)
    made = [event.clock.frames for event in run_to(stopped, 126) if isinstance(event, Learned)]
    assert made == would[: len(made)]
    owed = would[len(made) :]
    assert len(owed) > 2
    again = session_of("dqn", spec)
    again.load(clone(stopped.state()))
    told = list(again.play(128))
    begun = next(i for i, event in enumerate(told) if isinstance(event, Stepped))
    assert told[begun].step.first.all()
    paid = [event.clock.frames for event in told if isinstance(event, Learned)]
    assert paid == [event.clock.frames for event in told[:begun] if isinstance(event, Learned)]
    assert paid[: len(owed)] == owed
    assert set(paid[len(owed) :]) <= {126}  # what is due now besides
    assert again.agent.updates == len(would) + len(paid) - len(owed)


def test_what_cannot_wait_is_refused_in_real_time():
    spec = replace(small_games(2).spec, waits=False)
    with pytest.raises(ValueError, match=r"small catch runs in real time.*; pqn learns from its newest steps alone"):
        session_of("pqn", replace(spec, games=ADAPTED["pqn"].games))
    assert session_of("dqn", spec).agent._owed is None  # of two games there is always one at play


def test_a_cut_is_kept_beside_rows_that_were_saved_without_it():
    memory = Replay(capacity=20, stack=1).build(1, (1,), "float32", np.random.default_rng(0))
    for row in rows_of((0, True), (1, False)):
        memory.add(row, decision([0]))
    written = clone(memory.state())["rows"]
    memory.cut()
    again = Replay(capacity=20, stack=1).build(1, (1,), "float32", np.random.default_rng(0))
    again.load({**memory.state(), "rows": Rows(start=written.start, stop=written.stop, columns=written.columns)})
    assert again.rows.columns["last"][:2, 0].tolist() == [False, True]


def test_a_game_that_can_never_be_begun_again_is_given_up():
    solo = Fragile(size=6, drops=3)
    games = EachGame(replace(small_games(1).spec, games=1), [solo])
    games.begin(np.random.default_rng(2))
    solo.refusals = 99

    def play_on() -> None:
        for _ in range(40):
            games.send(np.array([0]))
            games.recv()

    with pytest.raises(Lost, match="small catch was lost: it is not there"):
        play_on()
    assert solo.refusals == 99 - 6


def losses(*told: tuple[float, str], together: int = 1) -> str | None:
    """What is said after these things happened at these seconds, a step each, so many games being lost together."""
    clock = [0.0]
    found = Losses("it", now=lambda: clock[0])
    for number, (clock[0], what) in enumerate(told):
        row, at = rows_of((0, True))[0], Clock(steps=number)
        for game in range(together if what != "played" else 0):
            found.take(GameLost(clock=at, game=game, reason=what))
        if what == "played":
            found.take(Stepped(clock=at, action=np.zeros(1), step=row))
    return found.too_many


def test_more_than_three_losses_within_a_minute_or_in_a_row_are_too_many():
    often = [(0.0, "a"), (1.0, "played"), (30.0, "b"), (31.0, "played"), (59.0, "c"), (59.5, "played")]
    assert losses(*often) is None
    assert losses(*often, (60.0, "it fell")) == "it was lost 4 times within a minute, at last because it fell"
    assert losses(*often, (60.5, "it fell")) is None
    seldom = [(100.0 * number, "it fell") for number in range(4)]
    assert losses(*seldom[:3]) is None
    assert losses(*seldom) == "it was lost 4 times in a row, at last because it fell"
    assert losses(*seldom[:3], (250.0, "played"), seldom[3]) is None


def test_games_of_one_process_that_are_lost_together_are_lost_once():
    assert losses((0.0, "it fell"), (1.0, "played"), together=64) is None
    often = [(0.0, "a"), (1.0, "played"), (30.0, "b"), (31.0, "played"), (59.0, "c"), (59.5, "played")]
    assert losses(*often, together=64) is None
    assert losses(*often, (60.0, "it fell"), together=64) == (
        "it was lost 4 times within a minute, at last because it fell"
    )
