"""Advantage actor-critic: a policy and its critic on one torso (Mnih et al., 2016)."""

from playfield.bootstrap import Settled
from playfield.explore import Sampled
from playfield.learner import NoTarget
from playfield.memory.rollout import Rollout
from playfield.networks import Conv, OrthogonalInit, Plain
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.returns import PolicyAndValue
from playfield.schedules import Linear

ACTOR_CRITIC = DQN.but(
    name="actor_critic",
    about="A2C in the loop, memory and learner of all the others: 16 games of 5 steps, returns to the end of each "
    "rollout, one step of Adam for each. The paper's RMSProp is not centred; rates as in OpenAI Baselines, whose "
    "critic weighs twice as much.",
    games=16,
    torso=Conv(layers=((32, 8, 4), (64, 4, 2), (64, 3, 1)), init=OrthogonalInit()),
    head=Plain(hidden=512, init=OrthogonalInit(), output_init=OrthogonalInit(gain=0.01)),
    returns=PolicyAndValue(value_weight=0.5, entropy_weight=0.01),
    bootstrap=Settled(),
    explore=Sampled(),
    memory=Rollout(steps=5, epochs=1, minibatches=1, discount=0.99, lambda_=1.0),
    optimizer=Adam(lr=Linear(7e-4, 0.0, over_frames=200_000_000), eps=1e-5, clip_norm=0.5),
    target=NoTarget(),
    eval_epsilon=0.0,
)
