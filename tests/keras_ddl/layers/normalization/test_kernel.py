"""Properties that all kernel wrappers share: LoRA, quantization, activity losses, removal."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_ddl.layers import DropConnect, MaxoutDense, WeightNormalization, WeightStandardization
from tests.keras_ddl.layers.normalization.reference import run, sample, value

SHAPES = {"dense": (4, 6), "convolution": (2, 5, 5, 3)}
LAYERS = {"dense": lambda: layers.Dense(3), "convolution": lambda: layers.Conv2D(3, 2)}


def batch_drop(layer):
    return DropConnect(layer, 0.5, sampling="batch")


def weight_normalized(layer):
    """With lengths that are not those of the kernel's columns."""
    wrapper = WeightNormalization(layer)
    wrapper.build(SHAPES["dense" if isinstance(layer, layers.Dense) else "convolution"])
    wrapper.g.assign(3 * wrapper.g.value)
    return wrapper


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("wrap", [weight_normalized, WeightStandardization])
def test_lora_adapts_the_kernel_before_the_wrapper_does(wrap, name):
    """At first nothing changes; then the effective kernel is that of the sum."""
    x, wrapper = sample(*SHAPES[name]), wrap(LAYERS[name]())
    before = run(wrapper, x, None)
    wrapper.layer.enable_lora(2)
    np.testing.assert_allclose(run(wrapper, x, None), before, rtol=1e-4, atol=1e-5)
    wrapper.layer.lora_kernel_b.assign(sample(*wrapper.layer.lora_kernel_b.shape))
    adapted = wrapper.layer.kernel
    plain = LAYERS[name]()
    plain.build(SHAPES[name])
    other = wrap(plain)
    run(other, x, None)
    plain.kernel.assign(adapted)
    if isinstance(wrapper, WeightNormalization):
        other.g.assign(wrapper.g)
    expected = run(other, x, None)
    assert np.abs(expected - before).max() > 0.1
    np.testing.assert_allclose(run(wrapper, x, None), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run(wrapper.remove(), x, None), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("wrap", [WeightNormalization, WeightStandardization, batch_drop])
def test_lora_trains_through_a_wrapper(wrap):
    wrapper = wrap(layers.Dense(3))
    model = keras.Sequential([keras.Input((6,)), wrapper])
    wrapper.layer.enable_lora(2)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    kernel, *lora = (
        next(w for w in model.weights if w.name == name)
        for name in ("kernel", "lora_kernel_a", "lora_kernel_b")
    )
    before = [value(weight) for weight in (kernel, *lora)]
    x = sample(16, 6)
    model.fit(x, x[:, :3], epochs=2, verbose=0)
    after = [value(weight) for weight in (kernel, *lora)]
    moved = [(one != other).any() for one, other in zip(before, after, strict=True)]
    assert moved == [False, True, True]


@pytest.mark.parametrize("sampling", ["batch", "example"])
def test_drop_connect_drops_under_lora(sampling):
    x, drop = sample(4, 6), DropConnect(layers.Dense(50), 0.5, sampling=sampling)
    run(drop, x)
    drop.layer.enable_lora(2)
    drop.layer.lora_kernel_b.assign(sample(2, 50))
    outputs = run(drop, x, training=True)
    assert not np.allclose(outputs, run(drop, x))
    many = [run(drop, x, training=True) for _ in range(400)]
    spread = np.std(many, axis=0).mean() / 20
    assert np.abs(np.mean(many, axis=0) - run(drop, x)).mean() < 2 * spread


@pytest.mark.parametrize("wrap", [WeightNormalization, WeightStandardization, batch_drop])
def test_a_quantized_layer_is_refused_in_place_of_a_kernel_without_effect(wrap):
    wrapper = wrap(layers.Dense(4))
    model = keras.Sequential([keras.Input((6,)), wrapper])
    wrapper.layer.quantize("int8")
    with pytest.raises(ValueError, match=r"needs a kernel of real numbers.*Received: layer=<Dense"):
        model(ops.ones((2, 6)), training=True)


class Counting(layers.Dense):
    """Counts its calls in a weight."""

    def build(self, input_shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")
        super().build(input_shape)

    def call(self, inputs):
        self.count.assign(self.count + 1)
        return super().call(inputs)


@pytest.mark.parametrize("wrap", [WeightNormalization, WeightStandardization])
def test_what_the_layer_assigns_in_its_call_stays(wrap):
    model = keras.Sequential([keras.Input((6,)), wrap(Counting(3))])
    model.compile("sgd", "mse")
    model.fit(sample(8, 6), sample(8, 3), batch_size=4, verbose=0)
    assert value(model.layers[0].layer.count) == 2


@pytest.mark.parametrize("wrap", [WeightNormalization, WeightStandardization])
def test_a_removed_wrapper_leaves_a_layer_that_can_be_quantized(wrap):
    x, wrapper = sample(4, 6), wrap(layers.Dense(3))
    expected = run(wrapper, x, None)
    plain = wrapper.remove()
    np.testing.assert_allclose(run(plain, x, None), expected, rtol=1e-4, atol=1e-5)
    plain.quantize("int8")
    np.testing.assert_allclose(run(plain, x, None), expected, atol=0.1)


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_a_quantized_maxout_layer_survives_saving(mode, tmp_path):
    model = keras.Sequential([keras.Input((6,)), MaxoutDense(3, 2)])
    model.layers[0].linear.quantize(mode)
    x = sample(4, 6)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(run(loaded, x, None), run(model, x, None))
    assert loaded.layers[0].linear.quantization_mode == mode


@pytest.mark.parametrize("wrap", [WeightNormalization, WeightStandardization, batch_drop])
def test_an_activity_regularizer_counts_once(wrap):
    """In `evaluate` and `fit`, where JAX collects losses in a scope, as in an eager call."""
    dense = layers.Dense(3, activation="tanh", activity_regularizer=keras.regularizers.L2(0.5))
    wrapper = wrap(dense)
    model = keras.Sequential([keras.Input((6,)), wrapper])
    if wrap is batch_drop:
        wrapper.rate = 1e-9  # the wrapped kernel is used, and nothing is dropped
    model.compile("sgd", "mse")
    x, y = sample(4, 6), np.zeros((4, 3))
    outputs = run(model, x, training=True)
    penalties = [ops.convert_to_numpy(loss) for loss in model.losses]
    expected = np.square(outputs).mean() + sum(penalties)
    assert len(penalties) == 1
    if wrap is not batch_drop:
        np.testing.assert_allclose(model.evaluate(x, y, verbose=0), expected, rtol=1e-5)
    loss = model.fit(x, y, verbose=0).history["loss"][0]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
