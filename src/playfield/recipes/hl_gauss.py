"""DQN that learns values as a classification (Farebrother et al., 2024)."""

from dataclasses import replace

from playfield.explore import EpsilonGreedy
from playfield.games.protocol import machado
from playfield.learner import Copy
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.returns import HLGauss
from playfield.schedules import Linear

HL_GAUSS = DQN.but(
    name="hl_gauss",
    about="DQN with the HL-Gauss loss: 51 bins from -10 to 10, targets 0.75 bins wide, on Dopamine's Adam settings as "
    "in the paper. Bins divide the range from end to end. Weights start, and convolutions end at the border, as in the "
    "DQN paper, not as in Dopamine.",
    protocol=machado(name="dopamine", full_action_set=False),
    returns=HLGauss(-10.0, 10.0, bins=51, spread=0.75),
    explore=EpsilonGreedy(Linear(1.0, 0.01, over_frames=1_000_000)),
    memory=replace(DQN.memory, start_frames=80_000),
    optimizer=Adam(lr=6.25e-5, eps=1.5e-4),
    target=Copy(every_frames=32_000),
    eval_epsilon=0.001,
)
