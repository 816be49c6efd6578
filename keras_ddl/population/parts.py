"""What a population is made of, kept where Keras does not track it."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_ddl.population import metrics as member_metrics
from keras_ddl.population.memory import free_memory, member_bytes, members_that_fit


class Parts:
    """What a population holds and Keras must not track: it is not part of its state."""

    def __init__(self, template, count, each):
        self.template = template
        self.each = each
        self.build: Callable[..., keras.Model] | None = None
        self.members: list[dict[str, Any]] = []
        self.objective: Any = None
        self.compiled_with: dict[str, Any] | None = None
        self.configs: list[dict[str, Any] | None] = []
        self.metrics: list[member_metrics.MemberValues] = []
        arguments = inspect.signature(template.call).parameters
        self.takes_training = "training" in arguments

    def split(self, stacks):
        """Keep the stacked variables, in the order in which `stateless_call` wants them."""
        self.stacks = stacks
        trainable = len(self.template.trainable_variables)
        self.trainable, self.non_trainable = stacks[:trainable], stacks[trainable:]


def variables(model):
    return [*model.trainable_variables, *model.non_trainable_variables]


def values(model):
    return [ops.convert_to_numpy(variable.value) for variable in variables(model)]


def config(model):
    try:
        return keras.saving.serialize_keras_object(model)
    except (NotImplementedError, TypeError, ValueError):
        return None  # such a population trains, and says when it is to be saved that it cannot


def checked(model, index):
    if not isinstance(model, keras.Model) or not model.built:
        what = "a model that is not built" if isinstance(model, keras.Model) else repr(model)
        raise ValueError(
            "`build` must return a built keras.Model: begin it with keras.Input, or call it on a "
            f"batch. Received: {what} for member {index}"
        )
    for method in ("train_step", "compute_loss"):
        if getattr(type(model), method) is not getattr(keras.Model, method):
            raise ValueError(
                f"The members of a population are trained by Keras' own `{method}`. Received: "
                f"member {index}, a {type(model).__name__}, with one of its own"
            )
    return model


def check_memory(template, count, memory):
    memory = 0.8 * free_memory() if memory is None else memory
    needed = count * member_bytes(template, slots=1)
    if needed > memory:
        fit = members_that_fit(template, slots=1, memory=memory)
        raise MemoryError(
            f"Training {count} members takes about {needed / 2**30:.1f} GiB, more than the "
            f"{memory / 2**30:.1f} GiB allowed. Train them in populations of {fit}, or raise "
            "`memory`."
        )
