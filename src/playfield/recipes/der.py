"""Data-efficient Rainbow: 100,000 decisions, an update at each (van Hasselt, Hessel & Aslanides, 2019)."""

from dataclasses import replace

from playfield.bootstrap import Double
from playfield.explore import EpsilonGreedy
from playfield.learner import Copy
from playfield.memory.priorities import Proportional
from playfield.networks import Conv, Dueling, Noisy
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.returns import Categorical
from playfield.schedules import Constant, Linear

DER = DQN.but(
    name="der",
    about="Data-efficient Rainbow with the numbers of Kaixhin's Rainbow: a small torso, twenty steps, noise of 0.1. "
    "Dopamine's takes ten steps. Noise of a bias shrinks with its layer's inputs as in the paper, there its "
    "outputs.",
    torso=Conv(layers=((32, 5, 5), (64, 5, 5))),
    head=Dueling(hidden=256, layer=Noisy(sigma=0.1), gradient_scale=1.0),
    returns=Categorical(-10.0, 10.0, atoms=51),
    bootstrap=Double(),
    explore=EpsilonGreedy(Constant(0.0)),
    memory=replace(
        DQN.memory,
        sampler=Proportional(alpha=0.5, beta=Linear(0.4, 1.0, over_frames=393_600)),
        capacity=100_000,
        start_frames=6_400,
        every_frames=4,
        n_step=20,
    ),
    optimizer=Adam(lr=1e-4, eps=1.5e-4, clip_norm=10.0),
    target=Copy(every_frames=8_000),
    eval_epsilon=0.0,
    frames=400_000,
)
