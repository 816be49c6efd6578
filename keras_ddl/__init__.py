"""The classic craft of training deep networks, for Keras 3 on TensorFlow, JAX and PyTorch.

Layers, schedules and optimizers are here; callbacks that watch a run are in `keras_ddl.callbacks`.
"""

from keras_ddl import activations, graph, initializers, layers, optimizers, schedules
from keras_ddl._version import __version__

__all__ = [
    "__version__",
    "activations",
    "graph",
    "initializers",
    "layers",
    "optimizers",
    "schedules",
]
