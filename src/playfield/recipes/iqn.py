"""DQN that predicts the return at any fraction it is asked for (Dabney et al., 2018b)."""

from playfield.explore import EpsilonGreedy
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.returns import ImplicitQuantiles
from playfield.schedules import Linear

IQN = DQN.but(
    name="iqn",
    about="Implicit quantile networks with the paper's numbers: 64 fractions for predictions and targets, 32 to act. "
    "Cosines count from 1 as in DQN Zoo and Dopamine; the paper counts from 0. DQN Zoo learns after 20,000 decisions "
    "and acts with 64 fractions.",
    returns=ImplicitQuantiles(samples=64, target_samples=64, acting_samples=32, cosines=64),
    explore=EpsilonGreedy(Linear(1.0, 0.01, over_frames=4_000_000)),
    optimizer=Adam(lr=5e-5, eps=0.01 / 32),
    eval_epsilon=0.001,
)
