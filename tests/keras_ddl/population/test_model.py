"""A population of K equals K separate runs."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_ddl import Population
from keras_ddl.layers import VariableDropout
from keras_ddl.population import member_batches, member_indices

TORCH = keras.backend.backend() == "torch"
X = np.random.default_rng(0).normal(size=(320, 12)).astype("float32")
Y = np.random.default_rng(1).integers(0, 5, 320)
MEMBERS = [{"rate": 0.0, "seed": 1}, {"rate": 0.3, "seed": 2}, {"rate": 0.5, "seed": 3}]


def build(rate=0.2, seed=1, normalized=True, units=16):
    keras.utils.set_random_seed(seed)
    layers = [
        keras.Input((12,)),
        keras.layers.Dense(units, "relu", kernel_constraint=keras.constraints.MaxNorm(1.0)),
        VariableDropout(rate, seed=seed),
        keras.layers.Dense(5, kernel_regularizer=keras.regularizers.L2(1e-3)),
    ]
    if normalized:
        layers.insert(2, keras.layers.BatchNormalization())
    return keras.Sequential(layers)


def loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def population(build=build, members=MEMBERS, optimizer="sgd", **compiling):
    made = Population(build, members)
    made.compile(optimizer, loss(), metrics=["accuracy"], **compiling)
    return made


def weights(model):
    return [ops.convert_to_numpy(weight.value) for weight in model.weights]


OPTIMIZERS = {
    "momentum": lambda rate=0.1: keras.optimizers.SGD(rate, momentum=0.9),
    "adam": lambda rate=0.01: keras.optimizers.Adam(rate),
    "clipnorm": lambda rate=0.1: keras.optimizers.SGD(rate, clipnorm=0.1),
    "global clipnorm": lambda rate=0.1: keras.optimizers.SGD(rate, global_clipnorm=0.1),
}


@pytest.mark.parametrize(
    "name",
    [
        "momentum",
        "adam",
        pytest.param("clipnorm", marks=pytest.mark.slow),
        pytest.param("global clipnorm", marks=pytest.mark.slow),
    ],
)
def test_members_equal_separate_runs_after_twenty_steps(name):
    together = population(optimizer=OPTIMIZERS[name]())
    history = together.fit(X, Y, batch_size=16, shuffle=False, verbose=0, validation_data=(X, Y))
    for index, member in enumerate(MEMBERS):
        alone = build(**member)
        alone.compile(OPTIMIZERS[name](), loss(), metrics=["accuracy"])
        own = alone.fit(X, Y, batch_size=16, shuffle=False, verbose=0, validation_data=(X, Y))
        for mine, others in zip(weights(together.member(index)), weights(alone), strict=True):
            np.testing.assert_allclose(mine, others, atol=1e-5)
        for metric, values in own.history.items():
            np.testing.assert_allclose(
                history.history[metric][0][index], values[0], atol=2e-3, err_msg=metric
            )


def test_members_have_separate_learning_rates():
    schedule = keras.optimizers.schedules.PolynomialDecay(0.02, 20)
    rates = [0.001, 0.01, schedule]
    optimizer = keras.optimizers.AdamW(0.5, weight_decay=0.1)
    together = population(optimizer=optimizer, learning_rate=rates)
    together.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    for index, (member, rate) in enumerate(zip(MEMBERS, rates, strict=True)):
        alone = build(**member)
        alone.compile(keras.optimizers.AdamW(rate, weight_decay=0.1), loss())
        alone.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
        for mine, others in zip(weights(together.member(index)), weights(alone), strict=True):
            np.testing.assert_allclose(mine, others, atol=1e-5)


def test_changing_one_member_changes_no_other():
    first = population()
    first.fit(X, Y, batch_size=32, shuffle=False, verbose=0)
    second = population(members=[MEMBERS[0], {"rate": 0.9, "seed": 7}, MEMBERS[2]])
    second.fit(X, Y, batch_size=32, shuffle=False, verbose=0)
    for index in (0, 2):
        for mine, others in zip(
            weights(first.member(index)), weights(second.member(index)), strict=True
        ):
            np.testing.assert_allclose(mine, others, atol=1e-6)


def test_a_member_that_diverges_is_named_and_leaves_the_others():
    rates = [0.01, 1e30, 0.01]
    together = population(
        lambda rate, seed: build(rate, seed, normalized=False), learning_rate=rates
    )
    with pytest.warns(UserWarning, match=r"member\(s\) \[1\]"):
        history = together.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"][-1]).tolist() == [True, False, True]
    assert all(np.isfinite(weight).all() for weight in weights(together.member(2)))


def test_own_examples_equal_separate_runs():
    subsets = [np.arange(40), np.arange(100), np.arange(320)]
    batches = member_batches(X, Y, batch_size=20, subsets=subsets, seeds=[3, 4, 5])
    together = population()
    together.fit(batches, steps_per_epoch=10, verbose=0)
    feed = member_batches(X, Y, batch_size=20, subsets=subsets, seeds=[3, 4, 5])
    taken = [next(feed) for _ in range(10)]
    for index, member in enumerate(MEMBERS):
        alone = build(**member)
        alone.compile("sgd", loss())
        for x, y in taken:
            alone.train_on_batch(x[:, index], y[:, index])
        for mine, others in zip(weights(together.member(index)), weights(alone), strict=True):
            np.testing.assert_allclose(mine, others, atol=1e-5)


def test_predicts_for_every_member():
    together = population()
    outputs = together.predict(X[:10], batch_size=4, verbose=0)
    assert outputs.shape == (10, 3, 5)
    alone = together.member(1).predict(X[:10], verbose=0)
    np.testing.assert_allclose(outputs[:, 1], alone, atol=1e-5)


def test_evaluates_with_means_and_keeps_members():
    together = population()
    scores = together.evaluate(X, Y, verbose=0, return_dict=True)
    results = together.member_results()
    assert results["loss"].shape == results["accuracy"].shape == (3,)
    np.testing.assert_allclose(scores["accuracy"], results["accuracy"].mean(), rtol=1e-5)


def test_keras_callbacks_see_scalars(tmp_path):
    together = population()
    together.fit(
        X,
        Y,
        epochs=2,
        validation_split=0.2,
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping("val_loss"),
            keras.callbacks.ReduceLROnPlateau("val_loss"),
            keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
        ],
    )
    assert "val_accuracy" in (tmp_path / "log.csv").read_text()


def test_tensorboard_gets_scalars(tmp_path):
    pytest.importorskip("tensorboard")
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    board = keras.callbacks.TensorBoard(str(tmp_path), update_freq=2)
    population().fit(X, Y, validation_split=0.2, epochs=2, verbose=0, callbacks=[board])
    for folder in ("train", "validation"):
        events = event_accumulator.EventAccumulator(str(tmp_path / folder)).Reload()
        assert {"epoch_loss", "epoch_accuracy"} <= {*events.Tags()["tensors"]}
        assert [event.step for event in events.Tensors("epoch_loss")] == [0, 1]


def test_steps_per_execution_change_nothing():
    runs = []
    for steps in (1, 5):
        together = population(optimizer="adam", steps_per_execution=steps)
        together.fit(X, Y, batch_size=32, shuffle=False, verbose=0)
        runs.append(weights(together))
    for one, five in zip(*runs, strict=True):
        np.testing.assert_allclose(one, five, atol=1e-6)


def test_members_may_differ_in_structure():
    """Widths, activations, normalization, and the constant of a dropout layer."""

    def other(units, activation, rate, normalized):
        keras.utils.set_random_seed(units)
        hidden = [keras.layers.Dense(units, activation), keras.layers.Dropout(rate, seed=1)]
        if normalized:
            hidden.insert(1, keras.layers.LayerNormalization())
        return keras.Sequential([keras.Input((12,)), *hidden, keras.layers.Dense(5)])

    members = [
        {"units": 8, "activation": "relu", "rate": 0.1, "normalized": False},
        {"units": 16, "activation": "tanh", "rate": 0.4, "normalized": True},
    ]
    together = population(other, members, optimizer=keras.optimizers.Adam(0.01))
    together.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    for index, member in enumerate(members):
        alone = other(**member)
        alone.compile(keras.optimizers.Adam(0.01), loss())
        alone.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
        for mine, others in zip(weights(together.member(index)), weights(alone), strict=True):
            np.testing.assert_allclose(mine, others, atol=1e-5)


def test_an_ensemble_averages_and_is_saved(tmp_path):
    together = population()
    ensemble = together.ensemble("softmax")
    logits = together.predict(X[:8])
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    expected = shares.mean(axis=1)
    np.testing.assert_allclose(ensemble.predict(X[:8], verbose=0), expected, atol=1e-5)
    ensemble.save(tmp_path / "ensemble.keras")
    loaded = keras.saving.load_model(tmp_path / "ensemble.keras")
    np.testing.assert_allclose(loaded.predict(X[:8], verbose=0), expected, atol=1e-5)


def test_callbacks_at_batches_get_single_steps():
    class Batches(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seen = []

        def on_train_batch_end(self, batch, logs=None):
            self.seen.append((batch, logs["loss"]))

    each, whole = Batches(), population()
    history = whole.fit(X, Y, batch_size=100, verbose=0, callbacks=[each])
    assert [batch for batch, _ in each.seen] == [0, 1, 2, 3]
    assert each.seen[-1][1] == pytest.approx(history.history["loss"][0].mean(), rel=1e-5)


def test_a_learning_rate_scheduler_sets_all_members():
    together = population()
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.5 / (epoch + 1))
    together.fit(X, Y, epochs=2, verbose=0, callbacks=[scheduler])
    for place in range(3):
        rate = ops.convert_to_numpy(together.member(place).optimizer.learning_rate)
        assert rate == pytest.approx(0.25)
    different = population(learning_rate=[0.1, 0.2, 0.3])
    with pytest.raises(TypeError, match="members have different learning rates"):
        different.fit(X, Y, verbose=0, callbacks=[scheduler])


@pytest.mark.parametrize("rates", [0.1, [0.1, np.nan, 0.1], [0.1, -1.0, 0.1], ["0.1"] * 3])
def test_bad_learning_rates_are_refused(rates):
    with pytest.raises(ValueError, match="`learning_rate` must"):
        population(learning_rate=rates)


def test_numpy_numbers_are_learning_rates():
    together = population(learning_rate=np.array([0.1, 0.2, 0.3], "float32"))
    rates = [ops.convert_to_numpy(m.optimizer.learning_rate) for m in together.models]
    np.testing.assert_allclose(rates, [0.1, 0.2, 0.3], rtol=1e-6)


@pytest.mark.parametrize(
    ("policy", "tolerance"), [("mixed_float16", 1e-3), ("mixed_bfloat16", 1e-2)]
)
def test_mixed_precision_equals_separate_runs(policy, tolerance):
    """To the rounding of the smaller type; float32 after as many steps: 1e-5."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        together = population()
        together.fit(X, Y, shuffle=False, verbose=0)
        for index, arguments in enumerate(MEMBERS):
            alone = build(**arguments)
            alone.compile("sgd", loss())
            alone.fit(X, Y, shuffle=False, verbose=0)
            for one, other in zip(weights(together.member(index)), weights(alone), strict=True):
                np.testing.assert_allclose(one, other, atol=tolerance)
    finally:
        keras.config.set_dtype_policy(before)


def test_saves_and_loads_whole_and_single(tmp_path):
    together = population()
    together.fit(X, Y, verbose=0)
    together.save(tmp_path / "population.keras")
    loaded = keras.models.load_model(tmp_path / "population.keras")
    np.testing.assert_allclose(
        loaded.predict(X[:4], verbose=0), together.predict(X[:4], verbose=0), atol=1e-6
    )
    loaded.member(2).save(tmp_path / "member.keras")
    single = keras.models.load_model(tmp_path / "member.keras")
    np.testing.assert_allclose(
        single.predict(X[:4], verbose=0), together.predict(X[:4], verbose=0)[:, 2], atol=1e-5
    )


@pytest.mark.skipif(TORCH, reason="PyTorch has one executor")
def test_executors_agree():
    runs = []
    for executor in ("spread", "map", "loop"):
        made = Population(build, MEMBERS, executor=executor)
        made.compile("sgd", loss())
        assert made.executor == executor
        made.fit(X[:96], Y[:96], shuffle=False, verbose=0)
        runs.append([w for place in range(3) for w in weights(made.member(place))])
    for spread, *others in zip(*runs, strict=True):
        for other in others:
            np.testing.assert_allclose(spread, other, atol=1e-5)


@pytest.mark.skipif(not TORCH, reason="what PyTorch lacks")
@pytest.mark.parametrize("executor", ["spread", "map"])
def test_pytorch_has_one_executor(executor):
    with pytest.raises(ValueError, match="must be 'auto' or 'loop'"):
        Population(build, MEMBERS, executor=executor)


@pytest.mark.parametrize(
    ("build", "members", "message"),
    [
        (lambda: "model", [{}], "built keras.Model"),
        (build, [], "at least one member"),
    ],
)
def test_refuses_by_name(build, members, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        Population(build, members, executor="loop")


def test_refuses_what_does_not_fit():
    with pytest.raises(MemoryError, match="populations of 1"):
        Population(build, MEMBERS, executor="loop", memory=1)
    with pytest.raises(ValueError, match="`executor` must be one of"):
        Population(build, MEMBERS, executor="threads")
    with pytest.raises(ValueError, match=r"belong to two members.*members 0 and 1"):
        Population.from_models([build()] * 2)
    with pytest.raises(ValueError, match="each of the 3 members"):
        population(learning_rate=[0.1])
    with pytest.raises(IndexError, match="between 0 and 2"):
        population().member(3)


def held(**arguments):
    made = Population(build, MEMBERS, data=(X, Y))
    made.compile("sgd", loss(), metrics=["accuracy"])
    return made, population(**arguments)


def test_data_on_the_device_give_what_the_examples_give():
    on_device, given = held()
    order = np.random.default_rng(3).permutation(len(X))
    options = {"batch_size": 16, "shuffle": False, "verbose": 0}
    own = on_device.fit(order, validation_data=(X[:32], Y[:32]), **options)
    expected = given.fit(X[order], Y[order], validation_data=(X[:32], Y[:32]), **options)
    for name, values in expected.history.items():
        np.testing.assert_allclose(own.history[name], values, atol=1e-5)
    for a, b in zip(weights(on_device), weights(given), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_separate_indices_give_each_member_its_examples():
    on_device, given = held()
    options = {"batch_size": 8, "subsets": [range(40), range(20), range(100)], "seeds": [0, 1, 2]}
    fitting = {"steps_per_epoch": 12, "verbose": 0}
    own = on_device.fit(member_indices(len(X), **options), **fitting)
    expected = given.fit(member_batches(X, Y, **options), **fitting)
    np.testing.assert_allclose(own.history["loss"], expected.history["loss"], atol=1e-5)


def test_data_are_not_saved_and_bad_data_are_refused(tmp_path):
    on_device, _ = held()
    on_device.save(tmp_path / "population.keras")
    loaded = keras.saving.load_model(tmp_path / "population.keras")
    np.testing.assert_allclose(
        ops.convert_to_numpy(loaded(X[:4])), ops.convert_to_numpy(on_device(X[:4])), atol=1e-6
    )
    with pytest.raises(ValueError, match=r"x of floating-point.*type int"):
        Population(build, MEMBERS, data=(Y, Y), executor="loop")
    with pytest.raises(ValueError, match=r"\(batch, 3\). Received: indices of shape \(.*, 2\)"):
        on_device.fit(np.zeros((4, 2), "int32"), verbose=0)


def test_epochs_of_a_few_steps_go_on_where_the_last_ended():
    together = population()
    together.fit(X, Y, batch_size=100, steps_per_epoch=3, epochs=2, shuffle=False, verbose=0)
    alone = build(**MEMBERS[1])
    alone.compile("sgd", loss())
    for start in (0, 100, 200, 300, 0, 100):
        alone.train_on_batch(X[start : start + 100], Y[start : start + 100])
    for mine, others in zip(weights(together.member(1)), weights(alone), strict=True):
        np.testing.assert_allclose(mine, others, atol=1e-5)


def test_data_sets_and_generators_give_what_arrays_give():
    class Batches(keras.utils.PyDataset):
        @property
        def num_batches(self):
            return 4

        def __getitem__(self, index):
            return X[80 * index : 80 * index + 80], Y[80 * index : 80 * index + 80]

    batches = Batches()
    runs = []
    for data in (batches, (batches[place] for place in range(4))):
        together = population()
        together.fit(data, verbose=0)
        runs.append(weights(together.member(2)))
    together = population()
    together.fit(X, Y, batch_size=80, shuffle=False, verbose=0)
    for run in runs:
        for mine, others in zip(run, weights(together.member(2)), strict=True):
            np.testing.assert_allclose(mine, others, atol=1e-6)
    with pytest.raises(ValueError, match="`x` must be arrays"):
        together.fit(7)
