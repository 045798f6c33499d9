"""Beyond the Rainbow: a residual torso, implicit quantiles, Munchausen and 64 games (Clark et al., 2024)."""

from dataclasses import replace

from playfield.bootstrap import Munchausen
from playfield.explore import EpsilonGreedy
from playfield.games.protocol import machado
from playfield.learner import Copy
from playfield.memory.priorities import Proportional
from playfield.networks import Dueling, Impala, Noisy, SpectralNorm
from playfield.optimizers import Adam
from playfield.recipes.dqn import DQN
from playfield.returns import ImplicitQuantiles
from playfield.schedules import Constant, Exponential

BTR = DQN.but(
    name="btr",
    about="BTR with the numbers of its authors' code: importance weights of the constant exponent 0.2, the Munchausen "
    "term from the online network. Evaluations play the mean weights without the authors' 1% of random actions. "
    "Epsilon falls from the first update on, theirs from the first frame.",
    games=64,
    protocol=machado(name="btr", full_action_set=False, noop_max=30),
    torso=Impala(widths=(32, 64, 64), blocks=2, residual_norm=SpectralNorm(), pool=6),
    head=Dueling(hidden=512, layer=Noisy(sigma=0.5), gradient_scale=1.0),
    returns=ImplicitQuantiles(samples=8, target_samples=8, acting_samples=8, cosines=64, first_cosine=0),
    bootstrap=Munchausen(alpha=0.9, temperature=0.03, low=-1.0, log_policy="online"),
    explore=EpsilonGreedy(Exponential(1.0, 0.01, decay_frames=8_000_000, until_frames=100_000_000)),
    memory=replace(
        DQN.memory,
        sampler=Proportional(alpha=0.2, beta=Constant(0.2), offset=1e-6, draws="stratified"),
        capacity=2**20,
        start_frames=800_000,
        batch=256,
        every_frames=256,
        n_step=3,
        discount=0.997,
    ),
    optimizer=Adam(lr=1e-4, eps=0.005 / 256, clip_norm=10.0),
    target=Copy(every_frames=128_000),
    eval_epsilon=0.0,
)
