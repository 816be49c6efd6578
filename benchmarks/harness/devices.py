"""Data-parallel training: every device takes its share of each batch."""

import contextlib
import functools
import os
from collections.abc import Iterable
from typing import Any

from benchmarks.harness.spec import Trial


def split_processor(trials: Iterable[Trial]) -> None:
    """Have JAX see a processor as the devices that trials want; to be called before it starts.

    TensorFlow can do so later, and does in `data_parallel`. GPUs are as many as there are.
    """
    count = max((trial.params.get("devices", 1) for trial in trials), default=1)
    if count > 1:
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --xla_force_host_platform_device_count={count}".strip()


def data_parallel(count: int) -> contextlib.AbstractContextManager[Any]:
    """A context in which a model is made, compiled and trained on `count` devices.

    On TensorFlow layers see one device's share of a batch, on JAX the whole batch.

    Raises:
        ValueError: if there are not as many devices, or on PyTorch.
    """
    if count == 1:
        return contextlib.nullcontext()
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        return mirrored(count).scope()
    if backend == "jax":
        devices = keras.distribution.list_devices()
        return keras.distribution.DataParallel(devices=_first(count, devices)).scope()
    raise ValueError(
        "Several devices need KERAS_BACKEND=tensorflow or jax. "
        f"Received: {backend}, devices={count}"
    )


@functools.cache
def mirrored(count: int) -> Any:
    """TensorFlow's strategy for `count` devices, GPUs if there is one.

    One for all models: the synchronizations of a second would take the numbers of the first's.

    Raises:
        ValueError: if there are not as many.
    """
    import tensorflow as tf

    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    if kind == "CPU":
        parts = [tf.config.LogicalDeviceConfiguration()] * count
        with contextlib.suppress(RuntimeError):  # TensorFlow has started: they are as they are
            tf.config.set_logical_device_configuration(
                tf.config.list_physical_devices(kind)[0], parts
            )
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    return tf.distribute.MirroredStrategy(_first(count, names))


def _first(count: int, devices: list[str]) -> list[str]:
    if count > len(devices):
        raise ValueError(
            f"`devices` must be at most {len(devices)}, which are here. Received: {count}"
        )
    return devices[:count]
