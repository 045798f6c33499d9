"""A student project's DQN on Breakout: Adam, leaky ReLUs, raw rewards."""

from dataclasses import replace

from playfield.explore import EpsilonGreedy
from playfield.networks import Conv, LeakyRelu, NormalInit, Plain
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.schedules import Linear

BREAKOUT_1M = DQN.but(
    name="breakout_1m",
    about="The AML project's DQN on Breakout: a million transitions, Adam at 6.25e-5, leaky ReLUs, He's weights, "
    "epsilon to 0.1 within 1M frames, raw rewards. Its faults (frozen frames, lives as whole games) are not repeated.",
    torso=Conv(layers=((32, 8, 4), (64, 4, 2), (64, 3, 1)), activation=LeakyRelu(slope=0.2), init=NormalInit()),
    head=Plain(hidden=512, activation=LeakyRelu(slope=0.2), init=NormalInit(), output_init=NormalInit()),
    explore=EpsilonGreedy(Linear(1.0, 0.1, over_frames=1_000_000)),
    memory=replace(DQN.memory, reward_clip=None),
    optimizer=Adam(lr=6.25e-5, eps=1e-7),
)
