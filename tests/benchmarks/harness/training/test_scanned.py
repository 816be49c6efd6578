"""Several updates in one call give the same results as updates in separate calls."""

import keras
import numpy as np
import pytest

from benchmarks.harness.training.scanned import scan_updates

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="jax.lax.scan runs on JAX only"
)
EPOCHS, STEPS, AT_ONCE = 3, 12, 4


@pytest.fixture
def batches():
    random = np.random.default_rng(0)
    return [
        (random.normal(size=(8, 6, 6, 2)).astype("float32"), random.integers(0, 3, 8))
        for _ in range(EPOCHS * STEPS)
    ]


def trained(batches, scanned):
    """Trains a network whose layers have state besides weights, with a scheduled learning rate."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            keras.layers.Conv2D(4, 3),
            keras.layers.BatchNormalization(momentum=0.8),
            keras.layers.ReLU(),
            keras.layers.Dropout(0.3, seed=2),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
    )
    model.compile(
        keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 40), momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=AT_ONCE if scanned else 1,
    )
    if scanned:
        scan_updates(model)
    history = model.fit(
        (batch for batch in batches), steps_per_epoch=STEPS, epochs=EPOCHS, verbose=0, shuffle=False
    )
    return model, history.history


def test_weights_state_and_logs_are_those_of_separate_calls(batches):
    plain, plain_logs = trained(batches, scanned=False)
    scanned, scanned_logs = trained(batches, scanned=True)
    for one, other in zip(plain.variables, scanned.variables, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6, err_msg=one.path)
    assert int(scanned.optimizer.iterations) == EPOCHS * STEPS
    for name, values in plain_logs.items():
        np.testing.assert_allclose(scanned_logs[name], values, rtol=1e-5, err_msg=name)
