"""Rainbow: six improvements of DQN together (Hessel et al., 2018)."""

from dataclasses import replace

from playfield.bootstrap import Double
from playfield.explore import EpsilonGreedy
from playfield.learner import Copy
from playfield.memory.priorities import Proportional
from playfield.networks import Dueling, Noisy
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.returns import Categorical
from playfield.schedules import Constant, Linear

RAINBOW = DQN.but(
    name="rainbow",
    about="Rainbow with the paper's numbers: double, prioritised by the cross entropy, dueling, three steps, 51 atoms, "
    "noisy layers of 0.5. Samples are stratified as in Schaul et al.; DQN Zoo draws independently and has "
    "noise of 0.1, and limits priorities to 100. Gradients into the torso are not scaled: that is Dueling DQN's.",
    bootstrap=Double(),
    head=Dueling(hidden=512, layer=Noisy(sigma=0.5), gradient_scale=1.0),
    returns=Categorical(-10.0, 10.0, atoms=51),
    explore=EpsilonGreedy(Constant(0.0)),
    memory=replace(
        DQN.memory,
        sampler=Proportional(alpha=0.5, beta=Linear(0.4, 1.0, over_frames=199_920_000)),
        n_step=3,
        start_frames=80_000,
    ),
    optimizer=Adam(lr=6.25e-5, eps=1.5e-4, clip_norm=10.0),
    target=Copy(every_frames=32_000),
    eval_epsilon=0.0,
)
