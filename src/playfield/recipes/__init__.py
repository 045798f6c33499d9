"""One file for each algorithm, values only. Adding one: a new file, its import here and its line in `RECIPES`."""

import json

from playfield.recipes.actor_critic import ACTOR_CRITIC
from playfield.recipes.breakout_1m import BREAKOUT_1M
from playfield.recipes.btr import BTR
from playfield.recipes.c51 import C51
from playfield.recipes.der import DER
from playfield.recipes.der_desktop import DER_DESKTOP
from playfield.recipes.double import DOUBLE
from playfield.recipes.dqfd import DQFD
from playfield.recipes.dqn import DQN
from playfield.recipes.dqn_adam import DQN_ADAM
from playfield.recipes.dqn_classic import DQN_CLASSIC
from playfield.recipes.dqn_desktop import DQN_DESKTOP
from playfield.recipes.dqn_toy import DQN_TOY
from playfield.recipes.dueling import DUELING
from playfield.recipes.gravitar_prioritized import GRAVITAR_PRIORITIZED
from playfield.recipes.hl_gauss import HL_GAUSS
from playfield.recipes.iqn import IQN
from playfield.recipes.linear import LINEAR_RECIPES
from playfield.recipes.linear_recipe import LinearRecipe
from playfield.recipes.m_dqn import M_DQN
from playfield.recipes.m_iqn import M_IQN
from playfield.recipes.noisy import NOISY
from playfield.recipes.pong_laptop import PONG_LAPTOP
from playfield.recipes.pong_lesson import PONG_LESSON
from playfield.recipes.pqn import PQN
from playfield.recipes.prioritized import PRIORITIZED
from playfield.recipes.prioritized_rank import PRIORITIZED_RANK
from playfield.recipes.qr_dqn import QR_DQN
from playfield.recipes.rainbow import RAINBOW
from playfield.recipes.recipe import Recipe
from playfield.recipes.serpent_rainbow import SERPENT_RAINBOW
from playfield.settings import from_plain

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        DQN,
        DQN_ADAM,
        DOUBLE,
        PRIORITIZED,
        PRIORITIZED_RANK,
        DUELING,
        NOISY,
        C51,
        RAINBOW,
        QR_DQN,
        IQN,
        M_DQN,
        M_IQN,
        HL_GAUSS,
        DER,
        DQFD,
        PQN,
        BTR,
        ACTOR_CRITIC,
        SERPENT_RAINBOW,
        BREAKOUT_1M,
        PONG_LESSON,
        GRAVITAR_PRIORITIZED,
        PONG_LAPTOP,
        DQN_CLASSIC,
        DQN_DESKTOP,
        DER_DESKTOP,
        DQN_TOY,
    )
}

AnyRecipe = Recipe | LinearRecipe
"""Of a network or of a linear learner."""

ALL_RECIPES: dict[str, AnyRecipe] = {**RECIPES, **LINEAR_RECIPES}


def recipe_from_json(text: str) -> AnyRecipe:
    """The recipe that `to_json` wrote.

    Raises: ValueError naming the setting that does not fit.
    """
    try:
        plain = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"this is not a recipe in JSON: {error}") from error
    if not isinstance(plain, dict):
        raise ValueError("this is not a recipe: the file must hold one JSON object")
    return from_plain(AnyRecipe, plain)


__all__ = ["ALL_RECIPES", "LINEAR_RECIPES", "RECIPES", "AnyRecipe", "LinearRecipe", "Recipe", "recipe_from_json"]
