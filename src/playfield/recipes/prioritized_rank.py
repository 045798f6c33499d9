"""Double DQN that replays transitions by the rank of their surprise (Schaul et al., 2016)."""

from dataclasses import replace

from playfield.bootstrap import Double
from playfield.explore import EpsilonGreedy
from playfield.learner import Copy
from playfield.memory.priorities import RankBased
from playfield.networks import Plain
from playfield.optimizers import RMSProp
from playfield.recipes.dqn import DQN
from playfield.schedules import Linear

PRIORITIZED_RANK = DQN.but(
    name="prioritized_rank",
    about="Rank-based prioritised Double DQN with the paper's numbers: alpha 0.7, beta from 0.5 to 1, a heap in nearly "
    "sorted order that is sorted every million changes, a quarter of Double DQN's step size.",
    bootstrap=Double(),
    head=Plain(hidden=512, bias="shared"),
    explore=EpsilonGreedy(Linear(1.0, 0.01, over_frames=4_000_000)),
    memory=replace(
        DQN.memory,
        sampler=RankBased(alpha=0.7, beta=Linear(0.5, 1.0, over_frames=199_800_000), sort_every=1_000_000),
    ),
    optimizer=RMSProp(lr=6.25e-5, decay=0.95, eps=0.01 / 32**2 / 16),
    target=Copy(every_frames=120_000),
    eval_epsilon=0.01,
)
