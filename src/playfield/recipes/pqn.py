"""PQN: parallelised Q-network, without replay and without a target network (Gallici et al., 2024)."""

from playfield.bootstrap import Settled
from playfield.explore import EpsilonGreedy
from playfield.learner import NoTarget
from playfield.memory.rollout import Rollout
from playfield.networks import Conv, LayerNorm, NormalInit, Plain
from playfield.optimizers import RAdam
from playfield.recipes.dqn import DQN
from playfield.returns import Expectation
from playfield.schedules import Linear

PQN = DQN.but(
    name="pqn",
    about="PQN with the numbers of its authors' Atari code: 128 games of 32 steps, 2 epochs of 32 minibatches, layer "
    "norm over channels, RAdam. Weights start normal rather than truncated normal.",
    games=128,
    torso=Conv(norm=LayerNorm(over="channels", eps=1e-6), init=NormalInit(scale=2.0)),
    head=Plain(hidden=512, norm=LayerNorm(eps=1e-6), init=NormalInit(scale=2.0), output_init=NormalInit(scale=1.0)),
    returns=Expectation(huber=None),
    bootstrap=Settled(),
    explore=EpsilonGreedy(Linear(1.0, 0.001, over_frames=20_000_000)),
    memory=Rollout(steps=32, epochs=2, minibatches=32, discount=0.99, lambda_=0.65),
    optimizer=RAdam(lr=2.5e-4, eps=1e-8, clip_norm=10.0),
    target=NoTarget(),
    eval_epsilon=0.0,
)
