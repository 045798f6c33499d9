"""DQN for vector observations: CartPole, Acrobot and their like."""

from playfield.explore import EpsilonGreedy
from playfield.learner import Copy
from playfield.memory.replay import Replay
from playfield.networks import Mlp, Plain
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.returns import Expectation
from playfield.schedules import Linear

DQN_CLASSIC = DQN.but(
    name="dqn_classic",
    about="DQN with a small fully connected network for games that show numbers, after CleanRL's classic-control "
    "settings. One action is one frame in these games.",
    torso=Mlp(hidden=(120,)),
    head=Plain(hidden=84),
    returns=Expectation(huber=None),
    explore=EpsilonGreedy(Linear(1.0, 0.05, over_frames=250_000)),
    memory=Replay(
        capacity=10_000,
        start_frames=10_000,
        batch=128,
        every_frames=10,
        n_step=1,
        discount=0.99,
        stack=1,
        reward_clip=None,
    ),
    optimizer=Adam(lr=2.5e-4, eps=1e-8),
    target=Copy(every_frames=500),
    eval_epsilon=0.0,
    frames=500_000,
)
