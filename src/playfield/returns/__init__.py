"""What a network predicts about the return of every action. Pure; the learner knows only the verbs."""

from playfield.returns.categorical import Categorical
from playfield.returns.expectation import Expectation, ExpectedReturn, ExpectedReturns
from playfield.returns.hl_gauss import HLGauss
from playfield.returns.policy_and_value import PolicyAndValue
from playfield.returns.quantiles import ImplicitQuantiles, ImplicitReturns, QuantileReturns, Quantiles
from playfield.returns.returns import Return, Returns

Readable = Expectation | Categorical | Quantiles | HLGauss | PolicyAndValue
"""Predictions that are read off a network's outputs."""
ReturnSpec = Readable | ImplicitQuantiles
"""Every kind of prediction."""
__all__ = [
    "Categorical",
    "Expectation",
    "ExpectedReturn",
    "ExpectedReturns",
    "HLGauss",
    "ImplicitQuantiles",
    "ImplicitReturns",
    "PolicyAndValue",
    "QuantileReturns",
    "Quantiles",
    "Readable",
    "Return",
    "ReturnSpec",
    "Returns",
]
