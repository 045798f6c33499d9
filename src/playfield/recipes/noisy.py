"""DQN that explores by noise in its own weights (Fortunato et al., 2018)."""

from playfield.explore import EpsilonGreedy
from playfield.networks import Noisy, Plain
from playfield.recipes.dqn import DQN
from playfield.schedules import Constant

NOISY = DQN.but(
    name="noisy",
    about="NoisyNet-DQN: factorised noise in both layers of the head instead of random actions, mean weights in "
    "evaluations. A fresh sample of noise for each pass, shared by the batch, as in DQN Zoo.",
    head=Plain(hidden=512, layer=Noisy(sigma=0.5)),
    explore=EpsilonGreedy(Constant(0.0)),
    eval_epsilon=0.0,
)
