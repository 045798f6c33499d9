"""Deep Q-network (Mnih et al., 2015), with the numbers of the original code and of DQN Zoo."""

from playfield.bootstrap import Greedy
from playfield.explore import EpsilonGreedy
from playfield.games.protocol import nature
from playfield.learner import Copy
from playfield.memory.replay import Replay
from playfield.networks import Conv, Plain
from playfield.optimizers import RMSProp
from playfield.recipes.recipe import Recipe
from playfield.returns import Expectation
from playfield.schedules import Linear

DQN = Recipe(
    name="dqn",
    about="DQN as in Nature 2015. Mean Huber loss with eps 0.01/32² equals the original's summed, clipped error with "
    "eps 0.01. The target is copied every 10,000 decisions, as the original code does. Frames are greyed and resized "
    "by the emulator library before the maximum of two is taken (the paper takes the maximum first). Of equal values "
    "the first action is taken, there one at random.",
    games=1,
    protocol=nature(),
    torso=Conv(layers=((32, 8, 4), (64, 4, 2), (64, 3, 1))),
    head=Plain(hidden=512),
    returns=Expectation(huber=1.0),
    bootstrap=Greedy(),
    explore=EpsilonGreedy(Linear(1.0, 0.1, over_frames=4_000_000)),
    memory=Replay(
        capacity=1_000_000,
        start_frames=200_000,
        batch=32,
        every_frames=16,
        n_step=1,
        discount=0.99,
        stack=4,
        reward_clip=1.0,
    ),
    optimizer=RMSProp(lr=2.5e-4, decay=0.95, eps=0.01 / 32**2),
    target=Copy(every_frames=40_000),
    eval_epsilon=0.05,
    frames=200_000_000,
)
