"""The classic craft of training deep networks, for Keras 3 on TensorFlow, JAX and PyTorch.

Layers, schedules and optimizers are here; callbacks that watch a run are in `keras_ddl.callbacks`.
"""

from keras_ddl import layers, optimizers, schedules
from keras_ddl._version import __version__
from keras_ddl.population import Population

__all__ = ["Population", "__version__", "layers", "optimizers", "schedules"]
