"""LSUV: the variances afterwards, measured without the library, and what it does not change."""

import random

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops

from keras_ddl.initializers import calculate_gain, lsuv_init
from keras_ddl.initializers.kernels import orthonormal_value
from keras_ddl.initializers.pooled import Pooled
from keras_ddl.initializers.search import ScaleSearch
from keras_ddl.layers import MaxoutConv2D, MaxoutDense

RNG = np.random.default_rng(0)
X = RNG.normal(loc=0.5, scale=2.0, size=(96, 10)).astype("float32")
IMAGES = RNG.normal(size=(24, 8, 8, 3)).astype("float32")
TOLERANCE = 0.02


def array(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32")).astype("float64")


def linear_part(model, layer, x, call=0):
    """Computes the layer's input with a separate model, then the layer without its activation."""
    config = {**layer.get_config(), "name": "afresh"}
    config |= {"activation": None} if "activation" in config else {}
    plain = type(layer).from_config(config)
    into = layer._inbound_nodes[call].input_tensors[0]
    plain.build(into.shape)
    plain.set_weights(layer.get_weights())
    below = x if into is model.inputs[0] else keras.Model(model.inputs[0], into)(x, training=False)
    return array(plain(below, training=False))


def with_kernels(model):
    return [layer for layer in model._flatten_layers() if hasattr(layer, "kernel")]


def mlp(depth=3, activation="relu", widen=1, **kwargs):
    model = keras.Sequential([keras.Input((10,))])
    for width in range(depth):
        model.add(layers.Dense(12 + widen * width, activation=activation, **kwargs))
    model.add(layers.Dense(4, activation="softmax", **kwargs))
    return model


def convolutional():
    """All kinds of kernels, activations as arguments and as layers, a merge, a frozen norm."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, activation="relu", padding="same")(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(x)))
    branch = layers.Conv2DTranspose(8, 3, padding="same", activation="tanh")(x)
    x = layers.Add()([x, layers.Dropout(0.5)(branch)])
    x = layers.LeakyReLU()(layers.SeparableConv2D(12, 3, depth_multiplier=2)(x))
    x = layers.Reshape((36, 12))(x)
    x = layers.PReLU()(layers.EinsumDense("abc,cde->abde", (36, 4, 5))(x))
    x = layers.Conv1D(6, 3, groups=2)(layers.Reshape((36, 20))(x))
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


@pytest.mark.parametrize(("make", "x"), [(mlp, X), (convolutional, IMAGES)])
@pytest.mark.parametrize("orthonormal", [True, False])
def test_every_layer_has_the_variance_measured_afresh(make, x, orthonormal):
    model = make()
    report = lsuv_init(model, x, batch_size=len(x), orthonormal=orthonormal, seed=1)
    assert report.converged, report
    found = [layer for layer in model.layers if layer.weights and hasattr(layer, "activation")]
    found = [layer for layer in found if not isinstance(layer, layers.PReLU)]
    assert len(found) == len(report.layers) == (4 if make is mlp else 7)
    for layer, told in zip(found, report.layers, strict=True):
        variance = linear_part(model, layer, x).var()
        assert abs(variance - 1) <= TOLERANCE, layer.name
        assert told.variance_after == pytest.approx(variance, rel=1e-3)
        assert told.iterations <= 1


@pytest.mark.parametrize("shape", [(300, 300), (700, 300), (40, 310), (3, 3, 8, 20), (2, 2, 4, 9)])
def test_the_orthonormal_kernels_are_so(shape):
    dense = layers.Dense if len(shape) == 2 else layers.Conv2D
    layer = dense(shape[-1], *([] if len(shape) == 2 else [shape[:2]]))
    layer.build((None, *([None] * (len(shape) - 2)), shape[-2]))
    value = orthonormal_value(layer, layer.kernel, np.random.default_rng(0))
    assert value.shape == shape
    matrix = value.reshape(-1, shape[-1]).astype("float64")
    rows, columns = matrix.shape
    gram = matrix.T @ matrix if rows >= columns else matrix @ matrix.T
    np.testing.assert_allclose(gram, np.eye(min(rows, columns)), atol=1e-5)


def test_it_works_in_execution_order_whatever_the_order_of_creation():
    second, first = layers.Dense(6), layers.Dense(8, activation="relu")
    inputs = keras.Input((10,))
    model = keras.Model(inputs, second(first(inputs)))
    report = lsuv_init(model, X, batch_size=96)
    assert [row.name for row in report.layers] == [first.path, second.path]
    assert abs(linear_part(model, second, X).var() - 1) <= TOLERANCE


@pytest.mark.parametrize("calls", [2, 5])
def test_the_calls_of_a_shared_layer_are_pooled(calls):
    shared, inputs = layers.Dense(10, activation="relu"), keras.Input((10,))
    between = layers.Dense(10, activation="tanh")
    x = between(shared(inputs))
    for _ in range(calls - 1):
        x = shared(x)
    model = keras.Model(inputs, layers.Dense(3)(x))
    report = lsuv_init(model, X, batch_size=96, seed=2)
    assert report.converged, report
    pooled = np.concatenate([linear_part(model, shared, X, call) for call in range(calls)])
    assert abs(pooled.var() - 1) <= TOLERANCE
    for layer in (between, model.layers[-1]):
        assert abs(linear_part(model, layer, X).var() - 1) <= TOLERANCE


@pytest.mark.parametrize("measure", ["pre_activation", "post_activation"])
def test_maxout_layers(measure):
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), MaxoutConv2D(6, 3), layers.Flatten(), MaxoutDense(5, 4)]
    )
    report = lsuv_init(model, IMAGES, measure=measure, batch_size=24, seed=12)
    assert report.converged, report
    pieces = array(
        ops.matmul(
            keras.Model(model.inputs[0], model.layers[1].output)(IMAGES),
            1.0 * model.layers[2].kernel,
        )
    )
    outputs = {"pre_activation": pieces, "post_activation": array(model(IMAGES))}[measure]
    assert abs(outputs.var() - 1) <= TOLERANCE


class Tree(keras.Model):
    """Nested, subclassed, of two inputs given by name, with two heads."""

    def __init__(self):
        super().__init__()
        self.heads = [layers.Dense(2), layers.Dense(3)]
        self.body = keras.Sequential([layers.Dense(7, activation="elu"), layers.Dense(6)])

    def call(self, inputs):
        x = ops.concatenate([inputs["a"], inputs["b"]], axis=-1)
        return [head(self.body(x)) for head in self.heads]


def test_nested_subclassed_models_of_several_inputs_and_outputs():
    model = Tree()
    report = lsuv_init(model, {"a": X, "b": X[:, :3]}, batch_size=96, seed=3)
    assert report.converged, report
    assert len(report.layers) == 4
    for output in model({"a": X, "b": X[:, :3]}):
        assert abs(array(output).var() - 1) <= TOLERANCE


@settings(max_examples=15, deadline=None)
@given(
    spread=st.floats(0.0, 0.5),
    shift=st.floats(-3, 3),
    target=st.floats(0.3, 4.0),
    seed=st.integers(0, 100),
)
def test_biases_are_kept_and_counted_in(spread, shift, target, seed):
    dense = layers.Dense(8)
    model = keras.Sequential([keras.Input((10,)), dense])
    bias = np.random.default_rng(seed).normal(shift, spread, 8).astype("float32")
    dense.bias.assign(bias)
    report = lsuv_init(model, X, batch_size=96, target_variance=target, seed=seed)
    if bias.var() < 0.8 * target:
        assert report.converged, report
        assert report.layers[0].iterations <= 1
        kernel = array(dense.kernel.value)
        assert (X @ kernel + bias).var() == pytest.approx(target, abs=TOLERANCE)
    np.testing.assert_array_equal(ops.convert_to_numpy(dense.bias.value), bias)


def test_biases_that_vary_more_than_the_target_are_reported():
    model = mlp(0)
    model.layers[-1].bias.assign([-9.0, 3.0, 5.0, 9.0])
    (row,) = lsuv_init(model, X).layers
    assert row.status == "not converged"
    assert row.note.startswith("the biases alone have variance")


@pytest.mark.parametrize(("activation", "target"), [("relu", 1.0), ("tanh", 0.4), ("gelu", 1.0)])
@pytest.mark.parametrize("separate", [True, False])
def test_post_activation_variance(activation, target, separate):
    model = keras.Sequential([keras.Input((10,))])
    for _ in range(2):
        if separate:
            model.add(layers.Dense(16))
            model.add(layers.Activation(activation))
        else:
            model.add(layers.Dense(16, activation=activation))
    report = lsuv_init(
        model, X, measure="post_activation", target_variance=target, batch_size=96, seed=4
    )
    assert report.converged, report
    for layer in model.layers[separate :: 1 + separate]:
        out = array(keras.Model(model.inputs[0], layer.output)(X))
        assert abs(out.var() - target) <= TOLERANCE


def test_where_the_activation_cannot_reach_the_target_the_linear_part_does():
    model = mlp(1, "tanh")
    first, _ = lsuv_init(model, X, measure="post_activation", batch_size=96).layers
    assert first.status == "not converged"
    assert 0 < first.variance_after < 1
    assert abs(linear_part(model, model.layers[0], X).var() - 1) <= TOLERANCE


def test_frozen_layers_and_moving_statistics_are_untouched():
    model = convolutional()
    frozen = model.layers[1]
    frozen.trainable = False
    keeps = [frozen, *(layer for layer in model.layers if "batch" in layer.name)]
    before = [weight for layer in keeps for weight in layer.get_weights()]
    report = lsuv_init(model, IMAGES)
    after = [weight for layer in keeps for weight in layer.get_weights()]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    assert report.layers[0].status == "frozen"
    before, after = report.layers[0].variance_before, report.layers[0].variance_after
    assert after == pytest.approx(before, rel=0.3)  # before: on the first few examples
    assert report.converged


def test_dead_layers_are_reported_and_never_nan():
    model = mlp(2)
    model.layers[0].bias.assign(np.full(12, -1e4, "float32"))
    report = lsuv_init(model, X)
    assert [row.status for row in report.layers[1:]] == ["dead", "dead"]
    assert not report.converged
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    zero = lsuv_init(mlp(1), np.zeros((4, 10), "float32"))
    assert {row.status for row in zero.layers} == {"dead"}
    bad = lsuv_init(mlp(1), np.full((4, 10), np.nan, "float32"))
    assert {row.status for row in bad.layers} == {"not finite"}


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_half_precision(dtype):
    """Signals are in half precision and statistics in float32, so a mean of 30 does no harm."""
    model = keras.Sequential(
        [keras.Input((10,)), layers.Dense(64, "relu", dtype=dtype), layers.Dense(32, dtype=dtype)]
    )
    report = lsuv_init(model, X, batch_size=96, seed=5)
    assert report.converged, report
    assert abs(array(model(X)).var() - 1) <= TOLERANCE


class Standardized(layers.Dense):
    """A kernel that is normalized when it is used: no scale of it has an effect."""

    def call(self, inputs, training=None):
        return ops.matmul(inputs, self.kernel / ops.norm(self.kernel))


def test_a_layer_that_undoes_the_scale_is_reported_and_unchanged():
    layer = Standardized(5, use_bias=False)
    model = keras.Sequential([keras.Input((10,)), layer])
    model.build((None, 10))
    before = layer.get_weights()[0]
    (row,) = lsuv_init(model, X, orthonormal=False).layers
    assert row.status == "not converged"
    assert "does not scale the output" in row.note
    np.testing.assert_array_equal(layer.get_weights()[0], before)


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_the_input_kernel_of_recurrent_layers(kind):
    x = RNG.normal(scale=3, size=(20, 6, 5)).astype("float32")
    layer = kind(4)
    model = keras.Sequential([keras.Input((6, 5)), layer, layers.Dense(2)])
    report = lsuv_init(model, x, seed=6)
    assert report.converged, report
    assert (x @ array(layer.cell.kernel.value)).var() == pytest.approx(1, abs=TOLERANCE)
    recurrent = array(layer.cell.recurrent_kernel.value)[:, :4]
    np.testing.assert_allclose(recurrent.T @ recurrent, np.eye(4), atol=1e-5)
    assert abs(array(model(x)).var() - 1) <= TOLERANCE


def test_what_cannot_be_scaled_is_refused_by_name():
    model = keras.Sequential(
        [
            keras.Input((4, 6, 6, 2)),
            layers.ConvLSTM2D(3, 2, name="memory"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    report = lsuv_init(model, RNG.normal(size=(8, 4, 6, 6, 2)).astype("float32"))
    assert [row.status for row in report.layers] == ["refused", "converged"]
    assert not report.converged


def test_time_distributed_layers():
    x = RNG.normal(size=(20, 6, 5)).astype("float32")
    model = keras.Sequential([keras.Input((6, 5)), layers.TimeDistributed(layers.Dense(4))])
    assert lsuv_init(model, x, seed=7).converged
    assert abs(array(model(x)).var() - 1) <= TOLERANCE
    model = keras.Sequential([keras.Input((6, 5)), layers.TimeDistributed(layers.Dense(4, "relu"))])
    assert lsuv_init(model, x).layers[0].status == "refused"


def test_a_model_built_by_a_call_is_measured_on_whole_batches():
    model = keras.Sequential([layers.Dense(6, activation="relu"), layers.Dense(4)])
    model(X[:2])
    assert lsuv_init(model, X, batch_size=96).converged
    assert abs(array(model(X)).var() - 1) <= TOLERANCE


def test_what_is_inside_time_distributed_models_is_refused_by_name():
    inner = keras.Sequential([keras.Input((5,)), layers.Dense(4), layers.Dense(3)])
    model = keras.Sequential([keras.Input((6, 5)), layers.TimeDistributed(inner), layers.Dense(2)])
    report = lsuv_init(model, RNG.normal(size=(20, 6, 5)).astype("float32"))
    assert [row.status for row in report.layers] == ["refused", "converged"]
    assert "TimeDistributed" in report.layers[0].note
    assert not report.converged


@pytest.mark.parametrize("timed", [False, True])
def test_a_kernel_under_lora_is_refused_by_name(timed):
    dense = layers.Dense(4)
    first = layers.TimeDistributed(dense) if timed else dense
    model = keras.Sequential([keras.Input((6, 5)), first, layers.Dense(2)])
    dense.enable_lora(2)
    before = array(dense.kernel)
    report = lsuv_init(model, RNG.normal(size=(20, 6, 5)).astype("float32"))
    assert [row.status for row in report.layers] == ["refused", "converged"]
    assert "LoRA" in report.layers[0].note
    assert not report.converged
    np.testing.assert_array_equal(array(dense.kernel), before)


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_a_quantized_kernel_is_in_the_report(mode):
    model = mlp(2)
    next(layer for layer in model.layers if isinstance(layer, layers.Dense)).quantize(mode)
    report = lsuv_init(model, X)
    assert report.layers[0].status in {"refused", "frozen"}
    assert len(report.layers) == sum(isinstance(one, layers.Dense) for one in model.layers)


class Draws(layers.Layer):
    """Draws at inference and moves a weight, as recurrent dropout and spectral norms do."""

    def __init__(self):
        super().__init__()
        self.generator = keras.random.SeedGenerator(3)

    def build(self, shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs):
        self.count.assign(self.count + 1)
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.generator)


def test_seeds_recurrent_states_and_moving_weights_stay():
    memory = layers.GRU(4, stateful=True, recurrent_dropout=0.5, dropout=0.5)
    model = keras.Sequential(
        [keras.Input(batch_shape=(16, 6, 5)), Draws(), memory, layers.Dense(3)]
    )
    x = RNG.normal(size=(40, 6, 5)).astype("float32")
    model(x[:16])
    kernels = {id(weight) for weight in model.trainable_weights}
    others = [one for one in model.variables if id(one) not in kernels] + list(memory.states)
    before = [array(variable.value) for variable in others]
    python, numpy = random.getstate(), np.random.get_state()[1].copy()
    assert lsuv_init(model, x).converged
    for variable, value in zip(others, before, strict=True):
        np.testing.assert_array_equal(array(variable.value), value)
    assert random.getstate() == python
    np.testing.assert_array_equal(np.random.get_state()[1], numpy)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        return X[16 * index : 16 * (index + 1)], np.zeros(16)


def sources():
    def generator():
        while True:
            yield X[:40]

    yield "array", X
    yield "PyDataset", Batches()
    yield "generator", generator()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        yield "tf.data", tf.data.Dataset.from_tensor_slices((X, X)).batch(10)
    if keras.backend.backend() == "torch":
        import torch

        yield "loader", torch.utils.data.DataLoader(torch.from_numpy(X), batch_size=30)


@pytest.mark.parametrize(
    ("name", "source"), [*sources()], ids=lambda value: value if isinstance(value, str) else ""
)
def test_data_comes_from_wherever_a_model_is_fed(name, source):
    model = mlp(1)
    assert lsuv_init(model, source, batch_size=96, seed=8).converged
    # The generator repeats the same 40 examples.
    x = np.concatenate([X[:40]] * 3)[:96] if name == "generator" else X
    assert abs(linear_part(model, model.layers[0], x).var() - 1) <= TOLERANCE


def test_a_seed_repeats_it_and_the_report_prints_a_table():
    models = [mlp(), mlp()]
    reports = [lsuv_init(model, X, batch_size=32, seed=9) for model in models]
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    title, header, *rows = str(reports[0]).splitlines()
    assert title == "LSUV: pre-activation variance 1 ± 0.02"
    assert header.split() == ["layer", "before", "after", "iterations", "status"]
    assert len(rows) == len(reports[0].layers)
    assert all(row.endswith("1  converged") for row in rows)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"target_variance": 0}, "target_variance"),
        ({"tolerance": float("nan")}, "tolerance"),
        ({"max_iterations": 0}, "max_iterations"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"measure": "activation"}, "measure"),
        ({"target_variance": "1"}, "target_variance"),
        ({"tolerance": True}, "tolerance"),
        ({"max_iterations": "10"}, "max_iterations"),
    ],
)
def test_bad_arguments_are_named(arguments, name):
    with pytest.raises(ValueError, match=rf"`{name}` must .*Received: {name}="):
        lsuv_init(mlp(1), X, **arguments)


def test_a_model_or_data_without_anything_to_scale_is_refused():
    with pytest.raises(ValueError, match="`model` must have a layer with a kernel"):
        lsuv_init(keras.Sequential([keras.Input((10,)), layers.ReLU()]), X)
    with pytest.raises(ValueError, match="`x` must hold at least one example"):
        lsuv_init(mlp(1), iter(()))
    with pytest.raises(ValueError, match=r"`x` must be inputs as arrays.*Received: x is None"):
        lsuv_init(mlp(1), None)
    for wrong in ({"a": X, "b": X}, (X, X[:, :1]), X[:, :3]):
        with pytest.raises(ValueError, match=r"`model` cannot run `x`.*Received: x of shape"):
            lsuv_init(mlp(1), wrong)


def test_relu_networks_keep_their_signal_over_thirty_layers():
    """What LSUV is for: under Xavier the signal is halved at each layer."""
    model = mlp(30, "relu", 0, kernel_initializer="glorot_uniform")
    report = lsuv_init(model, X, batch_size=96, seed=10)
    before = [row.variance_before for row in report.layers]
    assert before[-1] < 1e-3 * before[0]
    assert all(abs(row.variance_after - 1) <= TOLERANCE for row in report.layers)
    assert calculate_gain("relu") ** 2 == pytest.approx(2)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 5)), min_size=1, max_size=4))
def test_pooled_moments_are_those_of_all_entries_together(parts):
    tensors = [RNG.normal(mean, spread, (7, 3)).astype("float32") for mean, spread in parts]
    pooled = Pooled()
    for tensor in tensors:
        pooled.add(ops.convert_to_tensor(tensor))
    together = np.concatenate(tensors).astype("float64")
    assert pooled.variance == pytest.approx(together.var(), rel=1e-3)
    assert pooled.mean == pytest.approx(together.mean(), rel=1e-3, abs=1e-4)


@settings(max_examples=50, deadline=None)
@given(power=st.floats(0.5, 12), factor=st.floats(1e-3, 1e3), calls=st.integers(1, 6))
def test_the_search_finds_the_scale_of_any_power_law(power, factor, calls):
    search, scale = ScaleSearch(1.0, slope=2.0 * calls), 1.0
    for _ in range(10):
        scale *= search.step(factor * scale**power)
    assert factor * scale**power == pytest.approx(1, abs=TOLERANCE)


def norm_free_resnet(size):
    def without_norm(layer):
        if isinstance(layer, layers.BatchNormalization):
            return layers.Identity(name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    def call(layer, *args, **kwargs):
        return layer(*args, **({} if isinstance(layer, layers.Identity) else kwargs))  # no mask

    resnet = keras.applications.ResNet50(weights=None, input_shape=(size, size, 3), classes=10)
    return keras.models.clone_model(resnet, clone_function=without_norm, call_function=call)


@pytest.mark.slow
def test_resnet_50_without_norms():
    """All 54 kernels. A convolution there has no activation argument: its output is measured."""
    model = norm_free_resnet(64)
    x = np.random.default_rng(1).normal(size=(16, 64, 64, 3)).astype("float32")
    report = lsuv_init(model, x, batch_size=16, seed=11)
    assert report.converged, report
    found = with_kernels(model)
    assert len(found) == len(report.layers) == 54
    *convolutions, head = found
    outputs = keras.Model(model.inputs[0], [layer.output for layer in convolutions])(x)
    variances = [array(output).var() for output in outputs]
    variances.append(linear_part(model, head, x).var())
    assert max(abs(variance - 1) for variance in variances) <= TOLERANCE


@pytest.mark.parametrize(
    "shape", [(1100, 1024), pytest.param((1024, 1300), marks=pytest.mark.slow)]
)
def test_large_orthonormal_kernels_are_so_and_nearly_normal(shape):
    layer = keras.layers.Dense(shape[1])
    layer.build((None, shape[0]))
    q = orthonormal_value(layer, layer.kernel, np.random.default_rng(0))
    assert q.shape == shape
    assert q.dtype == "float32"
    product = q.T @ q if shape[0] >= shape[1] else q @ q.T
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-5)
    scaled = q * np.sqrt(max(shape))
    assert scaled.std() == pytest.approx(1, abs=1e-3)
    assert np.mean(scaled**4) == pytest.approx(3, abs=0.1)  # of the normal distribution
    assert np.abs(scaled.mean(axis=0)).max() < 0.2
