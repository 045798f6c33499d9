"""A lesson's DQN on Pong: a small memory, three actions, training until the mean score is 18."""

from dataclasses import replace

from playfield.explore import EpsilonGreedy
from playfield.games.protocol import nature
from playfield.learner import Copy
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.returns import Expectation
from playfield.schedules import Linear

PONG_LESSON = DQN.but(
    name="pong_lesson",
    about="The DQN of Altahhan's lesson 18: 10,000 transitions, learning once they are there, Adam at 1e-4, squared "
    "error, epsilon to 0.01 over 200,000 decisions, NOOP RIGHT LEFT only, two frames so that movement shows. It "
    "stops at a mean of 18 over 100 games, or after 2M decisions. Its Double DQN: bootstrap=Double. Its "
    "environment repeated actions at random and, against its text, skipped 16 frames; here neither.",
    protocol=nature(actions=("NOOP", "RIGHT", "LEFT")),
    returns=Expectation(huber=None),
    explore=EpsilonGreedy(Linear(1.0, 0.01, over_frames=800_000)),
    memory=replace(DQN.memory, capacity=10_000, start_frames=40_000, every_frames=4, stack=2),
    optimizer=Adam(lr=1e-4, eps=1e-7),
    target=Copy(every_frames=4_000),
    eval_epsilon=0.01,
    frames=8_000_000,
    until_score=18.0,
    over_episodes=100,
)
