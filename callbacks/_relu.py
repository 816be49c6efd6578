"""Finding the layers that apply a ReLU."""

import keras
import numpy as np
from keras import ops

from keras_ddl.graph import leaf_layers, own_activation

_RELU = [keras.activations.relu, keras.activations.relu6, ops.relu, ops.relu6]
_LEAKY = [
    getattr(keras.activations, name)
    for name in ("elu", "celu", "selu", "leaky_relu", "softplus", "silu", "gelu", "mish")
]
_LEAKY_LAYERS = (keras.layers.LeakyReLU, keras.layers.PReLU, keras.layers.ELU)
_PROBE_VALUES = np.array([[-4.0, -2.0, -1.0, -0.5, -0.1, 2.0, 4.0]], "float32")


def kind(layer):
    """ "relu", "leaky" for variants with a gradient for negative inputs, None for anything else.

    A function that does not come from Keras, such as `tf.nn.relu` or a lambda, is evaluated at a
    few values. It counts as a ReLU if it is 0 for all negative ones and positive for 2 and 4.

    Args:
        layer: a leaf layer, or an operation of a functional model. A `TimeDistributed` layer counts
            as the layer that it wraps.
    """
    if isinstance(layer, keras.layers.TimeDistributed):
        return None if _has_sublayers(layer.layer) else kind(layer.layer)
    activation = _activation(layer)
    if isinstance(activation, keras.layers.ReLU):
        return "relu" if not activation.negative_slope else "leaky"
    if isinstance(activation, _LEAKY_LAYERS):
        return "leaky"
    return None if activation is None else _kind_of_function(activation)


def _activation(layer):
    """The function or activation layer that a leaf layer or an operation applies, or None."""
    if isinstance(layer, keras.layers.RNN):
        return None
    if isinstance(layer, keras.layers.Lambda):
        return layer.function
    if not isinstance(layer, keras.layers.Layer):
        return layer
    activation = own_activation(layer)
    if isinstance(activation, keras.layers.Activation):
        return activation.activation
    return activation


def leaky_layers(model):
    """The leaf layers with a variant of ReLU that cannot die."""
    return [layer for layer in leaf_layers(model) if kind(layer) == "leaky"]


def hidden_relus(model):
    """Leaf layers that run ReLUs inside a loop over time, where units cannot be observed."""
    hidden = []
    for layer in leaf_layers(model):
        if isinstance(layer, keras.layers.TimeDistributed) and _has_sublayers(layer.layer):
            inner = leaf_layers(layer.layer)
        elif isinstance(layer, keras.layers.RNN):
            inner = [layer.cell, *getattr(layer.cell, "cells", ())]
        else:
            continue
        if any(_is_relu(one) for one in inner):
            hidden.append(layer)
    return hidden


def _has_sublayers(layer):
    return leaf_layers(layer) != [layer]


def _is_relu(layer):
    if kind(layer) == "relu":
        return True
    function = getattr(layer, "activation", None)
    return callable(function) and _kind_of_function(function) == "relu"


def _kind_of_function(function):
    if any(function is known for known in _RELU):
        return "relu"
    if any(function is known for known in _LEAKY):
        return "leaky"
    if isinstance(function, keras.layers.Layer) and function.weights:
        return None
    try:
        values = ops.convert_to_numpy(function(ops.convert_to_tensor(_PROBE_VALUES)))
    except Exception:  # a function of other arguments or shapes is not an activation function
        return None
    if values.shape != _PROBE_VALUES.shape:
        return None
    below = _PROBE_VALUES < 0
    return "relu" if np.all(values[below] == 0) and np.all(values[~below] > 0) else None
