"""The harness sets threads and devices before the backend starts."""

import subprocess
import sys
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = """
from benchmarks.harness.training import backend
from keras_ddl.population.processor import available_cores
backend.use_cores()
backend.start()
import keras
keras.ops.zeros(3) + 1
if keras.backend.backend() == "jax":
    import jax
    print(len(jax.local_devices()) == available_cores())
elif keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    print(tf.config.threading.get_inter_op_parallelism_threads() == available_cores())
"""


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="its members take turns")
def test_populations_of_the_commands_use_all_cores():
    """The name of the backend was asked for in a way that started JAX with one device."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "True"
