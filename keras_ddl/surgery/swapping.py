"""One normalization swapped for another."""

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
    """A model with another normalization, or none, and all its other weights.

    ```python
    by_layer = swap_normalization(model, keras.layers.LayerNormalization)
    by_group = swap_normalization(
        model, lambda old: GroupNormalization(channels_per_group=8, axis=old.axis, name=old.name)
    )
    without = swap_normalization(model, None)
    ```

    The given model is not changed. Weights, random state, names, shared layers and nested models
    are kept; the new normalization layers start from their own initial weights. What is frozen
    stays frozen, and so do the layers that replace frozen ones. The new model is not compiled. A
    layer whose config cannot make another one, such as a subclassed model without `get_config`, is
    in both models; all others are copies. Removing normalization leaves layers that have no bias
    without one, and activations of a scale that was never trained: initialize anew.

    Args:
        model: a functional model, or a Sequential that has been built. Nested models of these
            kinds are rebuilt too.
        to: what comes instead of each such layer.
            - a layer class: made with the name and data type of the old layer, and its `axis`,
              `center` and `scale` where both have them; other settings by default.
            - a function: it gets the old layer, and gives the new one, None to remove the layer,
              or the old layer itself to keep it with its weights.
            - None: all are removed.
        which: what is swapped: a layer class, a tuple of classes, or a function that gets a layer
            and tells whether it is one. Default: core's BatchNormalization, LayerNormalization,
            GroupNormalization and RMSNormalization, all of `keras_ddl.layers.normalization` that
            normalize activations, and subclasses.

    Returns:
        A new model, functional or Sequential as the given one.

    Raises:
        ValueError: if the model is of another kind or has not been built, a layer to swap is
            inside a layer or model whose calls cannot be seen, or `to` gives no layer.
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
            "`to` must be a layer class, a function of the old layer that makes a new one, as "
            "`lambda old: GroupNormalization(8, axis=old.axis, name=old.name)`, or None to remove "
            f"it. Received: to={to!r}"
        )

    def make(old):
        new = to(old)
        if new is not None and not isinstance(new, layers.Layer):
            raise ValueError(
                "`to` must give a layer, or None to remove the old one. "
                f"Received: {new!r} for the layer {old.name!r}"
            )
        return new

    return make


def _like(to, old):
    """A new layer with what it can take from the old one."""
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
            f"layer, as `lambda old: {to.__name__}(..., axis=old.axis, name=old.name)`. "
            f"Received: to={to.__name__}, {error}"
        ) from error
    return to(**settings)


def _chooser(which):
    if all(map(inspect.isclass, which if isinstance(which, tuple) else (which,))):
        return lambda layer: isinstance(layer, which)
    if callable(which) and not isinstance(which, layers.Layer):
        return which
    raise ValueError(
        "`which` must be a layer class, a tuple of classes, or a function that tells whether a "
        f"layer is to be swapped. Received: which={which!r}"
    )


def _check_inside(layer, chosen) -> None:
    hidden = [inner.name for inner in layers_inside(layer) if chosen(inner)]
    if hidden and not is_traceable(layer):
        raise ValueError(
            f"{hidden} cannot be swapped: they are inside the layer {layer.name!r}, a "
            f"{type(layer).__name__}, whose calls cannot be seen. Keep them by `which`. "
            f"Received: model with the layer {layer!r}"
        )
