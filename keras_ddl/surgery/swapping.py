"""Replacing the normalization layers of a model."""

import inspect

import keras
from keras import layers

from keras_ddl.graph.wiring import is_traceable, wirings
from keras_ddl.layers.normalization.affine import AffineNormalization
from keras_ddl.surgery.rebuilding import copy_of, copy_state, layers_inside, rebuild

NORMALIZATIONS = (
    AffineNormalization,
    layers.BatchNormalization,
    layers.GroupNormalization,
    layers.LayerNormalization,
    layers.RMSNormalization,
)


def swap_normalization(model, to, which=NORMALIZATIONS) -> keras.Model:
    """A new model with another normalization, or none. All other weights are copied.

    ```python
    by_layer = swap_normalization(model, keras.layers.LayerNormalization)
    by_group = swap_normalization(
        model, lambda old: GroupNormalization(channels_per_group=8, axis=old.axis, name=old.name)
    )
    without = swap_normalization(model, None)
    ```

    The original model does not change. The new model keeps weights, random state, names, shared
    layers and nested models. The new normalization layers have their initial weights. Frozen layers
    stay frozen, and the replacement of a frozen layer is frozen too. The new model is not compiled.
    It contains copies of the layers. The only exception is a layer that cannot be copied from its
    config, such as a subclassed model without `get_config`: both models share it. If normalization
    is removed, layers without a bias still have none, and activations reach a scale for which the
    other weights were not trained: initialize the model again.

    Args:
        model: a functional model, or a Sequential that has been built. Nested models of these
            kinds are rebuilt too.
        to: the replacement of each normalization layer.
            - a layer class: a new layer gets the name and data type of the old one, and its
              `axis`, `center` and `scale` if both layers have them. Other arguments keep their
              defaults.
            - a function of the old layer: it returns the new layer, None to remove the layer, or
              the old layer itself to keep it with its weights.
            - None: all normalization layers are removed.
        which: the layers to replace: a layer class, a tuple of classes, or a function that takes a
            layer and returns whether to replace it. Default: core's BatchNormalization,
            LayerNormalization, GroupNormalization and RMSNormalization, all layers of
            `keras_ddl.layers.normalization` that normalize activations, and subclasses of these.

    Returns:
        A new model, functional or Sequential like the original.

    Raises:
        ValueError: if the model is of another kind or has not been built, if a layer to replace is
            inside a layer or model whose calls cannot be traced, or if `to` returns something that
            is not a layer.
    """
    make = _maker(to)
    chosen = _chooser(which)
    pairs = []

    def replace(layer):
        if isinstance(layer, layers.Layer):
            if chosen(layer):
                new = make(layer)
                if new is not layer:
                    if new is not None and not layer.trainable:
                        new.trainable = False
                    return new
            _check_inside(layer, chosen)
        new = copy_of(layer)
        pairs.append((layer, new))
        return new

    rebuilt = rebuild(wirings(model), replace)
    for old, new in pairs:
        copy_state(old, new)
    return rebuilt


def _maker(to):
    if to is None:
        return lambda old: None
    if inspect.isclass(to) and issubclass(to, layers.Layer):
        return lambda old: _like(to, old)
    if not callable(to) or isinstance(to, layers.Layer):
        raise ValueError(
            "`to` must be a layer class, a function of the old layer that returns a new one, such "
            "as `lambda old: GroupNormalization(8, axis=old.axis, name=old.name)`, or None to "
            f"remove it. Received: to={to!r}"
        )

    def make(old):
        new = to(old)
        if new is not None and not isinstance(new, layers.Layer):
            raise ValueError(
                "`to` must return a layer, or None to remove the old one. "
                f"Received: {new!r} for the layer {old.name!r}"
            )
        return new

    return make


def _like(to, old):
    """A new layer of class `to` with the arguments that it shares with the old layer."""
    takes = inspect.signature(to).parameters
    shared = {key: getattr(old, key) for key in ("center", "scale") if hasattr(old, key)}
    axes = getattr(old, "axis", None)
    if isinstance(axes, list | tuple) and len(axes) == 1:
        axes = axes[0]
    if axes is not None:
        shared["axis"] = axes
    settings = {key: value for key, value in shared.items() if key in takes}
    settings |= {"name": old.name, "dtype": old.dtype_policy}
    try:
        inspect.signature(to).bind(**settings)
    except TypeError as error:
        raise ValueError(
            "`to` must be a layer class that needs no further arguments, or a function of the old "
            f"layer such as `lambda old: {to.__name__}(..., axis=old.axis, name=old.name)`. "
            f"Received: to={to.__name__}, {error}"
        ) from error
    return to(**settings)


def _chooser(which):
    if all(map(inspect.isclass, which if isinstance(which, tuple) else (which,))):
        return lambda layer: isinstance(layer, which)
    if callable(which) and not isinstance(which, layers.Layer):
        return which
    raise ValueError(
        "`which` must be a layer class, a tuple of classes, or a function that takes a layer and "
        f"returns whether to replace it. Received: which={which!r}"
    )


def _check_inside(layer, chosen) -> None:
    hidden = [inner.name for inner in layers_inside(layer) if chosen(inner)]
    if hidden and not is_traceable(layer):
        raise ValueError(
            f"{hidden} cannot be replaced: they are inside the layer {layer.name!r}, a "
            f"{type(layer).__name__}, whose calls cannot be traced. Exclude them by `which`. "
            f"Received: model with the layer {layer!r}"
        )
