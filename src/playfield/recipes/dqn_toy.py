"""Double DQN for our own toy games: learns `catch` in under a minute on one core."""

from playfield.bootstrap import Double
from playfield.explore import EpsilonGreedy
from playfield.learner import Copy
from playfield.memory.replay import Replay
from playfield.networks import Mlp, Plain
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.schedules import Linear

DQN_TOY = DQN.but(
    name="dqn_toy",
    about="Double DQN with a small network for the toy games. One action is one frame in these games.",
    games=8,
    torso=Mlp(hidden=(64,)),
    head=Plain(hidden=64),
    bootstrap=Double(),
    explore=EpsilonGreedy(Linear(1.0, 0.05, over_frames=10_000)),
    memory=Replay(
        capacity=20_000,
        start_frames=1_000,
        batch=32,
        every_frames=8,
        n_step=3,
        discount=0.97,
        stack=2,
        reward_clip=None,
    ),
    optimizer=Adam(lr=1e-3, eps=1e-8),
    target=Copy(every_frames=500),
    eval_epsilon=0.0,
    frames=50_000,
)
