"""DQN with Adam, sticky actions and a quicker start (Dopamine's JAX defaults)."""

from dataclasses import replace

from playfield.explore import EpsilonGreedy
from playfield.games.protocol import machado
from playfield.learner import Copy
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.returns import Expectation
from playfield.schedules import Linear

DQN_ADAM = DQN.but(
    name="dqn_adam",
    about="Dopamine's JAX DQN: Adam, squared error, sticky actions. Its loss has no 1/2: half the squared error with "
    "half its Adam eps of 1.5e-4 makes the same steps. Its network pads convolutions; ours does not, like the paper's.",
    protocol=machado(name="dopamine", full_action_set=False),
    returns=Expectation(huber=None),
    explore=EpsilonGreedy(Linear(1.0, 0.01, over_frames=1_000_000)),
    memory=replace(DQN.memory, start_frames=80_000),
    optimizer=Adam(lr=6.25e-5, eps=0.75e-4),
    target=Copy(every_frames=32_000),
    eval_epsilon=0.001,
)
