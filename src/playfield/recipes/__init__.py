"""One file for each algorithm, values only. Adding one: a new file, and its line in `RECIPES`."""

from playfield.recipes.double import DOUBLE
from playfield.recipes.dqn import DQN
from playfield.recipes.dqn_adam import DQN_ADAM
from playfield.recipes.dqn_classic import DQN_CLASSIC
from playfield.recipes.dqn_toy import DQN_TOY
from playfield.recipes.pong_laptop import PONG_LAPTOP
from playfield.recipes.pqn import PQN
from playfield.recipes.recipe import Recipe

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (DQN, DQN_ADAM, DOUBLE, PQN, PONG_LAPTOP, DQN_CLASSIC, DQN_TOY)
}

__all__ = ["RECIPES", "Recipe"]
