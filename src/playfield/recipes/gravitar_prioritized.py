"""A student's prioritised DQN on Gravitar, with its numbers and without its faults."""

from dataclasses import replace

from playfield.explore import EpsilonGreedy
from playfield.games.protocol import machado
from playfield.learner import Copy
from playfield.memory.priorities import Proportional
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.schedules import Exponential, Linear

GRAVITAR_PRIORITIZED = DQN.but(
    name="gravitar_prioritized",
    about="The Durham notebook's prioritised DQN: 50,000 transitions, rewards divided by 100, ten updates every ten "
    "decisions, epsilon falling exponentially, sticky actions. Its decisions lasted 2 to 5 frames; here 4. Priorities "
    "are the error itself, not its weighted loss. Epsilon falls from the first update on, there from the first frame.",
    protocol=machado(name="gravitar", full_action_set=False, noop_max=30, fire_start=True),
    explore=EpsilonGreedy(Exponential(1.0, 0.01, decay_frames=1_200_000)),
    memory=replace(
        DQN.memory,
        sampler=Proportional(alpha=0.6, beta=Linear(0.4, 1.0, over_frames=4_000_000), offset=1e-5, draws="independent"),
        capacity=50_000,
        start_frames=40_000,
        every_frames=40,
        batches=10,
        reward_clip=None,
        reward_scale=0.01,
    ),
    optimizer=Adam(lr=1e-4, eps=1e-8),
    target=Copy(every_frames=4_000),
    eval_epsilon=0.01,
    frames=40_000_000,
)
