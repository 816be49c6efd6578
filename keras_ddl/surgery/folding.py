"""Batch normalization folded into the layers around it."""

import keras

from keras_ddl.graph.wiring import wirings
from keras_ddl.surgery import arithmetic
from keras_ddl.surgery.plan import Folding, Plan
from keras_ddl.surgery.rebuilding import copy_of, copy_state, rebuild


def fold_batch_normalization(model, strict=False) -> keras.Model:
    """A model for inference whose BatchNormalization layers are part of the layers around them.

    At inference batch normalization is a multiplication and an addition with constants. They are
    folded into the weights of the layer before it (Dense, Conv, DepthwiseConv, SeparableConv,
    ConvTranspose, if nothing but the identity lies between) or, where that is impossible, of the
    layer after it (Dense, Conv, DepthwiseConv, SeparableConv without padding). A layer without
    bias gets one. Only what is exact is done: the outputs equal the model's at inference but for
    rounding, whatever stays behind.

    ```python
    small = fold_batch_normalization(model)
    for folding in plan_folding(model):
        print(folding)  # what was folded into what, and why the others stayed
    ```

    The given model is not changed. Names, data types, shared layers and nested models are kept; a
    layer that is called several times is folded if every call allows it. The new model is not
    compiled; train the given one, and fold it again. The new model has copies of the layers; only
    a layer whose config cannot make another one, such as a subclassed model without `get_config`,
    is in both models.

    Args:
        model: a functional model, or a Sequential that has been built. Nested models of these
            kinds are folded too; other models and layers that hold layers stay as they are.
        strict: whether to raise an error if any BatchNormalization would stay. Default False.

    Returns:
        A new model, functional or Sequential as the given one.

    Raises:
        ValueError: if the model is of another kind or has not been built; or with `strict`, naming
            every BatchNormalization that would stay and why.

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
    """What `fold_batch_normalization` does with each BatchNormalization, in the order of calls.

    Args:
        model: as for `fold_batch_normalization`.

    Returns:
        A list of `Folding`.

    Raises:
        ValueError: if the model is neither functional nor Sequential, or has not been built.
    """
    return Plan(wirings(model)).foldings()
