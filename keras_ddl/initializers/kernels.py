"""The kernels of a layer, and orthonormal values for them."""

import math

import keras
import numpy as np


def kernels(layer) -> list[keras.Variable]:
    """The kernels of a layer's linear part, in the order they are applied; empty if it has none.

    A scale on the last one scales the linear part. Of a recurrent layer it is the kernel of its
    cell, applied to the inputs.
    """
    layer = holder(layer)
    separable = hasattr(layer, "pointwise_kernel")
    names = ["depthwise_kernel", "pointwise_kernel"] if separable else ["kernel"]
    found = [getattr(layer, name, None) for name in names]
    return [kernel for kernel in found if isinstance(kernel, keras.Variable)]


def hides_kernels(layer) -> bool:
    """Whether a layer has a linear part, though `kernels` finds nothing in it that can be scaled.

    Under LoRA and int4 a layer's `kernel` is computed anew at each reading. `TimeDistributed` may
    hold a model, and a recurrent layer cells of any kind.
    """
    if isinstance(layer, keras.layers.RNN):
        return True
    if isinstance(layer, keras.layers.TimeDistributed):
        inner = layer.layer._flatten_layers()  # Keras makes only a model's sublayers public
        return any(kernels(one) or hides_kernels(one) for one in inner)
    kernel = getattr(layer, "kernel", None)
    return kernel is not None and not isinstance(kernel, keras.Variable)


def recurrent_kernel(layer) -> keras.Variable | None:
    """The kernel that a recurrent layer applies to its state, or None."""
    kernel = getattr(layer.cell, "recurrent_kernel", None) if hasattr(layer, "cell") else None
    return kernel if isinstance(kernel, keras.Variable) and len(kernel.shape) == 2 else None


def holder(layer) -> keras.layers.Layer:
    """The layer that has the kernel: one inside `TimeDistributed`, a recurrent layer's cell."""
    if isinstance(layer, keras.layers.TimeDistributed):
        return layer.layer
    return layer.cell if recurrent_kernel(layer) is not None else layer


def orthonormal_value(layer, kernel, rng) -> np.ndarray:
    """A random orthonormal value for a kernel of a layer, float32.

    The kernel counts as a matrix from the inputs that a unit sums over to the units; a depthwise
    kernel, and an einsum that keeps an axis of its input, as one such matrix for each channel; a
    recurrent one as one for each gate.
    """
    each, inputs, units = _axes(holder(layer), kernel)
    if (recurrent := recurrent_kernel(layer)) is not None:
        parts = kernel.shape[1] // recurrent.shape[0]
        return np.concatenate(_orthonormal(parts, kernel.shape[0], recurrent.shape[0], rng), axis=1)
    shape = [kernel.shape[axis] for axis in (*each, *inputs, *units)]
    matrices, rows, columns = (
        math.prod(kernel.shape[axis] for axis in axes) for axes in (each, inputs, units)
    )
    value = _orthonormal(matrices, rows, columns, rng).reshape(shape)
    return value.transpose(np.argsort([*each, *inputs, *units]))


def _orthonormal(matrices, rows, columns, rng):
    """Matrices with orthonormal columns, or rows if these are fewer, uniform among all such."""
    longer, shorter = max(rows, columns), min(rows, columns)
    a = rng.standard_normal((matrices, longer, shorter), dtype="float32")
    # Q of the QR decomposition by way of Cholesky, several times faster than Householder's. It
    # squares the condition number, which is small for a tall random matrix, not for a square one.
    a = a if longer >= 2 * shorter else a.astype("float64")
    triangle = np.linalg.cholesky(a.swapaxes(1, 2) @ a)
    q = (a @ _inverse(triangle).swapaxes(1, 2)).astype("float32")
    return q if rows >= columns else q.swapaxes(1, 2)


def _inverse(triangle):
    """The inverses of lower triangular matrices, which NumPy would take for full ones."""
    size = triangle.shape[-1]
    if size <= 128:
        return np.linalg.inv(triangle)
    half = size // 2
    upper, lower = _inverse(triangle[:, :half, :half]), _inverse(triangle[:, half:, half:])
    inverse = np.zeros_like(triangle)
    inverse[:, :half, :half], inverse[:, half:, half:] = upper, lower
    inverse[:, half:, :half] = -lower @ (triangle[:, half:, :half] @ upper)
    return inverse


def _axes(layer, kernel):
    """The axes of a kernel: one matrix for each, summed over, and of units."""
    axes = range(len(kernel.shape))
    if isinstance(layer, keras.layers.EinsumDense):
        operands, output = layer.equation.replace(" ", "").split("->")
        inputs, letters = operands.split(",")
        each = [axis for axis in axes if letters[axis] in inputs and letters[axis] in output]
        summed = [axis for axis in axes if letters[axis] not in output]
        units = [axis for axis in axes if axis not in (*each, *summed)]
        return each, summed, units
    depthwise = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
    if isinstance(layer, depthwise) or kernel is getattr(layer, "depthwise_kernel", None):
        return [axes[-2]], [*axes[:-2]], [axes[-1]]
    return [], [*axes[:-1]], [axes[-1]]
