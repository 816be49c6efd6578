"""The kernels of a layer, and random orthonormal values for them."""

import math

import keras
import numpy as np

LARGE = 1024  # from this width on, matrices are mixed from blocks
BLOCK, ROUNDS = 256, 3


def kernels(layer) -> list[keras.Variable]:
    """The kernels of a layer's linear part, in the order in which they are applied.

    The list is empty if the layer has no kernel. Multiplying the last kernel by a factor multiplies
    the linear part by it. For a recurrent layer, the result is the cell's kernel for the inputs.
    """
    layer = kernel_layer(layer)
    separable = hasattr(layer, "pointwise_kernel")
    names = ["depthwise_kernel", "pointwise_kernel"] if separable else ["kernel"]
    attributes = [getattr(layer, name, None) for name in names]
    return [kernel for kernel in attributes if isinstance(kernel, keras.Variable)]


def hides_kernels(layer) -> bool:
    """Whether a layer has a linear part although `kernels` cannot return its kernel.

    With LoRA or int4 the attribute `kernel` is computed at each access and cannot be assigned.
    `TimeDistributed` may contain a model, and a recurrent layer may have cells of any kind.
    """
    if isinstance(layer, keras.layers.RNN):
        return True
    if isinstance(layer, keras.layers.TimeDistributed):
        inner = layer.layer._flatten_layers()  # a plain layer has no public list of sublayers
        return any(kernels(one) or hides_kernels(one) for one in inner)
    kernel = getattr(layer, "kernel", None)
    return kernel is not None and not isinstance(kernel, keras.Variable)


def recurrent_kernel(layer) -> keras.Variable | None:
    """The kernel that a recurrent layer applies to its state, or None."""
    kernel = getattr(layer.cell, "recurrent_kernel", None) if hasattr(layer, "cell") else None
    return kernel if isinstance(kernel, keras.Variable) and len(kernel.shape) == 2 else None


def kernel_layer(layer) -> keras.layers.Layer:
    """The layer that has the kernel: the one in `TimeDistributed`, the cell, or `layer` itself."""
    if isinstance(layer, keras.layers.TimeDistributed):
        return layer.layer
    return layer.cell if recurrent_kernel(layer) is not None else layer


def orthonormal_value(layer, kernel, rng) -> np.ndarray:
    """A random orthonormal value for a kernel of a layer, float32.

    The kernel is treated as a matrix with one row per summed input and one column per unit. Some
    kernels are treated as several matrices: a depthwise kernel, and an einsum that keeps an axis of
    its input, as one matrix per channel; a recurrent layer's kernel as one matrix per gate.
    """
    each, inputs, units = _axes(kernel_layer(layer), kernel)
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
    """Random matrices with orthonormal columns, or rows if there are fewer rows.

    They are uniformly distributed, except large ones.
    """
    longer, shorter = max(rows, columns), min(rows, columns)
    if shorter >= LARGE:
        q = np.stack([_mixed(longer, shorter, rng) for _ in range(matrices)])
        return q if rows >= columns else q.swapaxes(1, 2)
    a = rng.standard_normal((matrices, longer, shorter), dtype="float32")
    # Compute Q of the QR decomposition by Cholesky, which is several times faster than Householder
    # reflections but squares the condition number. A tall random matrix has a small condition
    # number; a nearly square one may not, and needs float64.
    a = a if longer >= 2 * shorter else a.astype("float64")
    triangle = np.linalg.cholesky(a.swapaxes(1, 2) @ a)
    q = (a @ _inverse(triangle).swapaxes(1, 2)).astype("float32")
    return q if rows >= columns else q.swapaxes(1, 2)


def _mixed(longer, shorter, rng):
    """A large matrix with orthonormal columns, in time proportional to its number of entries.

    Orthonormal matrices of `BLOCK` rows mix the rows of an identity matrix, after a permutation,
    `ROUNDS` times. Every entry then is a sum of many products, and nearly normally distributed.
    """
    q = np.eye(longer, shorter, dtype="float32")
    for _ in range(ROUNDS):
        q = q[rng.permutation(longer)]
        for start in range(0, longer, BLOCK):
            part = q[start : start + BLOCK]
            part[:] = _orthonormal(1, len(part), len(part), rng)[0] @ part
    return q


def _inverse(triangle):
    """The inverses of lower triangular matrices. NumPy has no function that uses the structure."""
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
    """The axes of a kernel in three groups: of separate matrices, of summed inputs, of units."""
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
