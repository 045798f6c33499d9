"""Writes family.md: what each recipe changes of DQN, and how long recipes and ingredients are.

Run after a change of either: python docs/make_family.py. A test fails while the page is out of date.
"""

from __future__ import annotations

import ast
from pathlib import Path

from playfield.recipes import RECIPES
from playfield.settings import difference, setting_text

DOCS = Path(__file__).parent
SOURCE = DOCS.parent / "src" / "playfield"

INGREDIENTS: dict[str, tuple[str, ...]] = {
    "expected returns (DQN)": ("returns/expectation.py",),
    "categorical returns (C51)": ("returns/categorical.py",),
    "quantiles, fixed and implicit (QR-DQN, IQN)": (
        "returns/quantiles.py",
        "networks/network.py:ImplicitQNetwork FractionEmbedding",
    ),
    "histogram of a Gaussian (HL-Gauss)": ("returns/hl_gauss.py",),
    "policy and value (actor-critic)": ("returns/policy_and_value.py", "explore.py:Sampled"),
    "greedy bootstrap": ("bootstrap.py:Greedy",),
    "double": ("bootstrap.py:Double",),
    "expected (Sarsa)": ("bootstrap.py:Expected",),
    "Munchausen": ("bootstrap.py:Munchausen scaled_log_policy",),
    "n-step returns": ("multistep.py:n_step",),
    "λ-returns and rollouts (PQN)": ("multistep.py:lambda_returns", "memory/rollout.py"),
    "uniform replay": ("memory/replay.py", "memory/priorities.py:Uniform NoPriorities"),
    "proportional priorities": (
        "memory/priorities.py:Proportional ProportionalPriorities BlockSums importance_weights",
    ),
    "rank-based priorities": ("memory/priorities.py:RankBased RankedPriorities",),
    "demonstrations (DQfD): margin, L2, kept for good": (
        "imitation.py",
        "memory/demonstrated.py",
        "learner.py:imitation_loss",
    ),
    "plain head": ("networks/heads.py:Plain",),
    "bias shared by all actions (Double DQN, tuned)": ("networks/heads.py:_SharedBias",),
    "dueling head": (
        "networks/heads.py:Dueling _TwoStreams _two_streams _check_streams _ScaledGradient _scaled_gradient",
    ),
    "factored head, for several axes of actions": ("networks/heads.py:Factored",),
    "noisy layers": ("networks/layers.py:Noisy NoisyLinear noise_factor",),
    "torso of convolutions (Nature, DER, small)": ("networks/torsos.py:Conv",),
    "fully connected torso": ("networks/torsos.py:Mlp",),
    "residual torso (IMPALA)": ("networks/impala.py",),
    "EfficientNetV2-style torso": ("networks/efficient_net.py",),
    "layer norm": ("networks/norms.py:LayerNorm _ChannelsLastNorm",),
    "spectral norm": ("networks/norms.py:SpectralNorm _SpectralConvolution",),
    "ReLU, leaky or not": ("networks/activations.py",),
    "initial weights: uniform, normal, orthogonal": ("networks/inits.py",),
    "RMSProp, centred (DQN)": ("optimizers.py:RMSProp CenteredRMSProp",),
    "Adam": ("optimizers.py:Adam",),
    "AdamW": ("optimizers.py:AdamW",),
    "RAdam": ("optimizers.py:RAdam",),
    "epsilon-greedy": ("explore.py:EpsilonGreedy choose",),
    "schedules: constant, linear, exponential, piecewise": ("schedules.py",),
    "the one TD loss and the gradient step": (
        "learner.py:Copy NoTarget LearningRule Update td_loss Learner load_weights",
    ),
}


def code_lines(path: Path, names: tuple[str, ...] = ()) -> int:
    """Lines that are neither blank, nor comment, nor docstring; of the named classes and functions, or of the file."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    silent: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            silent |= set(range(body[0].lineno, (body[0].end_lineno or body[0].lineno) + 1))
    wanted = [node for node in tree.body if getattr(node, "name", None) in names]
    if missing := set(names) - {getattr(node, "name", "") for node in wanted}:
        raise ValueError(f"{path} has no {', '.join(sorted(missing))}; name what it has in INGREDIENTS")
    spans = [range(node.lineno, (node.end_lineno or node.lineno) + 1) for node in wanted] if names else None
    counted = 0
    for number, line in enumerate(text.splitlines(), 1):
        inside = spans is None or any(number in span for span in spans)
        counted += inside and number not in silent and bool(line.strip()) and not line.strip().startswith("#")
    return counted


def ingredient_rows() -> list[str]:
    """One table row for each ingredient, and one for all of them together."""
    rows: list[str] = []
    total = 0
    for ingredient, places in INGREDIENTS.items():
        lines, files = 0, []
        for place in places:
            file, _, names = place.partition(":")
            lines += code_lines(SOURCE / file, tuple(names.split()))
            files.append(f"`{file}`")
        rows.append(f"| {ingredient} | {', '.join(files)} | {lines} |")
        total += lines
    return [*rows, f"| **all {len(rows)}** | | **{total:,}** |"]


def recipe_lines(name: str) -> int:
    """How long the recipe's file is."""
    return code_lines(SOURCE / "recipes" / f"{name}.py")


def recipe_section(name: str) -> list[str]:
    """A recipe: its length, what it is, and what it changes."""
    recipe = RECIPES[name]
    changes = [entry for entry in difference(RECIPES["dqn"], recipe) if entry[0] not in ("name", "about")]
    rows = [f"| `{path}` | {setting_text(before)} | {setting_text(after)} |" for path, before, after in changes]
    table = ["", "| setting | dqn | here |", "|---|---|---|", *rows] if rows else []
    return [
        "",
        f"### {name}",
        "",
        f"{recipe.about} {recipe_lines(name)} lines; protocol {recipe.protocol.name}.",
        *table,
    ]


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            "# The family",
            "",
            "Made by `python docs/make_family.py`: do not edit. Lines of code: no blank lines, comments or docstrings.",
            "",
            "## Ingredients",
            "",
            "| ingredient | where, in `src/playfield` | lines |",
            "|---|---|---|",
            *ingredient_rows(),
            "",
            "## Recipes, and what each changes of `dqn`",
            "",
            f"All {len(RECIPES)}: {sum(map(recipe_lines, RECIPES)):,} lines. A dash: no such setting. "
            "`playfield recipes NAME` explains every setting.",
            *(line for name in RECIPES for line in recipe_section(name)),
            "",
        ]
    )


if __name__ == "__main__":
    (DOCS / "family.md").write_text(page(), encoding="utf-8")
