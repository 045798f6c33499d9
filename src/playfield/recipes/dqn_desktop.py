"""Double DQN for desktop games: few steps a second, so every one of them is learnt from."""

from playfield.bootstrap import Double
from playfield.explore import EpsilonGreedy
from playfield.learner import Copy
from playfield.memory.replay import Replay
from playfield.networks import Conv, Plain
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.schedules import Linear

DQN_DESKTOP = DQN.but(
    name="dqn_desktop",
    about="Double DQN for small pictures of desktop games, in which one action is one frame: an update at "
    "every other one, small strides, since those of Atari's torso lose small things.",
    games=2,
    torso=Conv(layers=((16, 4, 2), (32, 3, 2))),
    head=Plain(hidden=128),
    bootstrap=Double(),
    explore=EpsilonGreedy(Linear(1.0, 0.02, over_frames=2_000)),
    memory=Replay(
        capacity=20_000,
        start_frames=400,
        every_frames=2,
        n_step=4,
        discount=0.95,
        stack=2,
    ),
    optimizer=Adam(lr=Linear(1e-3, 2e-4, over_frames=12_000), eps=1e-8),
    target=Copy(every_frames=400),
    eval_epsilon=0.0,
    frames=12_000,
)
