"""The Rainbow agent of SerpentAI, a toolkit for desktop games, with its numbers and without its faults."""

from dataclasses import replace

from playfield.bootstrap import Double
from playfield.explore import EpsilonGreedy
from playfield.games.protocol import nature
from playfield.learner import Copy
from playfield.memory.priorities import Proportional
from playfield.networks import Conv, Dueling, Noisy
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.returns import Categorical
from playfield.schedules import Constant, Linear

SERPENT_RAINBOW = DQN.but(
    name="serpent_rainbow",
    about="Rainbow as SerpentAI ran it: frames of 100x100 pixels, 1024 units, 100,000 transitions, an update at every "
    "decision, raw rewards. Its decisions count as 4 frames each. Gradients are shortened before the step, and "
    "priorities are the unweighted loss, both as its own source (Kaixhin's Rainbow) meant them. Rewards beyond 10 do "
    "not fit its range and end a training: scale or clip them.",
    protocol=nature(frame_size=(100, 100)),
    torso=Conv(layers=((32, 8, 4), (64, 4, 2), (64, 3, 1)), padding=(1, 0, 0)),
    head=Dueling(hidden=1024, layer=Noisy(sigma=0.1), gradient_scale=1.0),
    returns=Categorical(-10.0, 10.0, atoms=51),
    bootstrap=Double(),
    explore=EpsilonGreedy(Constant(0.0)),
    memory=replace(
        DQN.memory,
        sampler=Proportional(alpha=0.5, beta=Linear(0.4, 1.0, over_frames=19_800_000)),
        capacity=100_000,
        every_frames=4,
        n_step=3,
        reward_clip=None,
    ),
    optimizer=Adam(lr=6.25e-5, eps=1.5e-4, clip_norm=10.0),
    target=Copy(every_frames=40_000),
    eval_epsilon=0.0,
    frames=20_000_000,
)
