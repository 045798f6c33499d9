"""Double DQN, tuned (van Hasselt, Guez & Silver, 2016)."""

from playfield.bootstrap import Double
from playfield.explore import EpsilonGreedy
from playfield.learner import Copy
from playfield.networks import Plain
from playfield.recipes.dqn import DQN
from playfield.schedules import Linear

DOUBLE = DQN.but(
    name="double",
    about="Double DQN with the tuned numbers: less exploration, a slower target, one bias shared by all actions. The "
    "evaluation epsilon follows the paper (0.001); DQN Zoo uses 0.01.",
    bootstrap=Double(),
    head=Plain(hidden=512, bias="shared"),
    explore=EpsilonGreedy(Linear(1.0, 0.01, over_frames=4_000_000)),
    target=Copy(every_frames=120_000),
    eval_epsilon=0.001,
)
