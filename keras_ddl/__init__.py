"""The classic craft of training deep networks, for Keras 3 on TensorFlow, JAX and PyTorch.

This package has layers, initializers, activations, schedules, optimizers, model surgery, data
splitting and populations. The callbacks that monitor training are in `keras_ddl.callbacks`.
"""

from keras_ddl import (
    activations,
    feed,
    graph,
    initializers,
    layers,
    optimizers,
    regularizers,
    schedules,
    splitting,
    surgery,
)
from keras_ddl._version import __version__
from keras_ddl.monte_carlo import mc_predict
from keras_ddl.population import Population

__all__ = [
    "Population",
    "__version__",
    "activations",
    "feed",
    "graph",
    "initializers",
    "layers",
    "mc_predict",
    "optimizers",
    "regularizers",
    "schedules",
    "splitting",
    "surgery",
]
