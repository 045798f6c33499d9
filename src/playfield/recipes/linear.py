"""The linear learners of the textbook as recipes, for runs that are kept like any other."""

from __future__ import annotations

from playfield.linear import learners
from playfield.linear.policies import EpsilonGreedy, Softmax
from playfield.recipes.linear_recipe import LinearRecipe

_PROMISE = "Linear in tile-coded features."


def _recipe(name: str, about: str, learner: learners.LearnerSpec) -> LinearRecipe:
    softmax = isinstance(learner, learners.ActorCritic)
    policy = Softmax() if softmax else EpsilonGreedy(epsilon=0.05)
    return LinearRecipe(name=name, about=f"{about} {_PROMISE}", learner=learner, policy=policy)


LINEAR_RECIPES: dict[str, LinearRecipe] = {
    recipe.name: recipe
    for recipe in (
        _recipe("sarsa", "Sarsa (Sutton & Barto 2018, section 10.1).", learners.Sarsa()),
        _recipe("n_step_sarsa", "n-step Sarsa (ibid., section 10.2).", learners.NStepSarsa()),
        _recipe("expected_sarsa", "Expected Sarsa (van Seijen et al. 2009).", learners.ExpectedSarsa()),
        _recipe("q_learning", "Q-learning (Watkins 1989).", learners.QLearning()),
        _recipe("double_q_learning", "Double Q-learning (van Hasselt 2010).", learners.DoubleQLearning()),
        _recipe("sarsa_lambda", "Sarsa(λ) (Sutton & Barto 2018, section 12.7).", learners.SarsaLambda()),
        _recipe(
            "true_online_sarsa", "True online Sarsa(λ) (van Seijen & Sutton 2014).", learners.TrueOnlineSarsaLambda()
        ),
        _recipe("watkins_q", "Watkins' Q(λ) (Sutton & Barto 2018, section 12.10).", learners.WatkinsQ()),
        _recipe("true_online_q", "True online Q(λ), traces cut at exploration.", learners.TrueOnlineQ()),
        _recipe("linear_actor_critic", "One-step actor-critic (ibid., section 13.5).", learners.ActorCritic()),
    )
}
"""By name; each of one line, since all but the learner is the same."""
