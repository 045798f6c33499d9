"""Double DQN that splits action values into the value of the screen and advantages (Wang et al., 2016)."""

from playfield.bootstrap import Double
from playfield.explore import EpsilonGreedy
from playfield.learner import Copy
from playfield.networks import Dueling
from playfield.optimizers import RMSProp
from playfield.recipes.dqn import DQN
from playfield.schedules import Linear

DUELING = DQN.but(
    name="dueling",
    about="Dueling Double DQN: two streams of 512 units, gradients into the torso scaled by 1/√2, gradient norm at "
    "most 10; the rest as tuned Double DQN. The paper's best results add prioritised replay.",
    bootstrap=Double(),
    head=Dueling(hidden=512),
    explore=EpsilonGreedy(Linear(1.0, 0.01, over_frames=4_000_000)),
    optimizer=RMSProp(lr=2.5e-4, decay=0.95, eps=0.01 / 32**2, clip_norm=10.0),
    target=Copy(every_frames=120_000),
    eval_epsilon=0.001,
)
