"""Checks of the members when a population is made."""

from typing import Any

import keras

from keras_ddl.population.memory import free_memory, member_bytes, members_that_fit
from keras_ddl.population.proof import difference
from keras_ddl.population.structure import check_same_structure


def checked(model: Any, index: int) -> keras.Model:
    """Return the model of a member unchanged.

    Raises:
        ValueError: if it is not a built `keras.Model`.
    """
    if not isinstance(model, keras.Model) or not model.built:
        what = "a model that is not built" if isinstance(model, keras.Model) else repr(model)
        raise ValueError(
            "`build` must return a built keras.Model: begin it with keras.Input, or call it on a "
            f"batch. Received: {what} for member {index}"
        )
    return model


def check_distinct(models: list[keras.Model]) -> None:
    """Raise an error if two members share a variable."""
    owners: dict[int, int] = {}
    for index, model in enumerate(models):
        for variable in model.variables:
            owner = owners.setdefault(id(variable), index)
            if owner != index:
                raise ValueError(
                    "No variable may belong to two members. Received: members "
                    f"{owner} and {index}, which share the variable '{variable.path}'"
                )


def check_memory(model: keras.Model, count: int, memory: float | None) -> None:
    """Raise `MemoryError` if training `count` members like `model` would exceed `memory` bytes."""
    memory = 0.8 * free_memory() if memory is None else memory
    needed = count * member_bytes(model, slots=1)
    if needed > memory:
        fit = members_that_fit(model, slots=1, memory=memory)
        raise MemoryError(
            f"Training {count} members takes about {needed / 2**30:.1f} GiB, more than the "
            f"{memory / 2**30:.1f} GiB allowed. Train them in populations of {fit}, or raise "
            "`memory`."
        )


def check_equal(models: list[keras.Model]) -> None:
    """Raise an error unless all members are the same function of their variables.

    The executor "map" needs this. Configurations are compared first, because a difference in them
    names the layer and the argument. Then the members run on random inputs.
    """
    for index, model in enumerate(models[1:], start=1):
        check_same_structure(models[0], model, index)
        found = difference(models[0], model)
        if found is not None:
            raise ValueError(
                "Mapped members must compute the same function of their variables. Received: "
                f"member {index} ('{model.name}'), run beside member 0 on member {index}'s "
                f"variables: {found}. Use executor='spread', where members may differ."
            )


def configurations(models: list[keras.Model]) -> list[dict[str, Any]]:
    """The serialized members, not compiled.

    Raises:
        NotImplementedError: if one cannot be serialized.
    """
    configs = []
    for model in models:
        try:
            config = keras.saving.serialize_keras_object(model)
        except (NotImplementedError, TypeError, ValueError) as error:
            raise NotImplementedError(
                "A population can be saved whole only if its models can: give "
                f"{type(model).__name__} a `get_config`. Members are saved by "
                "`population.member(i).save(path)`, all weights by `population.save_weights`."
            ) from error
        configs.append({k: v for k, v in config.items() if k != "compile_config"})
    return configs
