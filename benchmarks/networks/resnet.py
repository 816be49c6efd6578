"""Residual networks for small images: the CIFAR-10 family of He et al. (2015), section 4.2."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.networks.dropout_mlp import Seeds

WIDTHS = (16, 32, 64)


@dataclass(frozen=True)
class Norm:
    """How a network normalizes: functions that create Keras layers.

    Args:
        layer: `(channels, gamma_initializer) -> layer`, used after each convolution. None: no
            normalization, and convolutions have a bias.
        activation: `() -> layer`. None (default): ReLU.
        convolution: `(convolution) -> layer`, wraps each convolution. By default it is not wrapped.
    """

    layer: Callable[[int, str], Any] | None
    activation: Callable[[], Any] | None = None
    convolution: Callable[[Any], Any] = lambda layer: layer


def resnet(
    input_shape: Sequence[int],
    num_classes: int,
    norm: Norm,
    *,
    seeds: Seeds,
    widths: Sequence[int] = WIDTHS,
    blocks: int = 3,
    pool: int = 1,
    augment: bool = False,
):
    """A residual network that returns logits.

    With three widths, `blocks` of 3, 5 and 9 give ResNet-20, ResNet-32 and ResNet-56. At
    initialization the branch of every residual block is zero. Its last normalization starts with
    gamma 0; without normalization, its last kernel starts at 0. Shortcuts between stages are
    projections.

    Args:
        input_shape: `(height, width, channels)`, with values in [0, 1].
        num_classes: the number of logits.
        norm: the normalization.
        seeds: returns the seeds of initial weights ("init"). The initializer is He's.
        widths: the filters of each stage. Every stage but the first halves height and width.
        blocks: the number of residual blocks in each stage. A block has two convolutions.
        pool: the images are first averaged over squares with this side. Default 1: not averaged.
        augment: whether training images are mirrored and cropped at random, before they are
            averaged. `seeds` gives the seed ("augmentation"). Default False.

    Reference: arXiv 1512.03385; gamma 0: Goyal et al., arXiv 1706.02677.
    """
    import keras
    from keras import layers

    numbers = itertools.count()

    def convolution(x, filters, stride=1, size=3, gamma="ones"):
        he = keras.initializers.HeNormal(seed=seeds("init", layer=next(numbers)))
        kernel = "zeros" if norm.layer is None and gamma == "zeros" else he
        bare = layers.Conv2D(
            filters,
            size,
            stride,
            "same",
            use_bias=norm.layer is None,
            kernel_initializer=kernel,
        )
        x = norm.convolution(bare)(x)
        return x if norm.layer is None else norm.layer(filters, gamma)(x)

    activation = norm.activation or layers.ReLU
    inputs = keras.Input(tuple(input_shape))
    x = layers.Rescaling(4.0, -2.0)(inputs)  # about mean 0 and variance 1
    if augment:
        from benchmarks.networks.augmentation import MirrorAndCrop

        x = MirrorAndCrop(seed=seeds("augmentation"))(x)
    x = layers.AveragePooling2D(pool)(x) if pool > 1 else x
    x = activation()(convolution(x, widths[0]))
    for stage, filters in enumerate(widths):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            y = activation()(convolution(x, filters, stride))
            y = convolution(y, filters, gamma="zeros")
            if stride == 2:
                x = convolution(x, filters, stride, size=1)
            x = activation()(layers.Add()([x, y]))
    he = keras.initializers.HeNormal(seed=seeds("init", layer="logits"))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(num_classes, kernel_initializer=he)(x))


def batch_norm(momentum: float = 0.99, epsilon: float = 1e-3, synchronized: bool = False) -> Norm:
    """Keras' BatchNormalization."""

    def layer(channels: int, gamma: str):
        from keras.layers import BatchNormalization

        return BatchNormalization(
            momentum=momentum,
            epsilon=epsilon,
            gamma_initializer=gamma,
            synchronized=synchronized,
        )

    return Norm(layer)
