"""Walking a model: execution order, watching a pass, and which activation follows a layer."""

import threading

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl.graph import leaf_layers, own_activation, trace, watch
from keras_ddl.layers import Maxout, MaxoutConv2D

RNG = np.random.default_rng(0)


def names(model, x=None):
    return [step.layer.name for step in trace(model, x)]


def state(model):
    return {id(layer): dict(vars(layer)) for layer in model._flatten_layers()}


def residual():
    """Created in an order other than the one it runs in."""
    add, second = layers.Add(name="add"), layers.Dense(4, name="second")
    first = layers.Dense(4, activation="relu", name="first")
    inputs = keras.Input((4,))
    return keras.Model(inputs, add([inputs, second(first(inputs))]))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.last = layers.Dense(2, name="last")
        self.blocks = [layers.Dense(3, name="a"), layers.Dense(3, name="b")]

    def call(self, inputs):
        for block in reversed(self.blocks):
            inputs = ops.relu(block(inputs))
        return self.last(inputs)


def test_a_functional_model_runs_in_the_order_of_its_graph():
    assert names(residual()) == ["first", "second", "add"]


def test_a_subclassed_model_is_built_and_runs_as_its_call_says():
    assert names(Subclassed(), np.ones((1, 5))) == ["b", "a", "last"]


def test_an_unbuilt_sequential_model_needs_examples():
    model = keras.Sequential([layers.Dense(2, name="only")])
    with pytest.raises(ValueError, match=r"`x` is needed.*Received: x=None"):
        trace(model)
    assert names(model, np.ones((1, 3))) == ["only"]


def test_nested_models_are_walked_into():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4, name="inner")])
    inputs = keras.Input((4,))
    first = layers.Dense(4, name="first")
    model = keras.Model(inputs, layers.Dense(1, name="last")(inner(first(inputs))))
    assert names(model) == ["first", "inner", "last"]


def test_a_shared_layer_is_met_at_each_call():
    shared, between = layers.Dense(4, name="shared"), layers.Dense(4, name="between")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, shared(between(shared(inputs))))
    found = [(step.layer.name, step.index) for step in trace(model)]
    assert found == [("shared", 0), ("between", 0), ("shared", 1)]


@pytest.mark.parametrize("form", [list, dict])
def test_models_of_several_inputs(form):
    a, b = keras.Input((2,), name="left"), keras.Input((3,), name="right")
    joined = layers.Concatenate(name="join")([layers.Dense(2, name="x")(a), b])
    inputs = [a, b] if form is list else {"left": a, "right": b}
    model = keras.Model(inputs, layers.Dense(1, name="y")(joined))
    x = [np.ones((1, 2)), np.ones((1, 3))]
    x = x if form is list else dict(zip(("left", "right"), x, strict=True))
    assert names(model, x) == ["x", "join", "y"]


def test_attention_is_walked_into_and_recurrent_layers_are_not():
    inputs = keras.Input((5, 4))
    attended = layers.MultiHeadAttention(1, 2, name="attention")(inputs, inputs)
    both = layers.Bidirectional(layers.LSTM(2, name="memory"), name="both")(attended)
    found = names(keras.Model(inputs, both))
    assert set(found[:3]) == {"query", "key", "value"}
    assert found[-2:] == ["forward_memory", "backward_memory"]


def test_leaf_layers_come_once_each_without_calling_anything():
    model = Subclassed()
    assert [leaf.name for leaf in leaf_layers(model)] == ["last", "a", "b"]
    dense = layers.Dense(1, activation=layers.LeakyReLU())
    assert leaf_layers(dense) == [dense]


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("activation", ["tanh", layers.LeakyReLU(0.1)])
def test_the_hook_sees_inputs_the_linear_part_and_outputs(dtype, activation):
    dense = layers.Dense(3, activation=activation, use_bias=False, dtype=dtype)
    model = keras.Sequential([keras.Input((4,)), dense])
    x = RNG.normal(size=(5, 4)).astype("float32")
    seen = []
    with watch(model, seen.append):
        model(x)
    (call,) = seen
    kernel = ops.convert_to_numpy(dense.kernel.value)
    tolerance = 1e-5 if dtype == "float32" else 3e-2
    linear = ops.convert_to_numpy(ops.cast(call.linear, "float32"))
    np.testing.assert_allclose(linear, x @ kernel, atol=tolerance)
    expected = np.tanh(linear) if activation == "tanh" else np.where(linear > 0, 1, 0.1) * linear
    outputs = ops.convert_to_numpy(ops.cast(call.outputs, "float32"))
    np.testing.assert_allclose(outputs, expected, atol=tolerance)
    assert keras.backend.standardize_dtype(call.inputs.dtype) == dense.compute_dtype


def test_what_the_hook_returns_goes_on_and_again_uses_new_weights():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, "relu"), layers.Dense(1)])

    def doubled(call):
        call.layer.set_weights([2 * weight for weight in call.layer.get_weights()])
        again = call.again()
        np.testing.assert_allclose(
            ops.convert_to_numpy(again.linear), 2 * ops.convert_to_numpy(call.linear), rtol=1e-5
        )
        return again.outputs

    x = RNG.normal(size=(3, 2)).astype("float32")
    before = ops.convert_to_numpy(model(x))
    with watch(model, doubled):
        during = ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(during, 4 * before, rtol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(model(x)), during, rtol=1e-5)


def test_nothing_is_left_behind_even_by_an_exception():
    model = residual()
    x = np.ones((1, 4), "float32")
    model(x)
    before = state(model)
    with pytest.raises(RuntimeError, match="hook"), watch(model, fail):
        model(x)
    trace(model)
    assert state(model) == before
    model.layers[1].call = shadow = model.layers[1].call  # an attribute set by a user stays
    trace(model)
    assert vars(model.layers[1])["call"] is shadow


def fail(call):
    raise RuntimeError("hook")


def test_watches_nest_and_see_each_others_outputs():
    model = keras.Sequential(
        [keras.Input((2,)), layers.Dense(2, activation=layers.LeakyReLU(), name="only")]
    )
    seen = []
    with watch(model, lambda call: call.outputs + 1.0):
        plain = model(np.zeros((1, 2)))
        with watch(model, seen.append):
            model(np.zeros((1, 2)))
    assert [call.layer.name for call in seen] == ["only"]
    np.testing.assert_allclose(ops.convert_to_numpy(plain), 1.0)
    np.testing.assert_allclose(ops.convert_to_numpy(seen[0].outputs), 1.0)
    np.testing.assert_allclose(ops.convert_to_numpy(seen[0].linear), 0.0)
    assert trace(model)[0].activation is model.layers[0].activation


def test_other_threads_are_not_seen():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, "tanh")])
    with watch(model, fail):
        results = []
        thread = threading.Thread(target=lambda: results.append(model(np.zeros((1, 2)))))
        thread.start()
        thread.join()
    assert len(results) == 1


def test_watches_of_several_threads_begin_and_end_in_any_order():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, "tanh")])
    model(np.zeros((1, 2)))
    before = state(model)
    counts = []

    def work():
        for _ in range(20):
            seen = []
            with watch(model, seen.append):
                model(np.zeros((1, 2)))
            counts.append(len(seen))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [1] * 80
    assert state(model) == before


def follower(*after, own=None):
    """What `trace` says follows a convolution that stands before some layers."""
    conv = layers.Conv2D(2, 1, activation=own)
    step = trace(keras.Sequential([keras.Input((4, 4, 1)), conv, *after]))[0]
    return step.activation, step.through


def test_the_activation_that_follows_a_layer():
    relu, norm = layers.ReLU(), layers.BatchNormalization()
    dropout, pool = layers.Dropout(0.5), layers.MaxPooling2D()
    assert follower(own="relu") == (keras.activations.relu, ())
    assert follower(relu) == (relu, (relu,))
    assert follower(norm, dropout, pool, relu) == (relu, (norm, dropout, pool, relu))
    prelu = layers.PReLU()
    assert follower(prelu) == (prelu, (prelu,))
    assert follower() == (None, ())
    assert follower(layers.Conv2D(1, 1), layers.ReLU()) == (None, ())
    assert follower(layers.Conv2D(1, 1, activation="relu")) == (None, ())
    assert follower(layers.Activation("linear"), relu)[0] is relu
    assert follower(layers.Dropout(0.5), layers.Dropout(0.5)) == (None, ())


def test_a_merge_ends_the_way_to_an_activation():
    inputs = keras.Input((3,))
    dense = layers.Dense(3)
    summed = layers.ReLU()(layers.Add()([inputs, dense(inputs)]))
    first, add, relu = trace(keras.Model(inputs, summed))
    assert first.activation is None
    assert add.activation is relu.activation is relu.layer


def test_maxout_follows_the_linear_layer_inside_it():
    model = keras.Sequential([keras.Input((8, 8, 3)), MaxoutConv2D(4, 3), MaxoutConv2D(2, 3)])
    first, second = trace(model)
    assert (first.layer, second.layer) == tuple(layer.linear for layer in model.layers)
    linear = ops.ones((1, 6, 6, 8))
    assert first.activation is first.through[0]
    assert first.activation(linear).shape == (1, 6, 6, 4)
    assert follower(layers.Conv2D(8, 1), Maxout(4)) == (None, ())
    assert follower(layers.BatchNormalization(), Maxout(1))[0].num_units == 1


def test_own_activation_reads_the_argument_and_the_layer():
    leaky = layers.LeakyReLU()
    assert own_activation(layers.Dense(1)) is None
    assert own_activation(layers.Dense(1, activation="tanh")) is keras.activations.tanh
    assert own_activation(layers.Dense(1, activation=leaky)) is leaky
    assert own_activation(leaky) is leaky
    assert own_activation(layers.Activation("linear")) is None
    assert own_activation(layers.Flatten()) is None
