"""Munchausen IQN (Vieillard, Pietquin & Geist, 2020)."""

from dataclasses import replace

from playfield.bootstrap import Munchausen
from playfield.explore import EpsilonGreedy
from playfield.games.protocol import machado
from playfield.learner import Copy
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.returns import ImplicitQuantiles
from playfield.schedules import Linear

M_IQN = DQN.but(
    name="m_iqn",
    about="Munchausen IQN with the numbers of its authors' code: as m_dqn, with 64 fractions for predictions and "
    "targets and 32 for the policies. Weights start, and convolutions end at the border, as in the DQN paper, not as "
    "in Dopamine.",
    protocol=machado(name="dopamine", full_action_set=False),
    returns=ImplicitQuantiles(samples=64, target_samples=64, acting_samples=32, cosines=64),
    bootstrap=Munchausen(alpha=0.9, temperature=0.03, low=-1.0),
    explore=EpsilonGreedy(Linear(1.0, 0.01, over_frames=1_000_000)),
    memory=replace(DQN.memory, start_frames=80_000),
    optimizer=Adam(lr=5e-5, eps=0.01 / 32),
    target=Copy(every_frames=32_000),
    eval_epsilon=0.001,
)
