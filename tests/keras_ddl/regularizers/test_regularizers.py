"""Penalties whose strengths are weights: values, changes without tracing, saving, populations."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_ddl import Population, graph
from keras_ddl.regularizers import KLSparsity, VariableL1L2

X = np.random.default_rng(0).normal(size=(32, 6)).astype("float32")
Y = X[:, :1]


def value(tensor):
    return float(ops.convert_to_numpy(tensor))


def model(**regularizers):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(4, "relu", **regularizers), keras.layers.Dense(1)]
    )


@pytest.mark.parametrize(("l1", "l2"), [(0.1, 0.0), (0.0, 0.2), (0.3, 0.4)])
def test_the_penalty_is_that_of_keras(l1, l2):
    weights = ops.convert_to_tensor(X)
    expected = value(keras.regularizers.L1L2(l1, l2)(weights))
    assert value(VariableL1L2(l1, l2)(weights)) == pytest.approx(expected, rel=1e-5)


def kl_bernoulli(m, t):
    return t * np.log(t / m) + (1 - t) * np.log((1 - t) / (1 - m))


def kl_poisson(m, t):
    return t * np.log(t / m) - t + m


@pytest.mark.parametrize(
    ("units", "divergence"), [("bernoulli", kl_bernoulli), ("poisson", kl_poisson)]
)
def test_sparsity_is_the_divergence_of_the_mean_activation(units, divergence):
    x = np.random.default_rng(1).uniform(0.01, 0.9, size=(5, 3, 7)).astype("float32")
    expected = 5 * 0.5 * divergence(x.mean(axis=(0, 1)), 0.1).sum()  # Keras divides by 5
    penalty = KLSparsity(0.5, target=0.1, units=units)
    assert value(penalty(ops.convert_to_tensor(x))) == pytest.approx(expected, rel=1e-4)
    assert value(penalty(ops.full((4, 3), 0.1))) == pytest.approx(0, abs=1e-6)
    assert np.isfinite(value(penalty(ops.zeros((4, 3)))))
    assert np.isfinite(value(penalty(ops.ones((4, 3)))))


def test_a_strength_changes_without_tracing_again():
    decay = VariableL1L2(l2=0.0)
    net = model(kernel_regularizer=decay)
    net.compile(keras.optimizers.SGD(0.1), "mse")
    net.fit(X, Y, verbose=0)
    before = np.abs(net.get_weights()[0]).sum()
    traced = net.train_function
    decay.l2 = 1.0
    assert decay.l2 == 1.0
    net.fit(X, Y, verbose=0, epochs=5)
    assert net.train_function is traced
    assert np.abs(net.get_weights()[0]).sum() < 0.5 * before


def test_training_equals_that_with_the_penalty_of_keras():
    results = []
    for made in (keras.regularizers.L1L2(1e-2, 1e-2), VariableL1L2(1e-2, 1e-2)):
        net = model(kernel_regularizer=made)
        net.compile(keras.optimizers.SGD(0.1), "mse")
        net.fit(X, Y, epochs=3, shuffle=False, verbose=0)
        results.append([ops.convert_to_numpy(v.value) for v in net.trainable_variables])
    for plain, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-5, atol=1e-6)


def test_the_loss_does_not_depend_on_the_batch_size():
    net = model(activity_regularizer=KLSparsity(1.0, units="poisson"))
    net.compile(loss="mse")
    one = net.evaluate(X, Y, batch_size=32, verbose=0)
    both = net.evaluate(np.tile(X, (2, 1)), np.tile(Y, (2, 1)), batch_size=64, verbose=0)
    assert one == pytest.approx(both, rel=1e-4)


def test_a_sparse_network_is_less_active():
    def activity(strength):
        net = model(activity_regularizer=KLSparsity(strength, target=0.05, units="poisson"))
        net.compile(keras.optimizers.SGD(0.05), "mse")
        net.fit(X, Y, epochs=30, shuffle=False, verbose=0)
        return value(ops.mean(net.layers[0](X)))

    assert activity(1.0) < 0.7 * activity(0.0)


@pytest.mark.parametrize(
    "make",
    [lambda: VariableL1L2(1e-3, 1e-2), lambda: KLSparsity(0.3, 0.1, "poisson")],
)
def test_strengths_are_saved(make, tmp_path):
    made = make()
    where = "kernel" if isinstance(made, VariableL1L2) else "activity"
    net = model(**{f"{where}_regularizer": made})
    name = "l1" if where == "kernel" else "strength"
    setattr(made, name, 0.5)
    net.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    again = getattr(loaded.layers[0], f"{where}_regularizer")
    assert again.get_config() == made.get_config()
    assert getattr(again, name) == 0.5


def test_members_of_a_population_differ_in_strength_only():
    def build(l2):
        return model(kernel_regularizer=VariableL1L2(l2=l2))

    auto = "loop" if keras.backend.backend() == "torch" else "map"
    population = Population(build, [{"l2": 0.0}, {"l2": 1.0}], executor=auto)
    population.compile(keras.optimizers.SGD(0.1), "mse")
    population.fit(X, Y, epochs=5, verbose=0)
    sizes = [np.abs(population.member(k).get_weights()[0]).sum() for k in range(2)]
    assert sizes[1] < 0.5 * sizes[0]


def test_a_regularized_layer_is_still_a_leaf():
    net = model(kernel_regularizer=VariableL1L2(l2=1e-3))
    leaves = [layer for layer in graph.leaf_layers(net) if layer.weights]
    assert leaves == net.layers


@pytest.mark.parametrize("bad", [-1, float("nan"), "much", None])
def test_a_bad_strength_is_refused(bad):
    for make in (VariableL1L2, KLSparsity):
        with pytest.raises(ValueError, match=r"must .*Received: "):
            make(bad)
    with pytest.raises(ValueError, match="`l2` must"):
        VariableL1L2().l2 = bad


@pytest.mark.parametrize("options", [{"target": 0}, {"target": 1}, {"units": "spiking"}])
def test_a_bad_target_is_refused(options):
    with pytest.raises(ValueError, match=r"must be .*Received: "):
        KLSparsity(0.1, **options)
