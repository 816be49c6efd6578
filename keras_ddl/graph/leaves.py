"""The leaf layers of a model, which have no sublayers, and their activation functions."""

from collections.abc import Callable

import keras

from keras_ddl.graph.shadow import Shadow
from keras_ddl.layers.channel_activation import ChannelActivation
from keras_ddl.layers.maxout import Maxout
from keras_ddl.layers.rrelu import RReLU
from keras_ddl.regularizers import Penalty

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
# These layers count as leaves: they call their sublayers in a loop over time, and the loop runs as
# one operation.
_TIME_LOOPS = (keras.layers.RNN, keras.layers.TimeDistributed)


def leaf_layers(layer) -> list[keras.layers.Layer]:
    """All layers without sublayers inside a layer or model, each once, in order of creation.

    For a layer without sublayers, the list contains the layer itself.

    A layer passed as `activation=` or as a regularizer counts as part of the layer that received
    it. Recurrent and time-distributed layers count as leaves.
    """
    leaves = {}
    for child in _children(layer) or [layer]:
        for leaf in [child] if child is layer else leaf_layers(child):
            leaves[id(leaf)] = leaf
    return [*leaves.values()]


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
    """A layer's `activation=` function, or None if it has none or it is the linear one.

    For an activation layer, the layer itself is returned.
    """
    if isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.linear:
        return None
    if isinstance(layer, ACTIVATION_LAYERS):
        return layer
    function = _argument(layer)
    return None if function is keras.activations.linear or not callable(function) else function


def _children(layer):
    if isinstance(layer, _TIME_LOOPS):
        return []
    # `_flatten_layers` also finds sublayers of layers and in lists. Keras has no public equivalent.
    children = layer._flatten_layers(include_self=False, recursive=False)
    own = _argument(layer)
    return [child for child in children if child is not own and not isinstance(child, Penalty)]


def _argument(layer):
    """A layer's `activation=` argument, even while a `Shadow` replaces the attribute."""
    shadow = Shadow.of(layer)
    return getattr(layer, "activation", None) if shadow is None else shadow.activation
