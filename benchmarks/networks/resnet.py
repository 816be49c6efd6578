"""Residual networks for small images: the CIFAR-10 family of He et al. (2015), section 4.2."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.networks.dropout_mlp import Seeds

WIDTHS = (16, 32, 64)


@dataclass(frozen=True)
class Norm:
    """How a network normalizes; the fields make Keras layers.

    Args:
        layer: `(channels, gamma_initializer) -> layer` behind each convolution. None: there is
            none, and convolutions have a bias.
        activation: `() -> layer`; by default ReLU.
        convolution: `(convolution) -> layer`, what is put around each convolution.
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
):
    """A residual network that gives logits; `blocks` 3, 5, 9 of three widths: ResNet-20, 32, 56.

    The branch of every residual block starts as zero: by gamma of its last normalization or, where
    nothing is normalized, by its last kernel. Shortcuts across stages are projections.

    Args:
        input_shape: `(height, width, channels)`, values in [0, 1].
        num_classes: the number of logits.
        norm: how it normalizes.
        seeds: gives the seeds of initial weights ("init"), which are He's.
        widths: filters of each stage; all but the first halve height and width.
        blocks: residual blocks, of two convolutions each, in each stage.
        pool: the images are first averaged over squares of that size.

    Reference: arXiv 1512.03385; gamma 0: Goyal et al., arXiv 1706.02677.
    """
    import keras
    from keras import layers

    made = iter(range(10**6))

    def convolution(x, filters, stride=1, size=3, gamma="ones"):
        he = keras.initializers.HeNormal(seed=seeds("init", layer=next(made)))
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
    """Core's BatchNormalization."""

    def layer(channels: int, gamma: str):
        from keras.layers import BatchNormalization

        return BatchNormalization(
            momentum=momentum,
            epsilon=epsilon,
            gamma_initializer=gamma,
            synchronized=synchronized,
        )

    return Norm(layer)
