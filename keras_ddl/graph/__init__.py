"""Inspecting a model: its leaf layers in execution order, and the activation after each.

`watch` and `trace` observe the layer calls of real forward passes, in models of any kind. `wiring`
reads the symbolic graph of functional models without running them.
"""

from keras_ddl.graph.leaves import ACTIVATION_LAYERS, leaf_layers, operations, own_activation
from keras_ddl.graph.shadow import Call
from keras_ddl.graph.tracing import Step, one_of_zeros, trace
from keras_ddl.graph.watching import watch

__all__ = [
    "ACTIVATION_LAYERS",
    "Call",
    "Step",
    "leaf_layers",
    "one_of_zeros",
    "operations",
    "own_activation",
    "trace",
    "watch",
]
