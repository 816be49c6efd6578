"""TensorFlow on a CPU: faster products of a batch and a wide kernel.

Where the rows of a kernel lie a multiple of 4 KiB apart, as with 1024 or 2048 units, the entries of
a column compete for the same few lines of the cache, and the forward product runs at half speed on
processors with AVX2. Blocks of columns of another width do not compete. Copying the kernel to such
blocks takes much less time than it saves.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from keras_ddl._calls import replaced
from keras_ddl.population import processor

STRIDE = 1024  # float32 numbers in 4 KiB
BLOCKS = 4
ODD = 16  # by how much a block is wider than a quarter of the kernel


def gains(kernel: Any) -> bool:
    """Whether the product of a batch and this kernel is faster in blocks.

    The rule is measured on processors with AVX2. Others take the plain product.

    Args:
        kernel: a variable or a tensor.
    """
    flags = processor.flags()
    return (
        len(kernel.shape) == 2
        and kernel.shape[1] % STRIDE == 0
        and kernel.dtype == "float32"
        and "avx2" in flags
        and "avx512f" not in flags
    )


def product(x: Any, kernel: Any) -> Any:
    """`x @ kernel`, computed for blocks of columns.

    Args:
        x: tensor `(batch, inputs)`.
        kernel: tensor `(inputs, units)`.
    """
    import tensorflow as tf

    x, kernel = tf.convert_to_tensor(x), tf.convert_to_tensor(kernel)  # variables are read
    units = kernel.shape[1]
    block = units // BLOCKS + ODD
    sizes = [block] * (BLOCKS - 1) + [units - block * (BLOCKS - 1)]

    @tf.custom_gradient
    def in_blocks(x, kernel):
        parts = tf.split(kernel, sizes, axis=1)

        def gradients(upstream):
            # The plain products: these two are not slow.
            return (
                tf.matmul(upstream, kernel, transpose_b=True),
                tf.matmul(x, upstream, transpose_a=True),
            )

        return tf.concat([tf.matmul(x, part) for part in parts], axis=1), gradients

    return in_blocks(x, kernel)


@contextlib.contextmanager
def in_blocks(model: keras.Model) -> Iterator[None]:
    """Let the dense layers of a model compute in blocks where that is faster.

    It is for tracing: afterwards the layers are as before.

    Args:
        model: a built model.
    """
    suiting = (layer for layer in model._flatten_layers() if _suits(layer))
    with replaced((layer, _call(layer)) for layer in suiting):
        yield


def _suits(layer):
    return (
        type(layer) is keras.layers.Dense
        and layer.built
        and layer.compute_dtype == "float32"
        and not layer.lora_enabled
        and layer.quantization_mode is None
        and gains(layer.kernel)
    )


def _call(layer):
    plain = layer.call

    def call(inputs, training=None):
        if len(inputs.shape) != 2 or keras.backend.is_keras_tensor(inputs):
            return plain(inputs)
        outputs = product(inputs, layer.kernel)
        if layer.use_bias:
            outputs = ops.add(outputs, layer.bias)
        return outputs if layer.activation is None else layer.activation(outputs)

    return call
