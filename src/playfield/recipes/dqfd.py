"""Deep Q-learning from demonstrations: shown first, then on its own (Hester et al., 2018)."""

from dataclasses import replace

from playfield.bootstrap import Double
from playfield.explore import EpsilonGreedy
from playfield.imitation import Imitation
from playfield.learner import Copy
from playfield.memory.priorities import Proportional
from playfield.networks import Dueling
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.schedules import Constant, Linear

DQFD = DQN.but(
    name="dqfd",
    about="DQfD with the paper's numbers: 750,000 updates on demonstrations, then prioritised double, dueling DQN with "
    "a loss over ten steps, a large margin and weights kept small. Adam is Rainbow's, and an update each 16 frames "
    "DQN's: the paper's were not at hand. Rewards are clipped at 1; the paper takes sgn(r) log(1 + |r|).",
    head=Dueling(hidden=512),
    bootstrap=Double(),
    explore=EpsilonGreedy(Constant(0.01)),
    memory=replace(
        DQN.memory,
        start_frames=0,
        sampler=Proportional(alpha=0.4, beta=Linear(0.6, 1.0, over_frames=200_000_000), offset=0.001),
    ),
    optimizer=Adam(lr=6.25e-5, eps=1.5e-4),
    target=Copy(every_frames=160_000),
    imitation=Imitation(),
    eval_epsilon=0.01,
)
