"""Keras and its backend, imported late and quietly."""

import contextlib
import functools
import os
import warnings

from benchmarks.harness import interrupts
from benchmarks.harness.env import gpu
from benchmarks.harness.training.quiet import native_chatter_held


class BackendError(Exception):
    """Keras, its backend or the library cannot be imported; the message says how to mend it."""


def how_to_mend(error: ModuleNotFoundError) -> str:
    """What is missing, and the command that installs it."""
    if (error.name or "").partition(".")[0] == "keras_ddl":
        return (
            f"{error.name} cannot be imported, because the project is not installed. Install it "
            "with: python -m pip install -e '.[bench]'"
        )
    return f"{error}. Install it with: python -m pip install -e '.[bench]'"


@functools.cache
def name() -> str:
    """The name of Keras' backend. The first call imports Keras, and does not start the backend.

    Raises:
        BackendError: if Keras or its backend cannot be imported.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # native code: no notes, only warnings
    # TensorFlow leaves it off on many processors, where wide layers then train at half speed.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        with interrupts.at_once(), native_chatter_held():
            import keras

            backend = keras.backend.backend()
            if backend == "tensorflow":
                gpu(backend)  # inside this block, because it complains when it finds none
            with contextlib.suppress(ImportError):  # other backends need no TensorFlow
                import tensorflow  # noqa: F401 - where it is, Keras imports it later and noisily
    except (ImportError, ValueError) as error:
        raise BackendError(
            f"Keras cannot be imported with its backend: {error}. Install the backend, as in "
            "`pip install -e '.[jax]'`, or set KERAS_BACKEND to one that is installed."
        ) from error
    return backend


def use_cores() -> None:
    """Have the members of populations train side by side on a processor's cores.

    To be called before anything else starts the backend, as reading data does.
    """
    name()  # quietly
    from keras_ddl.population import CoresNotSplit, use_cores

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CoresNotSplit)  # too late: results are the same
        use_cores()


def start() -> None:
    """Start the backend quietly, with the cores and devices that were set."""
    backend = name()
    with native_chatter_held():
        gpu(backend)


def has_gpu() -> bool:
    """Whether the backend has a GPU or TPU."""
    return gpu(name()) is not None


def jit_compile() -> bool | str:
    """XLA on TensorFlow's CPU halves the speed of matmul; elsewhere Keras chooses well."""
    return False if name() == "tensorflow" and not has_gpu() else "auto"


def scans_updates() -> bool:
    """Whether several updates of one model run in one call: JAX with a GPU.

    On a CPU a loop within the call gains nothing for convolutions.
    """
    return name() == "jax" and has_gpu()
