"""New initial weights for a whole model."""

import random
from typing import Any

import keras
from keras import ops

from keras_ddl._checks import is_integer
from keras_ddl._forward import random_states_kept


def reinitialize(model, seed=None) -> None:
    """Give a model new initial weights, as if it had been built anew.

    Every layer is created a second time from its config, and its weights, moving statistics and
    random streams are copied. If the model is compiled, its optimizer starts anew too, with its
    current learning rate. Neither the model nor its compiled functions are built again.

    ```python
    for seed in range(5):
        reinitialize(model, seed)
        model.fit(x, y)
    ```

    Initializers with a fixed seed receive a new one, which follows from `seed`. Layers with an
    `adapt` method, such as `keras.layers.Normalization`, keep what they learned from data. Random
    layers with a fixed seed, such as `Dropout(0.5, seed=1)`, start their stream again.

    Args:
        model: a built model: functional, sequential or subclassed, also nested. Its layers must be
            serializable.
        seed: optional integer. The same seed gives the same weights, and Python's random state is
            then left as it was. Default None: the seeds are drawn from Python's `random`.

    Raises:
        ValueError: if the model is not built, a layer cannot be created from its config, or a
            weight belongs to no layer but to a model itself. The model is then unchanged.
    """
    if seed is not None and not is_integer(seed):
        raise ValueError(f"`seed` must be an integer or None. Received: seed={seed!r}")
    if not model.built:
        raise ValueError(
            "`model` must be built: call it on a batch first. "
            f"Received: model={model.name!r}, which is not built"
        )
    if seed is None:
        pairs = _new_values(model)
    else:
        with random_states_kept():
            random.seed(seed)
            pairs = _new_values(model)
    for variable, value in pairs:
        variable.assign(value)
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and optimizer.built:
        fresh = type(optimizer).from_config(optimizer.get_config())
        fresh.build(model.trainable_variables)
        for variable, new in zip(optimizer.variables, fresh.variables, strict=True):
            variable.assign(ops.copy(new.value))


def _new_values(model):
    """Pairs (variable, new value) of all layers."""
    pairs: list[tuple[Any, Any]] = []
    covered: set[int] = set()
    for layer in _layers(model):
        variables = layer.variables
        covered |= {id(variable) for variable in variables}
        if variables and not hasattr(layer, "adapt"):
            pairs += zip(variables, _fresh(layer), strict=True)
    alone = [variable.path for variable in model.variables if id(variable) not in covered]
    if alone:
        raise ValueError(
            "The initializers of weights that belong to a model itself are not known: put them in "
            f"a layer. Received: model={model.name!r} with the weights {', '.join(alone)}"
        )
    return pairs


def _layers(model):
    """The layers of a model and of its nested models, each once."""
    found: dict[int, Any] = {}

    def visit(parent):
        for layer in parent.layers:
            if isinstance(layer, keras.Model):
                visit(layer)
            else:
                found.setdefault(id(layer), layer)

    visit(model)
    return list(found.values())


def _fresh(layer):
    """The values of the variables of a new layer with the same config."""
    try:
        twin = type(layer).from_config(_reseeded(layer.get_config()))
        if not twin.built:
            twin.build_from_config(layer.get_build_config())
        values = [ops.copy(variable.value) for variable in twin.variables]
    except Exception as error:
        raise ValueError(
            f"The layer cannot be created from its config. Received: layer={layer!r}; {error}"
        ) from error
    shapes = [tuple(variable.shape) for variable in layer.variables]
    if [tuple(value.shape) for value in values] != shapes:
        raise ValueError(
            "A layer that is created from its config has other weights than the model's, as after "
            f"LoRA or quantization. Received: layer={layer!r}"
        )
    return values


def _reseeded(config):
    """A config whose initializers have new seeds instead of fixed ones."""
    if isinstance(config, list | tuple):
        return type(config)(_reseeded(one) for one in config)
    if not isinstance(config, dict):
        return config
    new = {name: _reseeded(value) for name, value in config.items()}
    for name, value in new.items():
        inner = value.get("config") if isinstance(value, dict) else None
        if not (isinstance(inner, dict) and name.endswith("initializer")):
            continue
        if is_integer(inner.get("seed")):
            inner["seed"] = random.randrange(2**31)
    return new
