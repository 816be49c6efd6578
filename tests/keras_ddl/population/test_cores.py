"""Threads and devices for members that train side by side."""

import subprocess
import sys

import keras
import pytest

from keras_ddl.population import use_cores

SCRIPT = """
import os
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
import keras
from keras_ddl.population import use_cores
assert use_cores(3) == 3
if keras.backend.backend() == "jax":
    import jax
    print(len(jax.local_devices()))
elif keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    print(tf.config.threading.get_inter_op_parallelism_threads())
else:
    print(3)
keras.ops.zeros(3) + 1
import warnings
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    use_cores(2)
print([one.category.__name__ for one in found])
"""


def test_cores_are_set_before_the_start_and_reported_afterwards():
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    count, found = ran.stdout.splitlines()[-2:]
    assert count == "3"
    assert found == ("[]" if keras.backend.backend() == "torch" else "['CoresNotSplit']")


@pytest.mark.parametrize("count", [0, -1, True, 1.5])
def test_bad_counts_are_refused(count):
    with pytest.raises(ValueError, match=r"`count` must be a positive integer. Received"):
        use_cores(count)


ONEDNN = """
import os
os.environ.pop("TF_ENABLE_ONEDNN_OPTS", None)
if SET:
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = SET
import warnings
from keras_ddl.population import processor, use_cores
processor.flags = lambda: frozenset(FLAGS.split())
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    use_cores(2)
print([one.category.__name__ for one in found])
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="oneDNN is TensorFlow's")
@pytest.mark.parametrize(
    ("flags", "value", "expected"),
    [
        ("avx2", "", "['OneDNNOff']"),
        pytest.param("avx2", "0", "[]", marks=pytest.mark.exhaustive),
        pytest.param("avx2 avx512_vnni", "", "[]", marks=pytest.mark.exhaustive),
    ],
)
def test_a_warning_says_that_onednn_is_off_where_it_would_help(flags, value, expected):
    script = f"FLAGS, SET = {flags!r}, {value!r}\n" + ONEDNN
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == expected
