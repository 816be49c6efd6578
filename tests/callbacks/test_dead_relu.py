"""DeadReLUCounter: known dead units, both modes, and where a mode does not apply."""

import keras
import numpy as np
import pytest
from keras import layers, ops

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
def test_it_reports_layers_where_gradients_are_not_conclusive(options, reason):
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


def test_a_model_in_which_gradients_are_never_conclusive_is_refused():
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
    with pytest.raises(ValueError, match=r"Pass `data`, a few inputs.*data=None"):
        model.fit(*blobs, verbose=0, callbacks=[DeadReLUCounter()])


def kill(layer, count):
    """Make the first units of a layer silent, and the others fire."""
    *kernel, bias = layer.get_weights()
    small = [0.1 * weights for weights in kernel]  # the bias decides
    layer.set_weights([*small, np.where(np.arange(len(bias)) < count, -1000.0, 1.0)])


def compiled(inputs, outputs):
    model = keras.Model(inputs, layers.Dense(2, "softmax")(layers.Flatten()(outputs)))
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    return model


def both_modes(model, x):
    """Dead units by layer, counted in both ways."""
    y = np.arange(len(x)) % 2
    found = []
    for counter in (DeadReLUCounter(), DeadReLUCounter("data", x)):
        model.fit(x, y, verbose=0, batch_size=8, callbacks=[counter])
        found.append({name: int(units.sum()) for name, units in counter.history[0].items()})
    assert found[0] == found[1]
    return found[0], counter


NOISE = np.random.default_rng(2).normal(size=(24, 6)).astype("float32")


def test_a_relu_layer_at_several_places_has_units_at_each():
    keras.utils.set_random_seed(0)
    relu = layers.ReLU(name="relu")
    first, second = layers.Dense(8), layers.Dense(16)
    inputs = keras.Input((6,))
    model = compiled(inputs, relu(second(relu(first(inputs)))))
    kill(first, 2)
    kill(second, 5)
    assert both_modes(model, NOISE)[0] == {"relu": 2, "relu_2": 5}


def test_units_of_one_kernel_at_several_places_are_counted_once():
    keras.utils.set_random_seed(0)
    shared = layers.Dense(8, "relu", name="shared")
    inputs = keras.Input((6,))
    model = compiled(inputs, layers.Add()([shared(inputs), shared(inputs * 2)]))
    kill(shared, 3)
    assert both_modes(model, NOISE)[0] == {"shared": 3}


def test_a_bias_used_at_another_place_too_is_not_conclusive():
    keras.utils.set_random_seed(0)
    dense = layers.Dense(8, name="dense")
    inputs = keras.Input((6,))
    hidden = dense(inputs)
    model = compiled(inputs, layers.ReLU(name="relu")(hidden) + hidden)
    counter = DeadReLUCounter()
    with pytest.raises(ValueError, match=r"applies to no layer.*goes to other layers"):
        model.fit(NOISE, np.zeros(24), verbose=0, callbacks=[counter])


RELU = {
    "lambda": lambda x: ops.maximum(x, 0),
    "layer": layers.ReLU,
    "Lambda": lambda: layers.Lambda(lambda x: ops.maximum(x, 0.0)),
    "ops.relu": lambda: ops.relu,
    "ops.relu6": lambda: ops.relu6,
}


@pytest.mark.parametrize("kind", RELU)
def test_relus_of_all_kinds_are_found(kind):
    keras.utils.set_random_seed(0)
    dense = layers.Dense(8, activation=RELU[kind] if kind == "lambda" else None)
    inputs = keras.Input((6,))
    hidden = dense(inputs)
    model = compiled(inputs, hidden if kind == "lambda" else RELU[kind]()(hidden))
    kill(dense, 3)
    assert [*both_modes(model, NOISE)[0].values()] == [3]


def test_the_backend_s_relu_is_found():
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from tensorflow.nn import relu
    elif backend == "jax":
        from jax.nn import relu
    else:
        from torch.nn.functional import relu
    keras.utils.set_random_seed(0)
    dense = layers.Dense(8, activation=relu)
    inputs = keras.Input((6,))
    model = compiled(inputs, dense(inputs))
    kill(dense, 3)
    assert [*both_modes(model, NOISE)[0].values()] == [3]


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softmax", "linear", "hard_sigmoid"])
def test_other_activations_are_no_relus(activation):
    inputs = keras.Input((6,))
    model = compiled(inputs, layers.Dense(8, activation=activation)(inputs))
    with pytest.raises(ValueError, match="no ReLU layer"):
        model.fit(NOISE, np.zeros(24), verbose=0, callbacks=[DeadReLUCounter()])


def test_time_distributed_layers_are_counted():
    keras.utils.set_random_seed(0)
    dense = layers.Dense(5, "relu")
    inputs = keras.Input((4, 6))
    model = compiled(inputs, layers.TimeDistributed(dense, name="timed")(inputs))
    kill(dense, 2)
    assert both_modes(model, np.repeat(NOISE[:, None], 4, axis=1))[0] == {"timed": 2}


def test_relus_within_a_loop_over_time_are_named():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 6))
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(3, "relu"), layers.Dense(3)])
    hidden = layers.TimeDistributed(inner, name="timed")(inputs)
    hidden = layers.SimpleRNN(3, activation="relu", name="rnn")(hidden)
    model = compiled(inputs, layers.Dense(4, "relu", name="seen")(hidden))
    _, counter = both_modes(model, np.repeat(NOISE[:, None], 4, axis=1))
    assert counter.skipped.keys() == {"timed", "rnn"}
    assert "loop over time" in counter.table()


@pytest.mark.parametrize("setting", ["channels_last", "channels_first"])
def test_the_layer_before_a_relu_decides_the_axis_of_its_units(setting):
    before = keras.config.image_data_format()
    keras.config.set_image_data_format(setting)
    try:
        keras.utils.set_random_seed(0)
        inputs = keras.Input((4, 6))
        dense = layers.Dense(5)
        model = compiled(inputs, layers.ReLU(name="relu")(layers.Dropout(0.1)(dense(inputs))))
        kill(dense, 2)
        data = DeadReLUCounter("data", np.repeat(NOISE[:, None], 4, axis=1))
        data.set_model(model)
        data.on_train_begin()
        data.on_epoch_end(0, {})
    finally:
        keras.config.set_image_data_format(before)
    assert data.history[0]["relu"].tolist() == [True, True, False, False, False]


def test_a_relu_after_a_channels_first_convolution_counts_channels():
    convolution = layers.Conv1D(3, 2, data_format="channels_first")
    if keras.backend.backend() == "tensorflow":
        pytest.skip("TensorFlow has no channels_first convolutions on CPUs")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 5))
    model = compiled(inputs, layers.ReLU(name="relu")(convolution(inputs)))
    kill(convolution, 1)
    assert both_modes(model, np.repeat(NOISE[:, :, None], 5, axis=2))[0] == {"relu": 1}


@pytest.mark.parametrize("name", ["warn_above", "stop_above"])
def test_numbers_as_strings_are_refused(name):
    with pytest.raises(
        ValueError, match=rf"`{name}` must be a number or None.*Received: {name}='0.5'"
    ):
        DeadReLUCounter(**{name: "0.5"})
