"""What the lab plays, from the words of the command line: learners, worlds and encoders by name, settings by option."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Annotated, Any, TypeVar

import tyro

from playfield.games.games import Observations
from playfield.games.gymnasium_games import PREFIX, gymnasium_games, open_environment
from playfield.linear import encoders, learners, worlds
from playfield.linear.encoders import EncoderSpec
from playfield.linear.learners import LearnerSpec
from playfield.linear.play import Setup
from playfield.linear.policies import EpsilonGreedy, PolicySpec, Softmax
from playfield.linear.views import vector_view
from playfield.linear.worlds import WorldSpec
from playfield.settings import UnknownSetting, nearest, override, paths, to_plain

Positional = tyro.conf.Positional
T = TypeVar("T")

LEARNERS: dict[str, LearnerSpec] = {
    "sarsa": learners.Sarsa(),
    "n_step_sarsa": learners.NStepSarsa(),
    "expected_sarsa": learners.ExpectedSarsa(),
    "q_learning": learners.QLearning(),
    "double_q_learning": learners.DoubleQLearning(),
    "sarsa_lambda": learners.SarsaLambda(),
    "true_online_sarsa": learners.TrueOnlineSarsaLambda(),
    "watkins_q": learners.WatkinsQ(),
    "true_online_q": learners.TrueOnlineQ(),
    "actor_critic": learners.ActorCritic(),
    "td": learners.Sarsa(),
    "n_step_td": learners.NStepSarsa(),
    "td_lambda": learners.SarsaLambda(trace="accumulating"),
    "true_online_td": learners.TrueOnlineSarsaLambda(),
    "offline_lambda_return": learners.OfflineLambdaReturn(),
    "monte_carlo": learners.NStepSarsa(n=None),
}
"""Learners by the names of the command line; those of prediction are those of control in a world of one action."""

WORLDS: dict[str, WorldSpec] = {
    "mountaincar": worlds.MountainCar(),
    "mountaincar200": worlds.MountainCar(max_steps=200),
    "walk5": worlds.RandomWalk(states=5, left_reward=0.0),
    "walk19": worlds.RandomWalk(),
    "walk1000": worlds.RandomWalk(states=1000, farthest=100),
    "cliff": worlds.Cliff(max_steps=10_000),
    "windy": worlds.WindyGrid(max_steps=10_000),
}
"""Worlds by the names of the command line."""

ENCODERS: dict[str, EncoderSpec] = {
    "tiles": encoders.TileCoding(),
    "hashed": encoders.HashedTiles(),
    "grids": encoders.Grids(),
    "onehot": encoders.OneHot(),
    "aggregation": encoders.Aggregation(),
    "tabular": encoders.Tabular(),
    "fourier": encoders.Fourier(),
    "polynomial": encoders.Polynomial(),
}
"""Encoders by the names of the command line."""

POLICIES: dict[str, PolicySpec] = {"epsilon_greedy": EpsilonGreedy(), "softmax": Softmax()}
"""Policies by the names of the command line."""

# Options that are short for a setting: where the set-up has none of the paths, it says so.
_SHORT = {
    "alpha": "learner.alpha",
    "gamma": "learner.gamma",
    "n": "learner.n",
    "lambda_": "learner.lambda_",
    "trace": "learner.trace",
    "tilings": "encoder.tilings",
    "tiles": "encoder.tiles",
    "size": "encoder.size",
    "order": "encoder.order",
    "epsilon": "policy.epsilon",
    "temperature": "policy.temperature",
    "max_steps": "world.max_steps",
}


@dataclass(frozen=True, slots=True)
class Words:
    """Who learns what how, as typed."""

    learner: Positional[str]
    """sarsa, n_step_sarsa, expected_sarsa, q_learning, double_q_learning, sarsa_lambda, true_online_sarsa, watkins_q,
    true_online_q, actor_critic; to predict: td, n_step_td, td_lambda, true_online_td, offline_lambda_return,
    monte_carlo."""
    world: Positional[str]
    """mountaincar, mountaincar200 (cut off after 200 steps), cliff, windy; to predict: walk5, walk19, walk1000; or
    gym:ID for a Gymnasium environment."""
    overrides: Positional[tuple[str, ...]] = ()
    """Settings of learner, encoder, policy and world to change, for instance policy.over_steps=10000."""
    encoder: str | None = None
    """tiles, hashed, grids, onehot, aggregation, tabular, fourier or polynomial; by default what fits the world."""
    policy: str | None = None
    """epsilon_greedy or softmax; by default epsilon_greedy, and softmax for actor_critic."""
    alpha: str | None = None
    """Step size, divided by the number of features that are 1 at once."""
    gamma: str | None = None
    """Discount of the next value."""
    n: str | None = None
    """Rewards in a target of the n-step learners; none for all."""
    lambda_: Annotated[str | None, tyro.conf.arg(name="lambda")] = None
    """How slowly traces fade: 0 at once, 1 never."""
    trace: str | None = None
    """accumulating, replacing, clearing or dutch."""
    tilings: str | None = None
    """Grids of tile coding."""
    tiles: str | None = None
    """Tiles across the range of every observed number."""
    size: str | None = None
    """Places in the index table, or states of a group."""
    order: str | None = None
    """Highest frequency or power of a basis."""
    epsilon: str | None = None
    """Probability of a random action."""
    temperature: str | None = None
    """Of a softmax policy."""
    max_steps: str | None = None
    """Steps after which an episode is cut off; none for never."""
    ranges: tuple[str, ...] | None = None
    """LOW:HIGH for every observed number of a gym: world that has no limits of its own."""

    def setup(self) -> Setup:
        """What the words mean.

        Raises: ValueError where they mean nothing; UnknownSetting where an option is not for what was chosen.
        """
        setup = self.parts()
        return override(setup, {**self._short(setup), **dict(split(text) for text in self.overrides)})

    def parts(self) -> Setup:
        """What the names among the words mean, with every setting as it is by default.

        Raises: ValueError for a name that means nothing.
        """
        learner = named(LEARNERS, self.learner, "learner")
        world = self._world()
        fitting = "tiles" if _observations(world).states is None else "tabular"
        encoder = named(ENCODERS, self.encoder or fitting, "encoder")
        usual = "softmax" if isinstance(learner, learners.ActorCritic) else "epsilon_greedy"
        policy = named(POLICIES, self.policy or usual, "policy")
        return Setup(world=world, encoder=encoder, learner=learner, policy=policy)

    def swept(self, name: str) -> str:
        """What a setting is called here that gets several values: by the field of its option, or else by its path.

        Raises: UnknownSetting with the nearest names; ValueError where it has a value already.
        """
        plain = name.replace("-", "_")
        if plain not in _FIELDS and "." not in name:
            inner = [path for path, _ in paths(self.parts()) if "." in path]
            known = [*(known for known in _FIELDS if "." not in known), *inner]
            raise UnknownSetting(f"there is no setting {name!r}; the nearest are: {nearest(name, known)}")
        field = _FIELDS.get(plain, name)
        path = path_of(field)
        if getattr(self, field, None) is not None or path in dict(split(text) for text in self.overrides):
            raise ValueError(f"{name} cannot have one value and several; leave out its option, or {path}=VALUE")
        return field

    def but(self, settings: Mapping[str, str]) -> Words:
        """The same words with values for settings, which are called as by `swept`."""
        options: dict[str, Any] = {name: text for name, text in settings.items() if "." not in name}
        more = tuple(f"{path}={text}" for path, text in settings.items() if "." in path)
        return replace(self, overrides=(*self.overrides, *more), **options)

    def value_of(self, name: str, setup: Setup) -> Any:
        """The value that a setting has in the set-up of these words; of encoder and policy the word itself."""
        return getattr(self, name) if name in _CHOICES else reduce(getattr, path_of(name).split("."), setup)

    def _world(self) -> WorldSpec:
        ranges = None if self.ranges is None else tuple(_range(text) for text in self.ranges)
        if self.world.startswith(PREFIX):
            return worlds.GymnasiumWorld(id=self.world.removeprefix(PREFIX), ranges=ranges)
        if ranges is not None:
            raise ValueError(f"--ranges is for gym: worlds; {self.world} knows its own")
        return named(WORLDS, self.world, "world")

    def _short(self, setup: Setup) -> dict[str, str]:
        known = {path for path, _ in paths(setup)}
        given = {path: value for name, path in _SHORT.items() if (value := getattr(self, name)) is not None}
        for path in given:
            if path not in known:
                owner, _, field = path.partition(".")
                kind = type(getattr(setup, owner)).__name__
                has = ", ".join(p.partition(".")[2] for p in sorted(known) if p.startswith(f"{owner}."))
                option = f"--{field.strip('_').replace('_', '-')}"
                raise UnknownSetting(f"{option} means nothing to {kind}, which has {has or 'no settings'}")
        return given


_CHOICES = ("encoder", "policy")

# The fields of the words that stand for a setting, by the name of their option and by their path.
_FIELDS = {
    **{name.rstrip("_"): name for name in (*_SHORT, *_CHOICES)},
    **{path: name for name, path in _SHORT.items()},
}


def path_of(name: str) -> str:
    """The dotted path of a setting that is called as by `Words.swept`."""
    return _SHORT.get(name, name)


def named(table: Mapping[str, T], name: str, kind: str) -> T:
    """The entry of that name.

    Raises: ValueError with the nearest names.
    """
    if name not in table:
        raise ValueError(f"there is no {kind} {name!r}; the nearest are: {nearest(name, list(table))}")
    return table[name]


def _range(text: str) -> tuple[float, float]:
    low, colon, high = text.partition(":")
    try:
        pair = float(low), float(high)
    except ValueError:
        pair = (0.0, 0.0)
    if not colon or not pair[0] < pair[1]:
        raise ValueError(f"{text!r} is no range; write LOW:HIGH, for instance -2.4:2.4")
    return pair


def split(text: str, example: str = "learner.alpha=0.3") -> tuple[str, str]:
    """Path and value of a setting as it is typed.

    Raises: ValueError with an example where it is none.
    """
    path, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is no setting; write PATH=VALUE, for instance {example}")
    return path, value


def _observations(world: WorldSpec) -> Observations:
    if not isinstance(world, worlds.GymnasiumWorld):
        return world.observations
    games = gymnasium_games(world.name, 1)
    games.close()
    return vector_view(games.spec, world.ranges).observations


def describe(setup: Setup, limit: int | None, swept: Collection[str] = ()) -> None:
    """Print what will be played, but for the settings at the swept paths."""
    cut = "never cut off" if limit is None else f"cut off after {limit:,} steps"
    print(f"world    {setup.world.name}" + ("" if "world.max_steps" in swept else f", episodes {cut}"))
    for kind in ("encoder", "learner", "policy"):
        value = getattr(setup, kind)
        plain = {name: number for name, number in to_plain(value).items() if name != "type"}
        texts = [f"{name}={number}" for name, number in plain.items() if f"{kind}.{name}" not in swept]
        if kind not in swept:
            print(f"{kind:<8} {' '.join((type(value).__name__, *texts))}")


def limit_of(setup: Setup) -> int | None:
    """Steps after which the world cuts an episode off; None for never."""
    if not isinstance(setup.world, worlds.GymnasiumWorld):
        return setup.world.max_steps
    environment = open_environment(setup.world.id)
    environment.close()
    return None if environment.spec is None else environment.spec.max_episode_steps
