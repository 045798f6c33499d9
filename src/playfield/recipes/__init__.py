"""One file for each algorithm, values only. Adding one: a new file, its import here and its line in `RECIPES`."""

from playfield.recipes.actor_critic import ACTOR_CRITIC
from playfield.recipes.breakout_1m import BREAKOUT_1M
from playfield.recipes.btr import BTR
from playfield.recipes.c51 import C51
from playfield.recipes.der import DER
from playfield.recipes.double import DOUBLE
from playfield.recipes.dqn import DQN
from playfield.recipes.dqn_adam import DQN_ADAM
from playfield.recipes.dqn_classic import DQN_CLASSIC
from playfield.recipes.dqn_toy import DQN_TOY
from playfield.recipes.dueling import DUELING
from playfield.recipes.gravitar_prioritized import GRAVITAR_PRIORITIZED
from playfield.recipes.hl_gauss import HL_GAUSS
from playfield.recipes.iqn import IQN
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
        PQN,
        BTR,
        ACTOR_CRITIC,
        SERPENT_RAINBOW,
        BREAKOUT_1M,
        PONG_LESSON,
        GRAVITAR_PRIORITIZED,
        PONG_LAPTOP,
        DQN_CLASSIC,
        DQN_TOY,
    )
}

__all__ = ["RECIPES", "Recipe"]
