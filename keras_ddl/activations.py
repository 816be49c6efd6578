"""Activation functions that Keras core lacks, and a catalogue of the classic ones."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_ddl")
def binary_step(x) -> Any:
    """1 where `x >= 0`, else 0; its gradient is 0 everywhere.

    Reference: McCulloch & Pitts, "A logical calculus of the ideas immanent in nervous activity",
    Bulletin of Mathematical Biophysics 5 (1943).
    """
    x = ops.convert_to_tensor(x)
    return ops.cast(x >= 0, x.dtype)


@keras.saving.register_keras_serializable(package="keras_ddl")
def straight_through_binary_step(x) -> Any:
    """1 where `x >= 0`, else 0, with a surrogate gradient: 1 where `|x| <= 1`, else 0.

    The surrogate gradient makes networks with this activation trainable.

    Reference: Bengio et al., "Estimating or Propagating Gradients Through Stochastic Neurons",
    arXiv 1308.3432; the clipped form is that of Hubara et al., arXiv 1602.02830.
    """
    x = ops.convert_to_tensor(x)
    passing = ops.clip(x, -1.0, 1.0)
    # The difference in parentheses is exactly 0, but its gradient is that of `passing`.
    return binary_step(x) + (passing - ops.stop_gradient(passing))


@keras.saving.register_keras_serializable(package="keras_ddl")
def arctan(x) -> Any:
    """The inverse tangent of `x`, between -pi/2 and pi/2."""
    return ops.arctan(x)


@keras.saving.register_keras_serializable(package="keras_ddl")
def very_leaky_relu(x) -> Any:
    """`x` where `x > 0`, else `x / 3`.

    Reference: Graham, "Spatially-sparse convolutional neural networks", arXiv 1409.6070.
    """
    return keras.activations.leaky_relu(x, negative_slope=1 / 3)


@dataclass(frozen=True)
class Properties:
    """The mathematical properties of a scalar activation function.

    Args:
        name: the name of the function, with its parameters.
        function: a callable that maps a tensor to a tensor.
        equation, derivative: expressions in `x`, written with NumPy's functions and with `Phi` and
            `phi`, the standard normal distribution function and its density.
        range: the lower and the upper bound of the values, which may be infinite.
        closed: for each bound, whether the function attains it.
        continuity: the order of the highest continuous derivative. -1 means that the function
            itself is not continuous; infinity means that all derivatives are continuous.
        monotonic: whether the function never decreases.
        monotonic_derivative: whether the derivative never decreases, that is, whether the function
            is convex.
        identity_near_origin: whether f(0) = 0, f'(0) = 1 and f' is continuous at 0.
    """

    name: str
    function: Callable
    equation: str
    derivative: str
    range: tuple[float, float]
    closed: tuple[bool, bool]
    continuity: float
    monotonic: bool
    monotonic_derivative: bool
    identity_near_origin: bool


def _leaky(name, function, slope):
    return Properties(
        name,
        function,
        f"where(x > 0, x, x * {slope})",
        f"where(x > 0, 1, {slope})",
        (-math.inf, math.inf),
        (False, False),
        0,
        True,
        True,
        False,
    )


def _prelu(x):
    return keras.activations.leaky_relu(x, negative_slope=0.25)


def _maxout(x):
    return ops.maximum(-0.5 * x, x)


_INF = math.inf
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

CATALOGUE = (
    Properties(
        "identity", keras.activations.linear, "x", "1 + 0 * x",
        (-_INF, _INF), (False, False), _INF, True, True, True,
    ),
    Properties(
        "binary step", binary_step, "where(x >= 0, 1, 0)", "0 * x",
        (0.0, 1.0), (True, True), -1, True, False, False,
    ),
    Properties(
        "logistic", keras.activations.sigmoid, "1 / (1 + exp(-x))",
        "exp(-abs(x)) / (1 + exp(-abs(x)))**2",
        (0.0, 1.0), (False, False), _INF, True, False, False,
    ),
    Properties(
        "tanh", keras.activations.tanh, "tanh(x)", "1 - tanh(x)**2",
        (-1.0, 1.0), (False, False), _INF, True, False, True,
    ),
    Properties(
        "ReLU", keras.activations.relu, "maximum(x, 0)", "where(x > 0, 1, 0)",
        (0.0, _INF), (True, False), 0, True, True, False,
    ),
    Properties(
        "GELU", keras.activations.gelu, "x * Phi(x)", "Phi(x) + x * phi(x)",
        (-0.16997120, _INF), (True, False), _INF, False, False, False,
    ),
    Properties(
        "softplus", keras.activations.softplus, "logaddexp(0, x)", "1 / (1 + exp(-x))",
        (0.0, _INF), (False, False), _INF, True, True, False,
    ),
    Properties(
        "ELU (alpha 1)", keras.activations.elu, "where(x > 0, x, expm1(minimum(x, 0)))",
        "where(x > 0, 1, exp(minimum(x, 0)))",
        (-1.0, _INF), (False, False), 1, True, True, True,
    ),
    Properties(
        "SELU", keras.activations.selu,
        "1.0507010 * where(x > 0, x, 1.6732632 * expm1(minimum(x, 0)))",
        "1.0507010 * where(x > 0, 1, 1.6732632 * exp(minimum(x, 0)))",
        (-_SELU_SCALE * _SELU_ALPHA, _INF), (False, False), 0, True, False, False,
    ),
    _leaky("leaky ReLU (.2)", keras.activations.leaky_relu, "0.2"),
    _leaky("very leaky ReLU", very_leaky_relu, "(1 / 3)"),
    _leaky("PReLU (at .25)", _prelu, "0.25"),
    Properties(
        "arctan", arctan, "arctan(x)", "1 / (1 + x**2)",
        (-math.pi / 2, math.pi / 2), (False, False), _INF, True, False, True,
    ),
    Properties(
        "SiLU (swish)", keras.activations.silu, "x / (1 + exp(-x))",
        "(1 + exp(-x) + x * exp(-x)) / (1 + exp(-x))**2",
        (-0.27846454, _INF), (True, False), _INF, False, False, False,
    ),
    Properties(
        "maxout (-x/2, x)", _maxout, "maximum(-x / 2, x)", "where(x > 0, 1, -1 / 2)",
        (0.0, _INF), (True, False), 0, False, True, False,
    ),
)  # fmt: skip
