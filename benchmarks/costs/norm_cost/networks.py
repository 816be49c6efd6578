"""The measured networks, and the peak memory of a call."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness.spec import Params

TRAINED_STEPS = 5  # training steps that set the moving statistics of the ResNet-50
WIDTHS = (32, 32, 64, 64)  # filters of the small network

Arms = dict[str, Callable[[], Any]]


def testing(params: Params, seed: int, jit_compile: bool | str) -> tuple[Arms, list[float]]:
    """Forward passes of ResNet-50 with batch normalization, with it folded, and without it.

    Args:
        params: `test_image` (height and width in pixels) and `test_batch` (images in a batch).
        seed: the seed of images and weights.
        jit_compile: as in `compile`.

    Returns:
        By name, functions that run each network on one batch. And for each of several batches, the
        largest difference between the outputs of the folded and the unfolded network, divided by
        the largest output.
    """
    import keras
    import numpy as np

    from keras_ddl.surgery import fold_batch_normalization, swap_normalization

    size, batch = params["test_image"], params["test_batch"]
    rng = np.random.default_rng(seed)
    batches = rng.normal(size=(TRAINED_STEPS, batch, size, size, 3)).astype("float32")
    keras.utils.set_random_seed(seed)
    model = keras.applications.ResNet50(
        weights=None, input_shape=(size, size, 3), classes=100, classifier_activation=None
    )
    model.compile("sgd", "mse", jit_compile=jit_compile)
    for images in batches:
        model.train_on_batch(images, rng.normal(size=(batch, 100)))
    nets = {
        "BN": model,
        "BN folded": fold_batch_normalization(model, strict=True),
        "none": swap_normalization(model, None),
    }
    for net in nets.values():
        net.compile(jit_compile=jit_compile)
    before, after = (
        [nets[name].predict_on_batch(images) for images in batches] for name in ("BN", "BN folded")
    )
    differences = [
        float(np.abs(a - b).max() / np.abs(a).max()) for a, b in zip(before, after, strict=True)
    ]
    return {
        name: partial(net.predict_on_batch, batches[0]) for name, net in nets.items()
    }, differences


def training(params: Params, seed: int, jit_compile: bool | str) -> Arms:
    """Training steps of a small convolutional network with each normalization.

    Args:
        params: `training_image` (height and width in pixels) and `training_batch`.
        seed, jit_compile: as in `testing`.
    """
    import keras
    import numpy as np
    from keras import layers

    from keras_ddl.surgery import swap_normalization

    size, batch = params["training_image"], params["training_batch"]
    inputs = x = keras.Input((size, size, 3))
    for block, width in enumerate(WIDTHS):
        x = layers.Conv2D(width, 3, strides=2 if block == 2 else 1, padding="same")(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    outputs = layers.Dense(10)(layers.GlobalAveragePooling2D()(x))
    normal = keras.Model(inputs, outputs)
    nets = {
        "none": swap_normalization(normal, None),
        "BN": normal,
        "LN": swap_normalization(normal, layers.LayerNormalization),
        "GN": swap_normalization(normal, lambda old: layers.GroupNormalization(8, name=old.name)),
    }
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for net in nets.values():
        net.compile(keras.optimizers.SGD(0.01), loss, jit_compile=jit_compile)
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(batch, size, size, 3)).astype("float32")
    labels = rng.integers(0, 10, batch)
    return {name: partial(net.train_on_batch, images, labels) for name, net in nets.items()}


def peak_bytes(arm: Callable[[], Any]) -> int:
    """The increase of resident memory during a call, at its highest, in bytes. Linux only."""
    Path("/proc/self/clear_refs").write_text("5")  # resets the highest value, VmHWM
    before = _status("VmRSS")
    arm()
    return _status("VmHWM") - before


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{key}:")]
    return 1024 * int(line.split()[1])
