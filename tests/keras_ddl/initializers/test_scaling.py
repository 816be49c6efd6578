"""Xavier and Kaiming initializers and gains, against PyTorch's own numbers."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_ddl.initializers import (
    KaimingNormal,
    KaimingUniform,
    Orthonormal,
    OrthonormalMSRA,
    XavierNormal,
    XavierUniform,
    calculate_gain,
    fans,
)

DENSE, CONV = (300, 200), (3, 3, 24, 60)
ALL = [KaimingNormal, KaimingUniform, Orthonormal, OrthonormalMSRA, XavierNormal, XavierUniform]


def draw(initializer, shape=DENSE, dtype="float32"):
    return ops.convert_to_numpy(initializer(shape, dtype=dtype))


def torch_kernel(fill, shape, **arguments):
    """A kernel of Keras's shape, filled by `torch.nn.init`, in PyTorch's layout."""
    torch = pytest.importorskip("torch")
    *window, inputs, outputs = shape
    kernel = torch.empty(outputs, inputs, *window)
    getattr(torch.nn.init, fill)(kernel, generator=torch.Generator().manual_seed(0), **arguments)
    return kernel.numpy()


@pytest.mark.parametrize("shape", [DENSE, CONV])
@pytest.mark.parametrize(
    ("ours", "fill", "arguments"),
    [
        (XavierUniform(2.0, seed=1), "xavier_uniform_", {"gain": 2.0}),
        (XavierNormal(0.5, seed=1), "xavier_normal_", {"gain": 0.5}),
        (KaimingUniform(seed=1), "kaiming_uniform_", {}),
        (KaimingUniform(0.3, "fan_out", seed=1), "kaiming_uniform_", {"a": 0.3, "mode": "fan_out"}),
        (KaimingNormal(0.3, seed=1), "kaiming_normal_", {"a": 0.3}),
        (
            KaimingNormal(mode="fan_out", nonlinearity="tanh", seed=1),
            "kaiming_normal_",
            {"mode": "fan_out", "nonlinearity": "tanh"},
        ),
    ],
)
def test_scale_and_shape_of_the_distribution_are_pytorchs(ours, fill, arguments, shape):
    own, theirs = draw(ours, shape), torch_kernel(fill, shape, **arguments)
    assert own.std() == pytest.approx(theirs.std(), rel=0.03)
    # A uniform draw is bounded, a normal one is not and is not cut at two deviations.
    assert np.abs(own).max() == pytest.approx(np.abs(theirs).max(), rel=0.2)


@pytest.mark.parametrize(
    "name", ["linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu"]
)
def test_gains_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    assert calculate_gain(name) == torch.nn.init.calculate_gain(name)


@pytest.mark.parametrize("slope", [None, 0.0, 0.2, 1 / 3, -1, 5])
def test_gains_of_leaky_relu_are_pytorchs(slope):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.init.calculate_gain("leaky_relu", slope)
    assert calculate_gain("leaky_relu", slope) == pytest.approx(theirs, rel=1e-12)


def test_variance_of_a_weighted_sum_is_n_var_w_var_x():
    """Xavier's premise: Var(s) = n Var(w) Var(x) for independent weights and inputs of mean 0."""
    x = np.random.default_rng(0).normal(scale=1.5, size=(2000, 300))
    w = draw(XavierNormal(seed=2)).astype("float64")
    assert (x @ w).var() == pytest.approx(300 * w.var() * x.var(), rel=0.02)


@pytest.mark.parametrize("shape", [DENSE, (20, 90), (3, 3, 4, 30), (3, 3, 4, 50), (2, 3, 3, 2, 8)])
@pytest.mark.parametrize("gain", [1.0, 1.7])
def test_orthonormal_kernels_are_so_by_units_or_by_inputs(shape, gain):
    kernel = draw(Orthonormal(gain, seed=3), shape).reshape(-1, shape[-1])
    rows, columns = kernel.shape
    gram = kernel.T @ kernel if rows >= columns else kernel @ kernel.T
    np.testing.assert_allclose(gram, gain**2 * np.eye(min(rows, columns)), atol=1e-4)


def test_a_convolution_with_an_orthonormal_kernel_keeps_the_variance():
    """Which it does not if the axes of the kernel are taken in another order."""
    x = np.random.default_rng(1).normal(size=(8, 12, 12, 8)).astype("float32")
    conv = keras.layers.Conv2D(72, 3, kernel_initializer=Orthonormal(seed=4))
    assert ops.convert_to_numpy(conv(x)).var() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("shape", [DENSE, (20, 90), CONV])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_orthonormal_msra_has_the_deviation_of_kaiming(shape, mode):
    kernel = draw(OrthonormalMSRA(0.2, mode, seed=5), shape)
    fan = fans(shape)[mode == "fan_out"]
    assert kernel.std() == pytest.approx(calculate_gain("leaky_relu", 0.2) / math.sqrt(fan), 0.01)
    singular = np.linalg.svd(kernel.reshape(-1, shape[-1]), compute_uv=False)
    np.testing.assert_allclose(singular, singular[0], rtol=1e-4)


@pytest.mark.parametrize("cls", ALL)
def test_two_calls_differ_unless_seeded(cls):
    unseeded, seeded = cls(), cls(seed=6)
    assert (draw(unseeded, (4, 4)) != draw(unseeded, (4, 4))).any()
    np.testing.assert_array_equal(draw(seeded, (4, 4)), draw(seeded, (4, 4)))
    keras.utils.set_random_seed(0)
    first = draw(cls(), (4, 4))
    keras.utils.set_random_seed(0)
    np.testing.assert_array_equal(draw(cls(), (4, 4)), first)


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("seed", [7, None])
def test_round_trip_through_the_configuration(cls, seed):
    original = cls(1.3, seed=seed)
    loaded = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(original))
    assert type(loaded) is cls
    assert loaded.get_config() == original.get_config()
    same = (draw(loaded, (4, 4)) == draw(original, (4, 4))).all()
    assert same == (seed is not None)


@pytest.mark.parametrize("cls", ALL)
def test_a_layer_takes_it_in_half_precision(cls):
    layer = keras.layers.Dense(4, kernel_initializer=cls(seed=8), dtype="bfloat16")
    layer.build((None, 6))
    kernel = ops.convert_to_numpy(ops.cast(layer.kernel.value, "float32"))
    # bfloat16 draws come from another stream where the initializer is core's own.
    assert kernel.std() == pytest.approx(draw(cls(seed=8), (6, 4)).std(), rel=0.7)


def test_fans_count_the_window_on_both_sides():
    assert fans((5, 7)) == (5, 7)
    assert fans((3, 3, 16, 32)) == (144, 288)


@pytest.mark.parametrize(
    ("wrong", "argument"),
    [
        (lambda: calculate_gain("relu6"), "nonlinearity"),
        (lambda: calculate_gain("leaky_relu", "x"), "param"),
        (lambda: calculate_gain("leaky_relu", True), "param"),
        (lambda: XavierUniform(0), "gain"),
        (lambda: KaimingNormal(mode="fan_avg"), "mode"),
        (lambda: OrthonormalMSRA(mode="fan_avg"), "mode"),
        (lambda: fans((3,)), "shape"),
    ],
)
def test_bad_arguments_are_named(wrong, argument):
    with pytest.raises(ValueError, match=rf"`{argument}` must .*Received: {argument}="):
        wrong()
