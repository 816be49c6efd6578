"""The layers of a model that hold no others, and their activation functions."""

from collections.abc import Callable

import keras

from keras_ddl.graph.shadow import Shadow
from keras_ddl.layers.channel_activation import ChannelActivation
from keras_ddl.layers.maxout import Maxout
from keras_ddl.layers.rrelu import RReLU

ACTIVATION_LAYERS = (
    keras.layers.Activation,
    keras.layers.ELU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Softmax,
    ChannelActivation,
    Maxout,
    RReLU,
)
# They call their sublayers in a loop over time, which runs as one operation.
_WHOLE = (keras.layers.RNN, keras.layers.TimeDistributed)


def leaf_layers(layer) -> list[keras.layers.Layer]:
    """The layers without sublayers in a layer or model, each once, in order of creation.

    A layer given as `activation=` counts as part of the layer that has it. Recurrent and
    time-distributed layers count as leaves.
    """
    found = {}
    for child in _children(layer) or [layer]:
        for leaf in [child] if child is layer else leaf_layers(child):
            found[id(leaf)] = leaf
    return [*found.values()]


def operations(model) -> list[keras.Operation]:
    """The operations of functional models that are not layers, such as `keras.ops.relu`."""
    every = {
        id(operation): operation
        for layer in model._flatten_layers()
        if isinstance(layer, keras.Model)
        for operation in getattr(layer, "operations", ())
        if isinstance(operation, keras.Operation) and not isinstance(operation, keras.layers.Layer)
    }
    return [*every.values()]


def own_activation(layer) -> Callable | None:
    """A layer's `activation=` function, or None if it has none or the linear one.

    For an activation layer it is the layer itself.
    """
    if isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.linear:
        return None
    if isinstance(layer, ACTIVATION_LAYERS):
        return layer
    function = _argument(layer)
    return None if function is keras.activations.linear or not callable(function) else function


def _children(layer):
    if isinstance(layer, _WHOLE):
        return []
    # Keras tracks sublayers, those in lists too, but only a model's are public.
    children = layer._flatten_layers(include_self=False, recursive=False)
    return [child for child in children if child is not _argument(layer)]


def _argument(layer):
    """A layer's `activation=` argument, also while the layer is watched."""
    shadow = Shadow.before(layer)
    return getattr(layer, "activation", None) if shadow is None else shadow.activation
