"""Data-parallel training: each device processes a part of every batch."""

import contextlib
import functools
import os
from typing import Any

from benchmarks.harness.training import backend
from benchmarks.harness.training.backend import BackendError


def provide(count: int) -> None:
    """Make `count` devices available. Without a GPU the processor is split into virtual devices.

    Call it before anything else starts the backend; reading data may start it.

    Raises:
        BackendError: if fewer devices are available.
    """
    if count == 1:
        return
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_force_host_platform_device_count={count}".strip()
    name = backend.name()
    if name not in ("tensorflow", "jax"):
        raise BackendError(
            "Several devices need KERAS_BACKEND=tensorflow or jax. "
            f"Received: {name}, devices={count}"
        )
    if name == "tensorflow" and not backend.has_gpu():
        _split_for_tensorflow(count)
    available = len(_devices())
    if count > available:
        raise BackendError(
            f"`devices` must be at most {available}, the number of devices of {name}. Without a "
            "GPU the processor can be split, but only before the backend has started. "
            f"Received: devices={count}"
        )


def data_parallel(count: int) -> contextlib.AbstractContextManager[Any]:
    """A context in which to create, compile and train a model on `count` devices.

    On TensorFlow a layer sees the part of the batch that one device processes, on JAX the whole
    batch.
    """
    if count == 1:
        return contextlib.nullcontext()
    if backend.name() == "tensorflow":
        return mirrored(count).scope()
    import keras

    return keras.distribution.DataParallel(devices=_devices()[:count]).scope()


@functools.cache
def mirrored(count: int) -> Any:
    """TensorFlow's strategy for `count` devices.

    It is created once and used for all models: a second strategy would reuse the numbers by which
    TensorFlow identifies the first strategy's synchronizations.
    """
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(_devices()[:count])


def _split_for_tensorflow(count: int) -> None:
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    with contextlib.suppress(RuntimeError):  # TensorFlow has started: too late to split
        tf.config.set_logical_device_configuration(
            processor, [tf.config.LogicalDeviceConfiguration()] * count
        )


def _devices() -> list[str]:
    """The names of the GPUs; without a GPU, of the parts of the processor."""
    if backend.name() == "tensorflow":
        import tensorflow as tf

        kind = "GPU" if backend.has_gpu() else "CPU"
        return [device.name for device in tf.config.list_logical_devices(kind)]
    import keras

    return keras.distribution.list_devices()
