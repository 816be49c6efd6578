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
    made = Population(build, members, vectorize="loop" if TORCH else "auto")
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


@pytest.mark.parametrize("name", OPTIMIZERS)
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


def test_learning_rates_of_their_own():
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


@pytest.mark.skipif(TORCH, reason="PyTorch makes one step an execution")
def test_steps_per_execution_change_nothing():
    runs = []
    for steps in (1, 5):
        together = population(optimizer="adam", steps_per_execution=steps)
        together.fit(X, Y, batch_size=32, shuffle=False, verbose=0)
        runs.append(weights(together))
    for one, five in zip(*runs, strict=True):
        np.testing.assert_allclose(one, five, atol=1e-6)


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


def test_loop_and_map_agree():
    if TORCH:
        pytest.skip("PyTorch's vmap refuses random numbers")
    runs = []
    for mode in ("map", "loop"):
        made = Population(build, MEMBERS, vectorize=mode)
        made.compile("sgd", loss())
        made.fit(X[:96], Y[:96], shuffle=False, verbose=0)
        runs.append(weights(made))
    for mapped, looped in zip(*runs, strict=True):
        np.testing.assert_allclose(mapped, looped, atol=1e-5)


@pytest.mark.skipif(not TORCH, reason="what PyTorch says")
def test_pytorch_is_told_of_the_loop():
    with pytest.warns(UserWarning, match="one after another"):
        Population(build, MEMBERS)


def dropout(rate):
    return keras.Sequential([keras.Input((4,)), keras.layers.Dropout(rate, name="drop")])


@pytest.mark.parametrize(
    ("build", "members", "message"),
    [
        (dropout, [{"rate": 0.1}, {"rate": 0.2}], "member 1, layer 'drop'.*rate=0.2.*0.1.*Variab"),
        (build, [{"units": 4}, {"units": 8}], "member 1, layer.*units=8.*populations of their own"),
        (build, [{}, {"normalized": False}], "same layers.*member 1"),
        (lambda: "model", [{}], "built keras.Model"),
        (build, [], "at least one member"),
    ],
)
def test_refuses_by_name(build, members, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        Population(build, members, vectorize="loop")


def test_refuses_what_does_not_fit():
    with pytest.raises(MemoryError, match="populations of 1"):
        Population(build, MEMBERS, vectorize="loop", memory=1)
    with pytest.raises(ValueError, match="every element"):
        population(optimizer=keras.optimizers.Lamb())
    with pytest.raises(ValueError, match="each of the 3 members"):
        population(learning_rate=[0.1])
    with pytest.raises(IndexError, match="between 0 and 2"):
        population().member(3)


def held(**arguments):
    made = Population(build, MEMBERS, data=(X, Y), vectorize="loop" if TORCH else "auto")
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
    for a, b in zip(on_device.stacked_weights, given.stacked_weights, strict=True):
        np.testing.assert_allclose(*map(ops.convert_to_numpy, (a.value, b.value)), atol=1e-5)


def test_indices_of_their_own_give_each_member_its_examples():
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
        Population(build, MEMBERS, data=(Y, Y), vectorize="loop")
    with pytest.raises(ValueError, match=r"\(batch, 3\). Received: indices of shape \(.*, 2\)"):
        on_device.fit(np.zeros((4, 2), "int32"), verbose=0)
