"""Double DQN that replays surprising transitions more often, in proportion (Schaul et al., 2016)."""

from dataclasses import replace

from playfield.bootstrap import Double
from playfield.explore import EpsilonGreedy
from playfield.learner import Copy
from playfield.memory.priorities import Proportional
from playfield.networks import Plain
from playfield.optimizers import RMSProp
from playfield.recipes.dqn import DQN
from playfield.schedules import Linear

PRIORITIZED = DQN.but(
    name="prioritized",
    about="Proportional prioritised Double DQN with DQN Zoo's numbers: tuned Double DQN at a quarter of its step size, "
    "independent draws, one sample in a thousand uniform, weights divided by the largest of the batch. A weight "
    "multiplies the clipped error, as in the paper; DQN Zoo clips the weighted one.",
    bootstrap=Double(),
    head=Plain(hidden=512, bias="shared"),
    explore=EpsilonGreedy(Linear(1.0, 0.01, over_frames=4_000_000)),
    memory=replace(
        DQN.memory,
        sampler=Proportional(
            alpha=0.6, beta=Linear(0.4, 1.0, over_frames=199_800_000), uniform_share=1e-3, draws="independent"
        ),
    ),
    optimizer=RMSProp(lr=6.25e-5, decay=0.95, eps=0.01 / 32**2 / 16),
    target=Copy(every_frames=120_000),
    eval_epsilon=0.01,
)
