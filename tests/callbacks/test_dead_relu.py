"""DeadReLUCounter: known dead units, both modes, and where a mode does not apply."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_ddl.callbacks import DeadReLUCounter, TrainingWarning

ONES = np.ones((24, 6), "float32")
LABELS = np.arange(24) % 2


def dense(dead, activation="relu"):
    """`Dense(11)` on ones: positive for all units but the first `dead`, which are 0."""
    keras.utils.set_random_seed(0)
    hidden = layers.Dense(
        11, activation=activation, kernel_initializer="ones", bias_initializer="ones", name="hidden"
    )
    model = keras.Sequential([keras.Input((6,)), hidden, layers.Dense(2, activation="softmax")])
    kernel, bias = hidden.get_weights()
    kernel[:, :dead], bias[:dead] = 0, 0
    hidden.set_weights([kernel, bias])
    return model


def convolution(dead, normalized):
    """A residual block whose first convolution has dead channels."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 2))
    first = layers.Conv2D(11, 3, padding="same", use_bias=not normalized)
    x = first(inputs)
    if normalized:
        x = layers.BatchNormalization()(x)
    x = stem = layers.ReLU(name="stem")(layers.Dropout(0.1)(x))
    x = layers.BatchNormalization()(layers.Conv2D(11, 3, padding="same", use_bias=False)(x))
    x = layers.Activation("relu", name="sum")(layers.Add()([stem, x]))
    outputs = layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    kernel, *bias = first.get_weights()
    kernel[..., :dead] = 0
    first.set_weights([kernel, *bias])
    return model


def count(model, x=ONES, y=LABELS, rate=1e-3, **options):
    counter = DeadReLUCounter(**options)
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    history = model.fit(x, y, batch_size=8, verbose=0, callbacks=[counter]).history
    return counter, {name: values[-1] for name, values in history.items()}


@pytest.mark.parametrize(("dead", "printed"), [(1, "1 dead (9.09 %)"), (2, "2 dead (18.18 %)")])
@pytest.mark.parametrize("mode", ["gradient", "data"])
def test_dense_units_that_never_fire(mode, dead, printed, capsys):
    counter, logs = count(dense(dead), mode=mode, data=ONES, verbose=True)
    assert capsys.readouterr().out.strip() == printed
    assert logs["dead_relus"] == logs["dead_relus/hidden"] == dead
    assert logs["dead_relu_fraction"] == pytest.approx(dead / 11)
    np.testing.assert_array_equal(counter.history[0]["hidden"], np.arange(11) < dead)
    assert counter.table().splitlines()[1].split() == [
        "hidden",
        "11",
        str(dead),
        f"{100 * dead / 11:.2f}",
    ]


@pytest.mark.parametrize("mode", ["gradient", "data"])
def test_a_layer_that_is_dead_as_a_whole(mode):
    model = dense(11)
    if mode == "gradient":
        with pytest.warns(TrainingWarning, match="no unit of 'hidden' had a gradient"):
            _, logs = count(model, mode=mode)
    else:
        _, logs = count(model, mode=mode, data=ONES)
    assert (logs["dead_relus"], logs["dead_relu_fraction"]) == (11, 1.0)


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("mode", ["gradient", "data"])
def test_channels_of_convolutions(mode, normalized):
    x = np.random.default_rng(0).normal(size=(24, 6, 6, 2)).astype("float32")
    counter, _ = count(
        convolution(2, normalized), x, mode=mode, data=x, examples="all", batch_size=7
    )
    np.testing.assert_array_equal(counter.history[0]["stem"], np.arange(11) < 2)
    assert not counter.history[0]["sum"].any()
    assert counter.skipped == {}


def test_modes_agree_after_an_epoch_that_kills_units():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(64, 8)).astype("float32")
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(20, activation="relu", name="a"),
            layers.Dense(20, activation="relu6", name="b"),
            layers.Dense(2, activation="softmax"),
        ]
    )
    hidden = model.get_layer("a")
    kernel, bias = hidden.get_weights()
    bias[:7] = -100
    hidden.set_weights([kernel, bias])
    model.compile(keras.optimizers.SGD(1e-4), "sparse_categorical_crossentropy")
    gradient, data = DeadReLUCounter(), DeadReLUCounter("data", x, examples="all", per_layer=False)
    model.fit(x, x.argmax(axis=1) % 2, batch_size=16, verbose=0, callbacks=[gradient, data])
    for name in ("a", "b"):
        np.testing.assert_array_equal(gradient.history[0][name], data.history[0][name])
    assert gradient.history[0]["a"].sum() == 7


def test_data_mode_counts_over_all_batches_though_a_unit_fires_in_the_last_alone():
    x = np.zeros((30, 6), "float32")
    x[-1] = 1
    model = dense(3)
    model.get_layer("hidden").set_weights(
        [model.get_layer("hidden").get_weights()[0], np.zeros(11)]
    )
    some, _ = count(model, mode="data", data=x, examples=29, batch_size=10, rate=0.0)
    whole, _ = count(model, mode="data", data=x, examples="all", batch_size=10, rate=0.0)
    assert some.history[0]["hidden"].sum() == 11
    assert whole.history[0]["hidden"].sum() == 3


@pytest.mark.parametrize("kind", ["PyDataset", "iterable"])
def test_data_mode_takes_data_sets_of_batches(kind):
    x = np.concatenate([np.zeros((20, 6)), np.ones((4, 6))]).astype("float32")
    parts = [x[:10], x[10:20], x[20:]]

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return parts[index], LABELS[: len(parts[index])]

    class Loader:
        def __iter__(self):
            yield from parts

    model = dense(3)
    model.get_layer("hidden").set_weights(
        [model.get_layer("hidden").get_weights()[0], np.zeros(11)]
    )
    data = Batches() if kind == "PyDataset" else Loader()
    whole, _ = count(model, mode="data", data=data, examples="all", rate=0.0)
    assert whole.history[0]["hidden"].sum() == 3
    if kind == "PyDataset":
        some, _ = count(model, mode="data", data=data, examples=20, rate=0.0)
        assert some.history[0]["hidden"].sum() == 11


@pytest.mark.parametrize("data", [(i for i in range(3)), [[1.0, 2.0]], 3])
def test_what_is_neither_arrays_nor_a_data_set_is_refused(data):
    with pytest.raises(ValueError, match=r"DeadReLUCounter: `data` must be inputs as arrays.*Rec"):
        count(dense(0), mode="data", data=data)


@pytest.mark.parametrize("activation", ["leaky_relu", "elu", layers.LeakyReLU(), layers.PReLU()])
def test_leaky_variants_never_die(activation):
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(3, "relu"), layers.Dense(4, activation, name="leaky")]
    )
    model.compile("sgd", "mse")
    counter = DeadReLUCounter()
    counter.set_model(model)
    counter.on_train_begin()
    counter.on_train_end()
    assert len(counter.leaky) == 1
    assert counter.table().splitlines()[-1].split(maxsplit=1)[1] == "never dies"


def test_a_model_without_relu_is_refused(classifier, blobs):
    with pytest.raises(ValueError, match=r"no ReLU layer.*Leave the callback out.*never die"):
        classifier(activation="elu").fit(*blobs, verbose=0, callbacks=[DeadReLUCounter()])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"use_bias": False}, "has no bias"),
        ({"bias_regularizer": "l2"}, "regularizer"),
        ({"trainable": False}, "not trained"),
    ],
)
def test_where_gradients_do_not_tell_it_says_so(options, reason):
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(3, "relu", name="blind", **options),
            layers.Dense(3, "relu", name="seen"),
            layers.Dense(2, "softmax"),
        ]
    )
    counter, _ = count(model, np.random.default_rng(0).normal(size=(24, 6)))
    assert reason in counter.skipped["blind"]
    assert counter.history[0].keys() == {"seen"}
    assert "not counted" in counter.table()


def test_a_model_in_which_gradients_never_tell_is_refused():
    model = keras.Sequential([keras.Input((6,)), layers.ReLU(), layers.Dense(2, "softmax")])
    with pytest.raises(ValueError, match=r'applies to no layer.*`mode="data"`.*Received'):
        count(model)


def test_thresholds_warn_and_stop():
    model = dense(2)
    model.compile(keras.optimizers.SGD(1e-3), "sparse_categorical_crossentropy")
    counter = DeadReLUCounter(warn_above=0.1, stop_above=0.15)
    with pytest.warns(TrainingWarning) as given:
        history = model.fit(ONES, LABELS, epochs=5, verbose=0, callbacks=[counter]).history
    assert len(history["loss"]) == 1
    ours = [str(w.message) for w in given if w.category is TrainingWarning]
    assert ["2 dead (18.18 %)" in text for text in ours] == [True, True]
    assert len(counter.messages) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "guess"}, "`mode` must be one of 'gradient', 'data'"),
        ({"mode": "data"}, "needs `data`.*Received: data=None"),
        ({"examples": 0}, "`examples` must be a positive"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        DeadReLUCounter(**arguments)


def test_a_subclassed_model_of_unknown_shapes_wants_data(subclassed, blobs):
    model = subclassed()
    model(blobs[0][:2])
    with pytest.raises(ValueError, match=r"Give `data`, a few inputs.*data=None"):
        model.fit(*blobs, verbose=0, callbacks=[DeadReLUCounter()])
