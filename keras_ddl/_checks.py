"""Checks of arguments that several classes share."""

from numbers import Integral, Real
from typing import Any

import keras


def _number(value):
    """`value` as a float, or NaN if it is no number: every comparison with NaN is False."""
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else float("nan")


def unit_interval(name, value, otherwise="") -> float:
    """`value` as a float, if it is a real number in [0, 1].

    Raises:
        ValueError: if it is not. The message names the argument and the value received.
    """
    number = _number(value)
    if not 0 <= number <= 1:
        raise ValueError(
            f"`{name}` must be a number in [0, 1]{otherwise}. Received: {name}={value!r}"
        )
    return number


def positive(name, value, unit="") -> Any:
    """`value` unchanged, if it is a finite number above 0.

    Args:
        name: the argument's name.
        value: the argument's value.
        unit: what the number counts, such as " of steps", for the message.

    Raises:
        ValueError: if it is not. The message names the argument and the value received.
    """
    if not 0 < _number(value) < float("inf"):
        raise ValueError(f"`{name}` must be a positive number{unit}. Received: {name}={value!r}")
    return value


def finite(name, value, optional=False) -> Any:
    """`value` unchanged, if it is a finite number, or None with `optional=True`.

    Raises:
        ValueError: if it is neither. The message names the argument and the value received.
    """
    if optional and value is None:
        return value
    if not -float("inf") < _number(value) < float("inf"):
        otherwise = " or None" if optional else ""
        raise ValueError(f"`{name}` must be a number{otherwise}. Received: {name}={value!r}")
    return value


def is_integer(value) -> bool:
    """Whether `value` is a Python or NumPy integer, but not a bool."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def positive_integer(name, value, otherwise="") -> int:
    """`value` as an int, if it is an integer of at least 1.

    Args:
        name: the argument's name.
        value: the argument's value.
        otherwise: further values that the caller accepts, such as " or -1", for the message.

    Raises:
        ValueError: if it is not. The message names the argument and the value received.
    """
    if not is_integer(value) or value < 1:
        raise ValueError(
            f"`{name}` must be a positive integer{otherwise}. Received: {name}={value!r}"
        )
    return int(value)


def one_of(name, value, choices) -> Any:
    """`value` unchanged, if it is one of `choices`.

    Raises:
        ValueError: if it is not. The message names the argument, the choices and the value
            received.
    """
    if value not in choices:
        listed = ", ".join(map(repr, choices))
        raise ValueError(f"`{name}` must be one of {listed}. Received: {name}={value!r}")
    return value


def data_format(value) -> str:
    """`value`, if it is a data format. None stands for Keras' global setting.

    Raises:
        ValueError: if it is not. The message names the argument and the value received.
    """
    if value is None:
        return keras.config.image_data_format()
    return one_of("data_format", value, ("channels_last", "channels_first"))
