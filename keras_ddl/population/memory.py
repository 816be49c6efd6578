"""Estimates of how many members fit in memory."""

import math
import os

import keras


def member_bytes(model: keras.Model, *, batch_size: int = 32, slots: int = 2) -> int:
    """Estimate the memory of one member while it trains, in bytes.

    The estimate includes its variables, their gradients, the optimizer's slots, one temporary array
    for each weight, and the outputs of all layers with their gradients.

    Args:
        model: a built `keras.Model`.
        batch_size: examples in a batch. Default 32.
        slots: variables that the optimizer keeps for each weight: 0 for plain SGD, 1 with
            momentum, 2 for Adam. Default 2.
    """
    trainable = sum(map(_bytes, model.trainable_variables))
    frozen = sum(map(_bytes, model.non_trainable_variables))
    activations = 0
    for layer in model._flatten_layers(include_self=False):
        try:
            output = layer.output
        except (AttributeError, ValueError):  # layers of subclassed models have no output
            continue
        for tensor in keras.tree.flatten(output):
            units = math.prod(size or 1 for size in tensor.shape[1:])
            activations += units * batch_size * _item_bytes(tensor.dtype)
    # A weight, its gradient and a temporary array, and the slots.
    return (3 + slots) * trainable + frozen + 2 * activations


def members_that_fit(
    model: keras.Model, *, batch_size: int = 32, slots: int = 2, memory: float | None = None
) -> int:
    """How many members like `model` can train together, at least 1.

    Args:
        model: a built `keras.Model`.
        batch_size: examples in a batch. Default 32.
        slots: variables that the optimizer keeps for each weight. Default 2.
        memory: bytes that may be used. Default: 80 % of the main memory that is free now. A GPU's
            memory is not considered.
    """
    if memory is None:
        memory = 0.8 * free_memory()
    return max(1, int(memory // member_bytes(model, batch_size=batch_size, slots=slots)))


def free_memory() -> float:
    """Bytes of main memory that are free now; infinity where this is not known."""
    try:
        with open("/proc/meminfo") as lines:
            fields = dict(line.split(":", 1) for line in lines)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return math.inf


def _bytes(variable):
    return math.prod(variable.shape) * _item_bytes(variable.dtype)


def _item_bytes(dtype):
    sizes = {"64": 8, "32": 4, "16": 2}
    return next((size for digits, size in sizes.items() if str(dtype).endswith(digits)), 1)
