"""Data-parallel training: every device takes its share of each batch."""

import contextlib
import functools
import os
from typing import Any

from benchmarks.harness.training import backend
from benchmarks.harness.training.backend import BackendError


def provide(count: int) -> None:
    """See to it that there are `count` devices; without a GPU the processor is split.

    To be called before anything else starts the backend, as reading data does.

    Raises:
        BackendError: if there are fewer.
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
    there = len(_devices())
    if count > there:
        raise BackendError(
            f"`devices` must be at most {there}, the devices of {name} here, unless there is "
            f"no GPU and the backend has not started yet. Received: devices={count}"
        )


def data_parallel(count: int) -> contextlib.AbstractContextManager[Any]:
    """A context in which a model is made, compiled and trained on `count` devices.

    On TensorFlow layers see one device's share of a batch, on JAX the whole batch.
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

    One for all models: the synchronizations of a second would take the numbers of the first's.
    """
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(_devices()[:count])


def _split_for_tensorflow(count: int) -> None:
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    with contextlib.suppress(RuntimeError):  # it has started: the devices are what they are
        tf.config.set_logical_device_configuration(
            processor, [tf.config.LogicalDeviceConfiguration()] * count
        )


def _devices() -> list[str]:
    """GPUs, or the parts of a processor."""
    if backend.name() == "tensorflow":
        import tensorflow as tf

        kind = "GPU" if backend.has_gpu() else "CPU"
        return [device.name for device in tf.config.list_logical_devices(kind)]
    import keras

    return keras.distribution.list_devices()
