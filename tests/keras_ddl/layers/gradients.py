"""Compares gradients, on the backend that runs, with central differences."""

import keras
import numpy as np
from keras import ops


def gradients(function, arrays):
    """The gradients of a scalar function of tensors, computed by the backend."""
    tensors = [ops.convert_to_tensor(array) for array in arrays]
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = function(*tensors)
        found = tape.gradient(value, tensors, unconnected_gradients="zero")
    elif backend == "jax":
        import jax

        found = jax.grad(function, argnums=tuple(range(len(tensors))))(*tensors)
    else:
        import torch

        tensors = [tensor.detach().clone().requires_grad_() for tensor in tensors]
        value = function(*tensors)
        found = torch.autograd.grad(value, tensors, allow_unused=True, materialize_grads=True)
    return [np.asarray(ops.convert_to_numpy(gradient)) for gradient in found]


def assert_gradients(function, arrays, tolerance=0.02, step=5e-4, seed=2):
    """Compare the gradients of `function` with central differences along random directions.

    A wrong gradient is wrong along almost every direction. Three directions are tried for each
    argument, and the median error counts, because a step across the kink of a maximum makes one of
    them wrong.

    Args:
        function: maps tensors to a tensor of any shape. Equal arguments must give equal results.
        arrays: the arguments, float32 arrays.
        tolerance: the largest acceptable error, relative to the gradient's norm.
        step: the length of the step in each element of an argument, in standard deviations.
        seed: the seed of the directions. It must not be the seed of an argument: the direction
            would be the argument itself, and layers that ignore its scale would hide mistakes.
    """
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=function(*map(ops.convert_to_tensor, arrays)).shape)

    def weighted(*tensors):
        return ops.sum(function(*tensors) * ops.cast(weights.astype("float32"), "float32"))

    def exact(*values):  # the sum in float64: its rounding would drown the difference
        tensors = [ops.convert_to_tensor(value) for value in values]
        return np.sum(ops.convert_to_numpy(function(*tensors)).astype("float64") * weights)

    def error(position, gradient):
        direction = rng.normal(size=gradient.shape)
        ends = []
        for by in (step, -step):
            moved = (arrays[position] + by * direction).astype("float32")
            ends.append(exact(*arrays[:position], moved, *arrays[position + 1 :]))
        return (ends[0] - ends[1]) / (2 * step) - np.sum(gradient.astype("float64") * direction)

    for position, gradient in enumerate(gradients(weighted, arrays)):
        errors = [abs(error(position, gradient)) for _ in range(3)]
        norm = np.linalg.norm(gradient)
        assert np.median(errors) <= tolerance * max(norm, 1e-2), (
            f"argument {position} of shape {gradient.shape}: errors {errors}, norm {norm}"
        )
