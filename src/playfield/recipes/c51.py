"""DQN that predicts the distribution of returns over 51 atoms (Bellemare, Dabney & Munos, 2017)."""

from playfield.explore import EpsilonGreedy
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.returns import Categorical
from playfield.schedules import Linear

C51 = DQN.but(
    name="c51",
    about="Categorical DQN with the paper's numbers. DQN Zoo also limits the gradient norm to 10; the paper does not.",
    returns=Categorical(-10.0, 10.0, atoms=51),
    explore=EpsilonGreedy(Linear(1.0, 0.01, over_frames=4_000_000)),
    optimizer=Adam(lr=2.5e-4, eps=0.01 / 32),
    eval_epsilon=0.001,
)
