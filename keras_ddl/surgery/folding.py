"""Folding batch normalization into the neighbouring layers."""

import keras

from keras_ddl.graph.wiring import wirings
from keras_ddl.surgery import arithmetic
from keras_ddl.surgery.plan import Folding, Plan
from keras_ddl.surgery.rebuilding import copy_of, copy_state, rebuild


def fold_batch_normalization(model, strict=False) -> keras.Model:
    """A new inference model with BatchNormalization layers folded into neighbouring layers.

    At inference, batch normalization multiplies by a constant and adds a constant. Both are folded
    into the weights of the layer before it (Dense, Conv, DepthwiseConv, SeparableConv or
    ConvTranspose), provided that only identities lie between the two. Where that is impossible,
    they are folded into the layer after it (Dense, Conv, DepthwiseConv or SeparableConv, without
    padding). A layer without bias gets one. Folding is done only where it is exact: at inference
    the new model's outputs equal the old model's up to rounding, and a BatchNormalization that
    cannot be folded stays in the model.

    ```python
    small = fold_batch_normalization(model)
    for folding in plan_folding(model):
        print(folding)  # which layer was folded into which, and why the others stayed
    ```

    The original model does not change. The new model keeps names, data types, shared layers and
    nested models. A layer that is called several times is folded if every call allows it. The new
    model is not compiled: to train further, train the original model and fold it again. The new
    model contains copies of the layers. The only exception is a layer that cannot be copied from
    its config, such as a subclassed model without `get_config`: both models share it.

    Args:
        model: a functional model, or a Sequential that has been built. Nested models of these
            kinds are folded too. Other models, and layers with sublayers, are not folded.
        strict: whether to raise an error if any BatchNormalization would stay. Default False.

    Returns:
        A new model, functional or Sequential like the original.

    Raises:
        ValueError: if the model is of another kind or has not been built. With `strict=True` also
            if any BatchNormalization would stay; the message names each one and the reason.

    Reference: Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", arXiv 1712.05877, section 3.2.
    """
    walked = wirings(model)
    plan = Plan(walked)
    left = [folding for folding in plan.foldings() if folding.into is None]
    if strict and left:
        reasons = "\n".join(f"- {folding.layer}: {folding.reason}" for folding in left)
        raise ValueError(
            "Not every BatchNormalization of `model` can be folded; `strict=False` leaves these "
            f"where they are:\n{reasons}\nReceived: model={model.name!r}"
        )
    folded = {id(step.normalization) for step in plan.steps}
    targets = {id(step.target): arithmetic.weights_of(step.target) for step in plan.steps}
    for step in plan.steps:
        old = targets[id(step.target)]
        targets[id(step.target)] = step.fold(
            step.target, old, *arithmetic.scale_and_shift(step.normalization)
        )
    pairs = []

    def replace(layer):
        if id(layer) in folded:
            return None
        new = copy_of(layer, use_bias=True) if id(layer) in targets else copy_of(layer)
        pairs.append((layer, new))
        return new

    small = rebuild(walked, replace)
    for old, new in pairs:
        if id(old) in targets:
            for name, value in targets[id(old)].items():
                getattr(new, name).assign(value)
        else:
            copy_state(old, new)
    return small


def plan_folding(model) -> list[Folding]:
    """What `fold_batch_normalization` would do with each BatchNormalization, in call order.

    Args:
        model: as for `fold_batch_normalization`.

    Returns:
        A list of `Folding`.

    Raises:
        ValueError: if the model is neither functional nor Sequential, or has not been built.
    """
    return Plan(wirings(model)).foldings()
