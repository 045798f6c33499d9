"""The fastest way we know to Pong 18 on two CPU cores: PQN with a small torso."""

from playfield.explore import EpsilonGreedy
from playfield.games.protocol import nature
from playfield.memory.rollout import Rollout
from playfield.networks import Conv, LayerNorm, OrthogonalInit, Plain
from playfield.optimizers import RAdam
from playfield.recipes.pqn import PQN
from playfield.schedules import Linear, Piecewise

PONG_LAPTOP = PQN.but(
    name="pong_laptop",
    about="PQN for two cores: small frames, a 91k-parameter network, many small minibatches, short schedules "
    "of epsilon and step size, and learning spread over the next rollout: emulators and network work side by side.",
    games=32,
    protocol=nature(frame_size=(42, 42)),
    torso=Conv(layers=((16, 6, 3), (32, 3, 2), (32, 3, 1)), norm=LayerNorm(), init=OrthogonalInit()),
    head=Plain(hidden=128, norm=LayerNorm(), init=OrthogonalInit(), output_init=OrthogonalInit(gain=1.0)),
    explore=EpsilonGreedy(Piecewise(((0.0, 1.0), (800_000.0, 0.01), (2_400_000.0, 0.001)))),
    memory=Rollout(steps=32, epochs=3, minibatches=16, discount=0.99, lambda_=0.8, pace="spread"),
    optimizer=RAdam(lr=Linear(5e-4, 5e-5, over_frames=2_200_000)),
    frames=8_000_000,
)
