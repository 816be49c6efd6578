"""What is observed of a network in training: stopping criteria and weights."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from benchmarks.harness.data import Examples
from benchmarks.harness.spec import Trial
from benchmarks.regularizers import network, stopping, weights
from benchmarks.regularizers.views import CRITERIA

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4, 4, 1)).astype("float32")
Y = RNG.integers(0, 3, size=60)
EPOCHS = 14
PARAMS = {
    "widths": [8, 8],
    "activation": "relu",
    "input_rate": 0.2,
    "masks": "batch",
    "target": 0.05,
    "learning_rate": 0.1,
    "learning_rate_time": 10,
    "momentum": 0.9,
}
ARMS = [
    ("none", {}),
    ("L2 + L1 at the end", {"l2": 1e-3, "late_l1": 1e-3}),
    ("L2 + KL sparsity", {"l2": 1e-3, "sparsity": 1e-3}),
    ("dropout + max-norm", {"rate": 0.5, "max_norm": 1.0}),
    ("Gaussian dropout", {"rate": 0.5}),
    ("DropConnect", {"rate": 0.5}),
]


def trial(arm, **params):
    return Trial("regularizers", 1, "quick", "MNIST", "0", 0, 0, {**PARAMS, "arm": arm, **params})


def fitted(one, *callbacks):
    keras.utils.set_random_seed(1)
    model = network.build(one, X.shape[1:], 3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(network.optimizer(one), loss)
    history = model.fit(
        X[:20], Y[:20], batch_size=10, epochs=EPOCHS, verbose=0, callbacks=[*callbacks]
    )
    return model, history.history


@pytest.mark.parametrize(("arm", "strengths"), ARMS)
def test_every_arm_trains_with_its_regularizer(arm, strengths):
    one = trial(arm, **strengths)
    late = [weights.LateL1([one])] if "late_l1" in strengths else []
    statistics = weights.WeightStatistics([one])
    model, logs = fitted(one, *late, statistics)
    assert np.isfinite(model.predict(X, verbose=0)).all()
    assert 0 <= logs["small_weights"][0] <= 100
    names = [layer.name for layer in model.layers if "regularizer" not in layer.name]
    assert len(names) == len(set(names))
    if late:
        assert model.layers[1].kernel_regularizer.l1 == pytest.approx(1e-3)
    if "max_norm" in strengths:
        (first, *_) = weights.kernels(model)
        assert np.linalg.norm(first, axis=0).max() <= 1.001


def test_statistics_of_weights():
    equal = weights.statistics([np.full((4, 5), 0.1)])
    assert equal["effective_weights"] == pytest.approx(100)
    assert equal["small_weights"] == 0
    assert equal["inputs"] == 4
    assert sum(v for k, v in equal.items() if k.startswith("weights_")) == pytest.approx(100)
    one = np.zeros((4, 5))
    one[2] = 1.0
    sparse = weights.statistics([one])
    assert sparse["small_weights"] == pytest.approx(75)
    assert sparse["effective_weights"] == pytest.approx(25)
    assert sparse["inputs"] == 1


def test_criteria_restore_the_lowest_validation_loss_so_far():
    split = SimpleNamespace(validation=Examples(X[20:40], Y[20:40]), test=Examples(X[40:], Y[40:]))
    watch = stopping.StoppedInHindsight([split])
    kept = []
    seen = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: kept.append(watch.model.get_weights())
    )
    model, logs = fitted(trial("none", learning_rate=0.5), seen, watch)
    for name in CRITERIA:
        stopped = int(logs[f"{name}_stopped_at"][0]) // 2
        lowest = int(np.argmin(watch.validation[0][:stopped]))
        model.set_weights(kept[lowest])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        expected = float(loss(Y[40:], model.predict(X[40:], verbose=0)))
        assert logs[f"{name}_test_loss"][0] == pytest.approx(expected, rel=1e-4)
        assert stopped <= EPOCHS
    assert int(logs["patience_stopped_at"][0]) // 2 < EPOCHS  # it overfits, and is stopped


def test_a_run_that_goes_on_from_a_checkpoint_has_the_same_results():
    split = SimpleNamespace(validation=Examples(X[20:40], Y[20:40]), test=Examples(X[40:], Y[40:]))
    watch, saved = stopping.StoppedInHindsight([split]), {}

    def save(epoch, logs):
        if epoch == 9:
            saved.update(watch.get_state())

    fitted(
        trial("none", learning_rate=0.5), watch, keras.callbacks.LambdaCallback(on_epoch_end=save)
    )
    other = stopping.StoppedInHindsight([split])
    other.set_model(watch.model)
    other.on_train_begin()
    other.set_state(saved)
    assert other.training[0] == watch.training[0][:10]
    assert other.stopped_at[0].items() <= watch.stopped_at[0].items()
    assert other.stopped_at[0]
    for name, arrays in other.kept[0].items():
        for a, b in zip(arrays, watch.kept[0][name], strict=True):
            np.testing.assert_array_equal(a, b)


def test_every_criterion_has_a_title():
    assert [*stopping.criteria()] == [*CRITERIA]


def test_the_network_keeps_its_last_weights():
    one = trial("none", learning_rate=0.5)
    plain, _ = fitted(one)
    split = SimpleNamespace(validation=Examples(X[20:40], Y[20:40]), test=Examples(X[40:], Y[40:]))
    watched, _ = fitted(one, stopping.StoppedInHindsight([split]))
    for a, b in zip(plain.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
