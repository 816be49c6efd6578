"""Imports Keras and its backend, late and without their messages."""

import contextlib
import functools
import os
import warnings

from benchmarks.harness import interrupts
from benchmarks.harness.env import gpu
from benchmarks.harness.training.quiet import hide_native_messages


class BackendError(Exception):
    """Keras, its backend or the library cannot be imported. The message says what to install."""


def what_to_install(error: ModuleNotFoundError) -> str:
    """A message that names the missing package and the command that installs it."""
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
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # TensorFlow's C++ code logs warnings only
    # TensorFlow reads this when it is imported. Without it the products of transposed matrices take
    # up to four times as long on processors that have AVX2 but no instructions for networks.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        with interrupts.at_once(), hide_native_messages():
            import keras

            backend = keras.backend.backend()
            if backend == "tensorflow":
                gpu(backend)  # inside this block, because TensorFlow warns if there is no GPU
            with contextlib.suppress(ImportError):  # other backends need no TensorFlow
                # If it is installed, Keras imports it later, and its messages would be shown.
                import tensorflow  # noqa: F401
    except (ImportError, ValueError) as error:
        raise BackendError(
            f"Keras cannot be imported with its backend: {error}. Install the backend, as in "
            "`pip install -e '.[jax]'`, or set KERAS_BACKEND to one that is installed."
        ) from error
    return backend


def use_cores(count: int | None = None) -> None:
    """Let the members of populations train in parallel on the processor's cores.

    Call it before anything else starts the backend; reading data may start it.

    Args:
        count: the number of cores to use. None (default): all that this process may use.
    """
    name()  # quietly
    from keras_ddl.population import CoresNotSplit, OneDNNOff, use_cores

    with warnings.catch_warnings():
        # The backend has already started, or is already imported: it only takes longer.
        warnings.simplefilter("ignore", CoresNotSplit)
        warnings.simplefilter("ignore", OneDNNOff)
        use_cores(count)


def start() -> None:
    """Start the backend quietly, with the cores and devices that were set."""
    backend = name()
    with hide_native_messages():
        gpu(backend)


def has_gpu() -> bool:
    """Whether the backend has a GPU or TPU."""
    return gpu(name()) is not None


def jit_compile() -> bool | str:
    """The value for `compile`: False for TensorFlow on a CPU, where XLA halves matmul's speed."""
    return False if name() == "tensorflow" and not has_gpu() else "auto"


def scans_updates() -> bool:
    """Whether to run several updates of one model in one compiled call, which pays on JAX's GPUs.

    On a CPU it is no faster for networks with convolutions.
    """
    return name() == "jax" and has_gpu()
