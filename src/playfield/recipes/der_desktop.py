"""Data-efficient Rainbow for desktop games: few steps and small pictures as in `dqn_desktop`, and all of Rainbow."""

from playfield.bootstrap import Double
from playfield.explore import EpsilonGreedy
from playfield.learner import Copy
from playfield.memory.priorities import Proportional
from playfield.memory.replay import Replay
from playfield.networks import Conv, Dueling, Noisy
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.returns import Categorical
from playfield.schedules import Constant, Linear

DER_DESKTOP = DQN.but(
    name="der_desktop",
    about="Data-efficient Rainbow for small pictures of desktop games, in which one action is one frame: an update at "
    "each, ten steps, a torso of small strides, since those of Atari's lose small things. Learns LBreakout2.",
    games=2,
    torso=Conv(layers=((24, 4, 2), (32, 3, 2), (32, 3, 2))),
    head=Dueling(hidden=128, layer=Noisy(sigma=0.1), gradient_scale=1.0),
    returns=Categorical(-10.0, 10.0, atoms=51),
    bootstrap=Double(),
    explore=EpsilonGreedy(Constant(0.0)),
    memory=Replay(
        capacity=100_000,
        start_frames=1_600,
        every_frames=1,
        n_step=10,
        discount=0.97,
        stack=2,
        sampler=Proportional(alpha=0.5, beta=Linear(0.4, 1.0, over_frames=393_600)),
    ),
    optimizer=Adam(lr=2.5e-4, eps=1.5e-4, clip_norm=10.0),
    target=Copy(every_frames=1_000),
    eval_epsilon=0.0,
    frames=45_000,
)
