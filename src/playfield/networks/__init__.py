"""Networks from observations to action values: a torso of layers, a head, and how predictions are read.

Specs are frozen values with `build`; every weight is drawn from the generators given, never from a global one.
"""

from playfield.networks.activations import Activation, LeakyRelu, Relu
from playfield.networks.draws import Chance, Draws, Script
from playfield.networks.efficient_net import AveragePool, EfficientNet, FusedMBConv, MaxPool, MBConv, Pool, Stage
from playfield.networks.heads import Dueling, Factored, Head, Plain
from playfield.networks.impala import Impala
from playfield.networks.inits import Init, NormalInit, OrthogonalInit, UniformInit
from playfield.networks.layers import Dense, Layer, Noisy, NoisyLinear, linear
from playfield.networks.network import FractionEmbedding, ImplicitQNetwork, QNetwork, chance_of, obs_shape
from playfield.networks.norms import LayerNorm, NoNorm, Norm, SpectralNorm, WeightNorm
from playfield.networks.torsos import Conv, Mlp, Torso

__all__ = [
    "Activation",
    "AveragePool",
    "Chance",
    "Conv",
    "Dense",
    "Draws",
    "Dueling",
    "EfficientNet",
    "Factored",
    "FractionEmbedding",
    "FusedMBConv",
    "Head",
    "Impala",
    "ImplicitQNetwork",
    "Init",
    "Layer",
    "LayerNorm",
    "LeakyRelu",
    "MBConv",
    "MaxPool",
    "Mlp",
    "NoNorm",
    "Noisy",
    "NoisyLinear",
    "Norm",
    "NormalInit",
    "OrthogonalInit",
    "Plain",
    "Pool",
    "QNetwork",
    "Relu",
    "Script",
    "SpectralNorm",
    "Stage",
    "Torso",
    "UniformInit",
    "WeightNorm",
    "chance_of",
    "linear",
    "obs_shape",
]
