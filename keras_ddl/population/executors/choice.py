"""Chooses the executor of a population."""

from typing import Any

import keras

from keras_ddl.population.executors.base import Executor

NAMES = ("auto", "spread", "map", "loop")


def executor_for(
    name: str, models: list[Any], *, eager: bool = False, rates: list[Any] | None = None
) -> Executor:
    """Make the executor of a population.

    Args:
        name: one of `NAMES`. "auto" is "loop" on PyTorch, "map" on JAX with a single GPU if all
            layers are known to be fast there, and else "spread".
        models: the members, compiled.
        eager: whether steps run without being compiled.
        rates: the members' learning rates if they differ, or None.

    Raises:
        ValueError: if the backend or the members do not allow the executor.
    """
    backend = keras.backend.backend()
    if backend == "torch":
        from keras_ddl.population.executors.eager import Eager

        return Eager(models)
    if backend == "tensorflow":
        return _tensorflow(name, models, eager)
    return _jax(name, models, rates)


def checked_name(name: str) -> str:
    """Return the name of an executor unchanged.

    Raises:
        ValueError: if there is no such executor, or the backend does not have it.
    """
    if name not in NAMES:
        raise ValueError(f"`executor` must be one of {NAMES}. Received: executor={name!r}")
    if keras.backend.backend() == "torch" and name in ("spread", "map"):
        raise ValueError(
            "On PyTorch the members of a population take turns: `executor` must be 'auto' or "
            f"'loop'. Received: executor={name!r}"
        )
    return name


def _tensorflow(name, models, eager):
    import tensorflow as tf

    from keras_ddl.population.executors.graph import Graph

    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    if name == "map":
        from keras_ddl.population.executors.graph_map import GraphMap

        return GraphMap(models)
    return Graph(models, together=name != "loop", devices=gpus or None, eager=eager)


def _jax(name, models, rates):
    import jax

    from keras_ddl.population.executors.scan import Scan
    from keras_ddl.population.executors.scan_map import ScanMap, suits

    devices = jax.local_devices()
    if name == "map":
        return ScanMap(models, device=devices[0], rates=rates)
    if name == "loop":
        return Scan(models, devices=devices[:1], name="loop")
    one_gpu = len(devices) == 1 and devices[0].platform != "cpu"
    if name == "auto" and one_gpu and suits(models) and _equal(models):
        return ScanMap(models, device=devices[0], rates=rates)
    return Scan(models, devices=devices)


def _equal(models):
    from keras_ddl.population.members import check_equal

    try:
        check_equal(models)
    except ValueError:
        return False
    return True
