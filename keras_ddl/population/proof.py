"""Checks by running them whether two members are the same function of their variables."""

import inspect

import keras
import numpy as np
from keras import ops

DRAWS = 2  # random batches for each comparison
EXAMPLES = 4  # in a batch


def difference(first: keras.Model, other: keras.Model) -> str | None:
    """Compare two models that should differ only in the values of their variables.

    Both run on the variables of `other` and on random inputs, in training and at inference, with
    two sets of weights. Outputs, updated non-trainable variables, added losses and gradients are
    compared.

    Args:
        first, other: built models with variables of the same shapes.

    Returns:
        A description of the first difference, or None.
    """
    if not getattr(other, "inputs", None):
        return "its inputs are not known, so it cannot run on random ones"
    trained, untrained = _values(other.trainable_variables), _values(other.non_trainable_variables)
    generator = np.random.default_rng(0)
    for draw in range(DRAWS):
        moved = [
            value + ops.cast(0.1 * generator.normal(size=value.shape), value.dtype) * draw
            for value in trained
        ]
        inputs = _drawn(other, generator)
        for training in (True, False):
            try:
                mine = _run(first, moved, untrained, inputs, training)
                theirs = _run(other, moved, untrained, inputs, training)
            except Exception as error:
                return f"one of them cannot run on random inputs ({type(error).__name__}: {error})"
            for what in mine:
                if not _equal(mine[what], theirs[what]):
                    when = "training" if training else "inference"
                    return f"other {what} in {when}"
    return None


def _run(model, trained, untrained, inputs, training):
    arguments = {"training": training} if _takes_training(model) else {}
    if training:
        gradients, (outputs, updated, losses) = _gradients(
            model, trained, untrained, inputs, arguments
        )
        return {
            "outputs": outputs,
            "new non-trainable variables": updated,
            "added losses": losses,
            "gradients": gradients,
        }
    outputs, updated, losses = model.stateless_call(
        trained, untrained, inputs, return_losses=True, **arguments
    )
    return {"outputs": outputs, "new non-trainable variables": updated, "added losses": losses}


def _gradients(model, trained, untrained, inputs, arguments):
    def loss(trained):
        found = model.stateless_call(trained, untrained, inputs, return_losses=True, **arguments)
        outputs, _, losses = found
        total = sum(ops.sum(ops.cast(leaf, "float32") ** 2) for leaf in keras.tree.flatten(outputs))
        return total + sum(ops.cast(one, "float32") for one in losses), found

    if keras.backend.backend() == "jax":
        import jax

        (_, found), gradients = jax.value_and_grad(loss, has_aux=True)(trained)
        return gradients, found
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(trained)
        total, found = loss(trained)
    zero = tf.UnconnectedGradients.ZERO
    return tape.gradient(total, trained, unconnected_gradients=zero), found


def _takes_training(model):
    return "training" in inspect.signature(model.call).parameters


def _drawn(model, generator):
    def draw(tensor):
        shape = [EXAMPLES, *(size or 8 for size in tensor.shape[1:])]
        if "int" in tensor.dtype:
            return ops.convert_to_tensor(generator.integers(0, 2, shape), tensor.dtype)
        return ops.convert_to_tensor(generator.normal(size=shape), tensor.dtype)

    if isinstance(model, keras.Function):
        return keras.tree.map_structure(draw, model.input)
    inputs = [draw(tensor) for tensor in model.inputs]
    return inputs[0] if len(inputs) == 1 else inputs


def _values(variables):
    return [ops.convert_to_tensor(variable.value) for variable in variables]


def _equal(mine, theirs):
    mine, theirs = keras.tree.flatten(mine), keras.tree.flatten(theirs)
    if len(mine) != len(theirs):
        return False
    return all(
        np.allclose(
            ops.convert_to_numpy(ops.cast(one, "float32")),
            ops.convert_to_numpy(ops.cast(other, "float32")),
            rtol=1e-4,
            atol=1e-5,
            equal_nan=True,
        )
        for one, other in zip(mine, theirs, strict=True)
    )
