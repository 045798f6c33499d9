"""DQN that predicts 200 quantiles of the return (Dabney et al., 2018)."""

from playfield.explore import EpsilonGreedy
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.returns import Quantiles
from playfield.schedules import Linear

QR_DQN = DQN.but(
    name="qr_dqn",
    about="QR-DQN-1 with the paper's numbers: 200 quantiles, quantile Huber loss. DQN Zoo takes 201 and limits the "
    "gradient norm; Dopamine's current settings add three steps and priorities.",
    returns=Quantiles(count=200, huber=1.0),
    explore=EpsilonGreedy(Linear(1.0, 0.01, over_frames=4_000_000)),
    optimizer=Adam(lr=5e-5, eps=0.01 / 32),
    eval_epsilon=0.001,
)
