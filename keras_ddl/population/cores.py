"""One thread or host device for each core, so that members train side by side."""

import warnings

import keras

from keras_ddl.population import processor


class CoresNotSplit(UserWarning):
    """The backend had started before its threads or devices could be set."""


class OneDNNOff(UserWarning):
    """TensorFlow was imported without oneDNN, whose matrix products are faster."""


def use_cores(count: int | None = None) -> int:
    """Prepare the backend to train one member of a population on each core.

    Call it once, before the backend runs its first operation. TensorFlow then runs every
    operation on one thread and `count` operations at a time; JAX splits the processor into
    `count` devices. A single model trained by Keras' own `fit` in the same process then uses one
    core on TensorFlow. GPUs are not affected. PyTorch needs no preparation: its members take
    turns.

    TensorFlow multiplies matrices faster with oneDNN, which it switches on by itself only on
    processors with instructions made for neural networks (VNNI, bfloat16, AMX). It reads the
    environment variable `TF_ENABLE_ONEDNN_OPTS` once, when it is imported: set that to 1 before
    Python starts. A warning says so where it would help.

    Args:
        count: number of cores to use. Default: all that this process may use.

    Returns:
        The number of cores.

    Raises:
        ValueError: if `count` is not a positive integer.

    Example:

    ```python
    import keras_ddl.population

    keras_ddl.population.use_cores()
    ```
    """
    count = processor.available_cores() if count is None else count
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"`count` must be a positive integer. Received: count={count!r}")
    backend = keras.backend.backend()
    try:
        if backend == "tensorflow":
            import tensorflow as tf

            if processor.lacks_onednn():
                warnings.warn(
                    "TensorFlow multiplies matrices faster on this processor with oneDNN. Set the "
                    "environment variable TF_ENABLE_ONEDNN_OPTS=1 before Python starts.",
                    OneDNNOff,
                    stacklevel=2,
                )
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(count)
        elif backend == "jax":
            import jax

            jax.config.update("jax_num_cpu_devices", count)
    except RuntimeError:
        warnings.warn(
            f"The {backend} backend has already started: its threads and devices stay as they "
            "are, and populations train slower on a CPU. Call `use_cores` before any model or "
            "tensor is made.",
            CoresNotSplit,
            stacklevel=2,
        )
    return count
