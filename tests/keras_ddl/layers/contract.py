"""What every public layer must do, one check a function, on whichever backend runs.

A check takes a `Case` and raises AssertionError if the case fails. `CHECKS` lists all checks, and
`applies` decides which of them a case must pass.
"""

import json
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import ops

from tests.keras_ddl.layers.gradients import assert_gradients

BACKEND = keras.backend.backend()
JIT = BACKEND != "torch"  # what Keras chooses; without XLA, exporting traces TensorFlow's graph
CHECKS: list[Callable[["Case"], None]] = []


@dataclass(frozen=True)
class Case:
    """A layer and what it promises.

    Attributes:
        covers: name of the public class under test.
        make: builds the layer anew; a random layer is given its seed.
        shape: of one input, without the batch, channels last.
        unknown: the same with None where the size may be unknown; default: all but the last axis.
        channels_first: builds the same layer for channels first, if it knows the format.
        masks: whether a mask of time steps passes through it; `shape` is then (time, features).
        random: whether calls in training draw random numbers.
        jit: whether the layer compiles with XLA on the backends that have it.
        export: whether it can be exported to a TensorFlow SavedModel.
        gradient: tolerance of the gradient check, relative; None where there is no gradient to
            speak of.
    """

    covers: str
    make: Callable[[], keras.layers.Layer]
    shape: tuple[int, ...]
    unknown: tuple[int | None, ...] | None = None
    channels_first: Callable[[], keras.layers.Layer] | None = None
    masks: bool = False
    random: bool = False
    jit: bool = True
    export: bool = True
    gradient: float | None = 0.02

    @property
    def input_shape(self):
        return self.unknown or (*[None] * (len(self.shape) - 1), self.shape[-1])


def check(function):
    CHECKS.append(function)
    return function


def applies(function, case):
    """Whether a case must pass a check."""
    return {
        masks_pass_through: case.masks,
        a_wholly_masked_batch_moves_nothing: case.masks,
        float64_stays: BACKEND != "jax",  # JAX computes in float32 by default
        channels_first_is_channels_last_transposed: case.channels_first is not None,
        exports_to_a_saved_model: case.export and BACKEND == "tensorflow",
        gradients_are_right: case.gradient is not None,
        calls_in_training_draw_anew: case.random,
    }.get(function, True)


def sample(case, batch=3, grow=0, seed=0):
    """An input of the case, its unknown axes longer by `grow`."""
    sizes = zip(case.shape, case.input_shape, strict=True)
    shape = [size + grow * (known is None) for size, known in sizes]
    return np.random.default_rng(seed).normal(size=(batch, *shape)).astype("float32")


def build(layer, shape, before=()):
    """The layer as a model, its weights moved away from zeros and ones, which hide mistakes."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input(shape), *before, layer])
    rng = np.random.default_rng(1)
    for weight in model.trainable_variables:
        moved = ops.convert_to_numpy(weight.value) + rng.normal(0, 0.2, weight.shape)
        weight.assign(moved.astype("float32"))
    return model


def run(model, x, training=False):
    return ops.convert_to_numpy(model(ops.convert_to_tensor(x), training=training))


@contextmanager
def policy(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def own_config(layer):
    """The configuration without the shapes that Keras adds for inner layers, such as cells."""

    def cleaned(value):
        if isinstance(value, dict):
            return {key: cleaned(inner) for key, inner in value.items() if key != "build_config"}
        return value

    return cleaned(layer.get_config())


@check
def a_config_rebuilds_the_layer(case):
    """Through JSON and the package's name, unchanged by building; equal seeds draw the same."""
    layer = case.make()
    before = own_config(layer)
    model, x = build(layer, case.shape), sample(case)
    assert own_config(layer) == before
    text = json.dumps(keras.saving.serialize_keras_object(layer))
    assert f'"keras_ddl>{case.covers}"' in text
    twin = build(keras.saving.deserialize_keras_object(json.loads(text)), case.shape)
    assert own_config(twin.layers[0]) == before
    twin.set_weights(model.get_weights())
    for training in (False, True):
        np.testing.assert_array_equal(run(twin, x, training), run(model, x, training))


@check
def a_saved_model_computes_the_same(case):
    model, x = build(case.make(), case.input_shape), sample(case)
    run(model, x, training=True)  # moves what training moves
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.saving.load_model(path)
    np.testing.assert_array_equal(run(loaded, x), run(model, x))


@check
def low_precision_is_finite_and_keeps_its_dtype(case):
    x = sample(case)
    for name in ("mixed_float16", "bfloat16"):
        with policy(name):
            layer = case.make()
            model = keras.Sequential([keras.Input(case.shape), layer])
        for training in (False, True):
            out = model(ops.convert_to_tensor(x), training=training)
            assert keras.backend.standardize_dtype(out.dtype) == layer.compute_dtype, name
            assert np.isfinite(ops.convert_to_numpy(ops.cast(out, "float32"))).all(), name


@check
def symbolic_shapes_are_those_of_the_output(case):
    """With known sizes, and with an unknown batch and unknown sizes of two lengths."""
    unknown = build(case.make(), case.input_shape)
    told = unknown.layers[0].compute_output_shape((None, *case.input_shape))
    assert tuple(told) == tuple(unknown.output_shape)
    for grow in (0, 2):
        x = sample(case, grow=grow)
        known = case.make().compute_output_shape(x.shape)
        for training in (False, True):
            got = run(unknown, x, training).shape
            assert tuple(known) == got
            assert all(size in {None, real} for size, real in zip(told, got, strict=True))


@check
def inference_is_deterministic(case):
    model, x = build(case.make(), case.shape), sample(case)
    np.testing.assert_array_equal(run(model, x), run(model, x))


@check
def calls_in_training_draw_anew(case):
    model, x = build(case.make(), case.shape), sample(case)
    first = run(model, x, training=True)
    assert any((run(model, x, training=True) != first).any() for _ in range(20))


def state(model):
    """The values of the weights that are not trained."""
    return [
        ops.convert_to_numpy(variable.value)
        for layer in model.layers
        for variable in layer.non_trainable_weights
    ]


@check
def an_empty_batch_moves_nothing(case):
    model, x = build(case.make(), case.shape), sample(case)
    run(model, x, training=True)
    before = state(model)
    for training in (False, True):
        out = run(model, x[:0], training)
        assert out.shape == tuple(model.compute_output_shape(x[:0].shape))
    for one, other in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(one, other)


@check
def a_wholly_masked_batch_moves_nothing(case):
    model = keras.Sequential([keras.layers.Masking(9.0), case.make()])
    x = sample(case)
    run(model, x, training=True)
    before = state(model)
    assert np.isfinite(run(model, np.full_like(x, 9.0), training=True)).all()
    for one, other in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(one, other)


@check
def float64_stays(case):
    with policy("float64"):
        model = build(case.make(), case.shape)
    x = sample(case).astype("float64")
    for training in (False, True):
        out = model(ops.convert_to_tensor(x), training=training)
        assert keras.backend.standardize_dtype(out.dtype) == "float64"


@check
def integers_count_as_numbers(case):
    model, x = build(case.make(), case.shape), np.round(3 * sample(case))
    numbers = run(model, x)
    integers = run(model, x.astype("int32"))
    assert integers.dtype == numbers.dtype
    np.testing.assert_array_equal(integers, numbers)


@check
def masks_pass_through(case):
    class ShowMask(keras.layers.Layer):
        def call(self, inputs, mask=None):
            assert mask is not None, "the mask is lost"
            return ops.cast(mask, "float32")

    show = ShowMask()
    show.supports_masking = True
    model = keras.Sequential([keras.layers.Masking(9.0), case.make(), show])
    x = sample(case)
    x[0, -1] = x[1, 0] = 9.0
    np.testing.assert_array_equal(run(model, x), (x != 9.0).all(axis=-1))


@check
def channels_first_is_channels_last_transposed(case):
    last, x = build(case.make(), case.shape), sample(case)
    turned = np.moveaxis(x, -1, 1)
    first = build(case.channels_first(), turned.shape[1:])
    first.set_weights(last.get_weights())
    for training in (False,) if case.random else (False, True):
        expected = np.moveaxis(run(last, x, training), -1, 1)
        np.testing.assert_allclose(run(first, turned, training), expected, rtol=1e-5, atol=1e-5)


@check
def a_compiled_step_agrees_with_the_eager_loss(case):
    """Compiled as Keras does by default; afterwards all weights are finite."""

    def scale():  # a layer without weights still has to hand a gradient down
        return keras.layers.Dense(case.shape[-1], kernel_initializer="identity")

    x = sample(case)
    eager, model = (build(case.make(), case.shape, before=[scale()]) for _ in range(2))
    eager.set_weights(model.get_weights())
    expected = None if case.random else np.mean(np.square(run(eager, x, training=True)))
    model.compile(keras.optimizers.SGD(0.01), "mse", jit_compile=JIT and case.jit)
    y = np.zeros(model.compute_output_shape(x.shape), "float32")
    loss = model.fit(x, y, shuffle=False, verbose=0).history["loss"][0]
    assert np.isfinite(loss)
    assert expected is None or np.isclose(loss, expected, rtol=1e-4)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@check
def exports_to_a_saved_model(case):
    """With unknown sizes: the exported function is traced with them."""
    import tensorflow as tf

    model = build(case.make(), case.input_shape)
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        served = tf.saved_model.load(folder)
        for grow in (0, 2):
            x = sample(case, grow=grow)
            np.testing.assert_allclose(served.serve(x), run(model, x), rtol=1e-5, atol=1e-5)


@check
def gradients_are_right(case):
    """Those of a training step, with regard to the input and to every weight."""
    model, x = build(case.make(), case.shape), sample(case)
    # As tensors: each call then starts from the same state and draws the same random numbers.
    state = [ops.copy(variable.value) for variable in model.non_trainable_variables]
    weights = [ops.convert_to_numpy(variable.value) for variable in model.trainable_variables]

    def function(inputs, *values):
        return model.stateless_call(values, state, inputs, training=True)[0]

    assert_gradients(function, [x, *weights], tolerance=case.gradient)
