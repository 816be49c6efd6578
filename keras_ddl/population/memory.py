"""How many members fit in memory."""

import math
import os

import keras


def member_bytes(model: keras.Model, *, batch_size: int = 32, slots: int = 2) -> int:
    """An estimate of what one member takes while training, in bytes.

    Counted are its variables, their gradients, the optimizer's slots, the update's temporaries,
    and every layer's output, kept for the backward pass, with its gradient.

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
        except (AttributeError, ValueError):  # a layer outside any graph, as in subclassed models
            continue
        for tensor in keras.tree.flatten(output):
            units = math.prod(size or 1 for size in tensor.shape[1:])
            activations += units * batch_size * _item_bytes(tensor.dtype)
    # A gradient and a temporary of the update beside each weight and its slots.
    return (3 + slots) * trainable + frozen + 2 * activations


def members_that_fit(
    model: keras.Model, *, batch_size: int = 32, slots: int = 2, memory: float | None = None
) -> int:
    """How many members like `model` can train together, at least 1.

    Args:
        model: a built `keras.Model`.
        batch_size: examples in a batch. Default 32.
        slots: variables that the optimizer keeps for each weight. Default 2.
        memory: bytes that may be used. Default: 80 % of the main memory free now, which says
            nothing of a GPU's.
    """
    if memory is None:
        memory = 0.8 * free_memory()
    return max(1, int(memory // member_bytes(model, batch_size=batch_size, slots=slots)))


def free_memory() -> float:
    """Bytes of main memory free now; infinity where the system does not tell."""
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
