"""Checks of arguments that several classes share."""

from numbers import Integral, Real


def unit_interval(name, value, otherwise=""):
    """`value` as a float, if it is a real number in [0, 1].

    Raises:
        ValueError: naming the argument, what else it may be, and what was received.
    """
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else -1.0
    if not 0 <= number <= 1:
        raise ValueError(
            f"`{name}` must be a number in [0, 1]{otherwise}. Received: {name}={value!r}"
        )
    return number


def positive_integer(name, value):
    """`value`, if it is an integer of at least 1.

    Raises:
        ValueError: naming the argument and what was received.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")
    return int(value)
