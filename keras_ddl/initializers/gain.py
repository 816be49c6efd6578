"""The gain that preserves the scale of signals through an activation function."""

import math

from keras_ddl._checks import finite

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity, param=None) -> float:
    """The factor for the standard deviation of weights before an activation function.

    The values are those of PyTorch: 1 for "linear", the convolutions and "sigmoid", 5/3 for "tanh",
    sqrt(2) for "relu", 3/4 for "selu", sqrt(2 / (1 + param^2)) for "leaky_relu".

    Args:
        nonlinearity: string, the name of the function.
        param: float, the negative slope of "leaky_relu". Default .01. Other functions ignore it.

    Returns:
        A float.

    Raises:
        ValueError: if the function is not known, or the slope is not a number.

    Reference: He et al., "Delving Deep into Rectifiers", arXiv 1502.01852.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1.0 + float(finite("param", slope)) ** 2))
    if nonlinearity not in _GAINS:
        known = ", ".join([*_GAINS, "leaky_relu"])
        raise ValueError(
            f"`nonlinearity` must be one of {known}. Received: nonlinearity={nonlinearity!r}"
        )
    return _GAINS[nonlinearity]
