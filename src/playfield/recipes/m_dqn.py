"""Munchausen DQN: a soft policy whose log probability is part of the reward (Vieillard, Pietquin & Geist, 2020)."""

from dataclasses import replace

from playfield.bootstrap import Munchausen
from playfield.explore import EpsilonGreedy
from playfield.games.protocol import machado
from playfield.learner import Copy
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.schedules import Linear

M_DQN = DQN.but(
    name="m_dqn",
    about="Munchausen DQN with the numbers of its authors' code, which stands on Dopamine: sticky actions, Adam, Huber "
    "loss, both policies from the target network. Weights start, and convolutions end at the border, as in the DQN "
    "paper, not as in Dopamine.",
    protocol=machado(name="dopamine", full_action_set=False),
    bootstrap=Munchausen(alpha=0.9, temperature=0.03, low=-1.0),
    explore=EpsilonGreedy(Linear(1.0, 0.01, over_frames=1_000_000)),
    memory=replace(DQN.memory, start_frames=80_000),
    optimizer=Adam(lr=5e-5, eps=0.01 / 32),
    target=Copy(every_frames=32_000),
    eval_epsilon=0.001,
)
