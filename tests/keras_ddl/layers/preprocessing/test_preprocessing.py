"""Layers that are adapted to data: what they compute, from whatever data they are given."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_ddl.layers import ChannelMean, MeanImage, PCAWhitening, ZCAWhitening

LAYERS = [MeanImage, ChannelMean, PCAWhitening, ZCAWhitening]
SHAPE = (4, 3, 2)


@pytest.fixture
def images():
    """Correlated, with a mean that is large beside the deviations."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(24, 24)) / 5
    return (rng.normal(size=(3000, 24)) @ mixing + 3).reshape(-1, *SHAPE).astype("float32")


def run(layer, x):
    return ops.convert_to_numpy(layer(x))


def adapted(layer, data):
    layer.adapt(data)
    return layer


def covariance(x):
    return np.cov(x.reshape(len(x), -1).astype("float64"), rowvar=False, bias=True)


def in_batches(images, size=700):
    for start in range(0, len(images), size):
        yield images[start : start + size]


def test_the_mean_image_is_subtracted(images):
    expected = images - images.mean(axis=0, dtype="float64")
    np.testing.assert_allclose(run(adapted(MeanImage(), images), images), expected, atol=1e-5)


@pytest.mark.parametrize(("axis", "others"), [(-1, (0, 1, 2)), (1, (0, 2, 3))])
def test_the_mean_of_every_channel_is_subtracted(images, axis, others):
    expected = images - images.mean(axis=others, dtype="float64", keepdims=True)
    layer = adapted(ChannelMean(axis), images)
    np.testing.assert_allclose(run(layer, images), expected, atol=1e-5)


def test_channel_means_take_images_of_several_sizes(images):
    layer = adapted(ChannelMean(), iter([images, images[:100, :2]]))
    total = images.sum(axis=(0, 1, 2), dtype="float64")
    total += images[:100, :2].sum(axis=(0, 1, 2), dtype="float64")
    mean = total / (len(images) * 12 + 100 * 6)
    np.testing.assert_allclose(-run(layer, np.zeros((1, 1, 1, 2)))[0, 0, 0], mean, rtol=1e-6)


@pytest.mark.parametrize("whitening", [PCAWhitening, ZCAWhitening])
def test_whitened_inputs_have_mean_zero_and_the_identity_as_covariance(images, whitening):
    out = run(adapted(whitening(epsilon=1e-9), images), images)
    np.testing.assert_allclose(out.mean(axis=0), np.zeros(out.shape[1:]), atol=1e-4)
    np.testing.assert_allclose(covariance(out), np.eye(24), atol=1e-3)


def test_epsilon_shrinks_directions_of_small_variance(images):
    out = run(adapted(PCAWhitening(epsilon=0.5), images), images)
    variances = np.linalg.eigvalsh(covariance(images))[::-1]
    np.testing.assert_allclose(covariance(out), np.diag(variances / (variances + 0.5)), atol=1e-3)


def test_pca_orders_directions_by_variance_and_cuts_off_the_last(images):
    whole = run(adapted(PCAWhitening(), images), images)
    part = run(adapted(PCAWhitening(5), images), images)
    np.testing.assert_allclose(part, whole[:, :5], atol=1e-5)
    layer = adapted(PCAWhitening(), images)
    scales = ops.convert_to_numpy(layer.scale)
    assert (np.diff(scales) >= 0).all()


def test_zca_stays_nearest_to_the_inputs(images):
    """Its matrix is symmetric, as of no other rotation of whitened inputs."""
    layer = adapted(ZCAWhitening(), images)
    columns = run(layer, np.eye(24, dtype="float32").reshape(-1, *SHAPE))
    origin = run(layer, np.zeros((1, *SHAPE), "float32"))
    matrix = (columns - origin).reshape(24, 24)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-4 * np.abs(matrix).max())


@pytest.mark.parametrize("kind", LAYERS)
def test_the_inverse_restores_the_inputs(images, kind):
    layer = adapted(kind(), images)
    outputs = layer(images)
    np.testing.assert_allclose(ops.convert_to_numpy(layer.inverse(outputs)), images, atol=1e-4)
    inverting = adapted(kind(invert=True), images)
    np.testing.assert_allclose(run(inverting, outputs), images, atol=1e-4)
    np.testing.assert_allclose(
        ops.convert_to_numpy(inverting.inverse(images)), ops.convert_to_numpy(outputs), atol=1e-4
    )


def test_the_inverse_of_some_components_is_the_nearest_image_that_has_only_these(images):
    layer = adapted(PCAWhitening(5), images)
    restored = ops.convert_to_numpy(layer.inverse(layer(images))).reshape(len(images), -1)
    flat = images.reshape(len(images), -1)
    centred = flat - flat.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ directions[:5].T @ directions[:5] + flat.mean(axis=0)
    np.testing.assert_allclose(restored, expected, atol=1e-3)


@pytest.mark.parametrize("kind", LAYERS)
def test_arrays_and_batches_of_any_kind_teach_the_same(images, kind):
    class Sequence(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return images[1000 * index : 1000 * (index + 1)], np.zeros(1000)

    tf = pytest.importorskip("tensorflow")
    expected = run(adapted(kind(), images), images[:9])
    given = {
        "generator": in_batches(images),
        "with labels": ((batch, np.zeros(len(batch))) for batch in in_batches(images)),
        "PyDataset": Sequence(),
        "tf.data": tf.data.Dataset.from_tensor_slices(images).batch(256),
        "tensor": ops.convert_to_tensor(images),
    }
    for name, data in given.items():
        found = run(adapted(kind(), data), images[:9])
        np.testing.assert_allclose(found, expected, atol=1e-3, err_msg=name)


def test_a_generator_that_fills_one_array_again_and_again_is_read_rightly(images):
    def reused():
        buffer = np.empty((100, *SHAPE), "float32")
        for batch in in_batches(images, 100):
            buffer[:] = batch
            yield buffer

    for kind in LAYERS:
        expected = run(adapted(kind(), images), images[:9])
        np.testing.assert_allclose(run(adapted(kind(), reused()), images[:9]), expected, atol=1e-3)


@pytest.mark.parametrize("kind", LAYERS)
def test_statistics_of_half_precision_inputs_are_in_full_precision(kind):
    """A float16 sum would overflow, and a float16 mean of 3,000 would be off by one."""
    half = np.random.default_rng(0).uniform(3000, 3100, size=(5000, 2, 2, 2)).astype("float16")
    layer = adapted(kind(), half)
    expected = run(adapted(kind(), half.astype("float64")), half[:9].astype("float32"))
    np.testing.assert_allclose(run(layer, half[:9]), expected, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("kind", LAYERS)
def test_half_precision_outputs_are_computed_in_full_precision(images, kind):
    half = adapted(kind(dtype="mixed_float16"), images)
    out = half(images)
    assert keras.backend.standardize_dtype(out.dtype) == "float16"
    expected = run(adapted(kind(), images), images)
    np.testing.assert_allclose(ops.convert_to_numpy(out), expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_model_keeps_what_was_learned_when_saved(images, kind, tmp_path):
    layer = adapted(kind(), images)
    model = keras.Sequential([keras.Input(SHAPE), layer, keras.layers.Flatten()])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(run(loaded, images), run(model, images))
    assert not model.trainable_variables


@pytest.mark.parametrize("kind", LAYERS)
def test_in_a_tf_data_map_it_computes_the_same(images, kind):
    tf = pytest.importorskip("tensorflow")
    layer = adapted(kind(), images)
    mapped = tf.data.Dataset.from_tensor_slices(images).batch(500).map(layer)
    found = np.concatenate([batch.numpy() for batch in mapped])
    np.testing.assert_allclose(found, run(layer, images), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", LAYERS)
def test_adapting_again_forgets_the_data_before(images, kind):
    layer = adapted(adapted(kind(), 5 * images), images)
    expected = run(adapted(kind(), images), images[:9])
    np.testing.assert_allclose(run(layer, images[:9]), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("act", "named"),
    [
        (lambda: PCAWhitening(0), "n_components"),
        (lambda: ZCAWhitening(epsilon=0), "epsilon"),
        (lambda: ChannelMean(0), "axis"),
        (lambda: ChannelMean(1.5), "axis"),
        (lambda: ChannelMean(4).build((None, 4, 3, 2)), "axis"),
        (lambda: PCAWhitening(7).build((None, 6)), "n_components"),
        (lambda: ZCAWhitening().build((None, None, 3)), "known size"),
        (lambda: MeanImage().build((None, None, 3)), "known size"),
        (lambda: MeanImage().adapt(iter([])), "data"),
        (lambda: MeanImage().adapt(np.zeros((0, 3))), "data"),
        (lambda: MeanImage().adapt([np.zeros((2, 3)), np.zeros((2, 3))]), "data"),
        (lambda: MeanImage().adapt(iter([np.zeros((2, 3)), np.zeros((2, 4))])), "data"),
        (lambda: ChannelMean().adapt(iter([np.zeros((2, 3)), np.zeros((2, 4))])), "data"),
    ],
)
def test_errors_name_the_argument_and_what_was_received(act, named):
    with pytest.raises(ValueError, match=rf"`?{named}`?[\s\S]*Received: "):
        act()
