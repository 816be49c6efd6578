"""The layers that are timed, and the layers with which they are compared.

To time another layer, add it to `comparisons`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

IMAGES = ((32, 32, 32, 64), (16, 56, 56, 64), (64, 8, 8, 256))
VECTORS = ((128, 784), (256, 512), (1024, 64))  # memory speed, not arithmetic, limits the last one


@dataclass(frozen=True)
class Comparison:
    """A layer of this library, and the layers with which it is compared.

    Attributes:
        name: the layer's name.
        ours: `(channels) -> layer`, creates the layer.
        core: `(channels) -> layer`, creates the Keras layer with which it is compared.
        against: describes that Keras layer.
        torch: `(channels) -> module`, creates PyTorch's module, which has channels first. None
            (default): PyTorch has none.
        shapes: the shapes of the inputs, with channels last.
    """

    name: str
    ours: Callable[[int], Any]
    core: Callable[[int], Any]
    against: str
    torch: Callable[[int], Any] | None = None
    shapes: tuple[tuple[int, ...], ...] = IMAGES


def comparisons() -> list[Comparison]:
    """All comparisons. Calling this function imports Keras."""
    from keras import layers as core

    from keras_ddl import layers as ours

    def norm(channels):
        return core.BatchNormalization()

    def conv(channels):
        return core.Conv2D(channels, 3, padding="same")

    def dense(channels):
        return core.Dense(channels)

    def wide(channels):
        return core.Dense(2 * channels)

    return [
        Comparison(
            "GroupNormalization",
            lambda c: ours.GroupNormalization(32),
            lambda c: core.GroupNormalization(32),
            "GroupNormalization(32)",
            lambda c: torch().GroupNorm(32, c),
        ),
        Comparison(
            "InstanceNormalization",
            lambda c: ours.InstanceNormalization(),
            lambda c: core.GroupNormalization(-1),
            "GroupNormalization(-1)",
            lambda c: torch().InstanceNorm2d(c, affine=True),
        ),
        Comparison(
            "GhostBatchNormalization",
            lambda c: ours.GhostBatchNormalization(8),
            norm,
            "BatchNormalization",
            lambda c: torch().BatchNorm2d(c),
        ),
        Comparison(
            "FilterResponseNormalization",
            lambda c: ours.FilterResponseNormalization(),
            norm,
            "BatchNormalization",
        ),
        Comparison("EvoNormB0", lambda c: ours.EvoNormB0(), norm, "BatchNormalization"),
        Comparison(
            "EvoNormS0",
            lambda c: ours.EvoNormS0(32),
            lambda c: core.GroupNormalization(32),
            "GroupNormalization(32)",
        ),
        Comparison(
            "SwitchableNormalization",
            lambda c: ours.SwitchableNormalization(),
            norm,
            "BatchNormalization",
        ),
        Comparison(
            "WeightStandardization",
            lambda c: ours.WeightStandardization(conv(c)),
            conv,
            "Conv2D(channels, 3), bare",
            shapes=IMAGES[:1],
        ),
        Comparison(
            "WeightNormalization",
            lambda c: ours.WeightNormalization(dense(c)),
            dense,
            "Dense(inputs), bare",
            shapes=VECTORS,
        ),
        Comparison(
            "MaxoutDense",
            lambda c: ours.MaxoutDense(c, 2),
            wide,
            "Dense of as many pieces, Dense(2 inputs)",
            shapes=VECTORS,
        ),
        Comparison(
            "MaxoutConv2D",
            lambda c: ours.MaxoutConv2D(c // 2, 3, padding="same"),
            conv,
            "Conv2D of as many pieces",
            shapes=IMAGES[:1],
        ),
        Comparison(
            "VariableDropout",
            lambda c: ours.VariableDropout(0.5),
            lambda c: core.Dropout(0.5),
            "Dropout(0.5)",
            lambda c: torch().Dropout(0.5),
            shapes=IMAGES[:1],
        ),
        Comparison(
            "DropBlock2D",
            lambda c: ours.DropBlock2D(0.1),
            lambda c: core.Dropout(0.1),
            "Dropout(0.1)",
            shapes=IMAGES[:1],
        ),
        Comparison(
            "DropConnect, a mask per batch",
            lambda c: ours.DropConnect(dense(c), sampling="batch"),
            dense,
            "Dense(inputs), bare",
            shapes=((32, 256),),
        ),
        Comparison(
            "DropConnect, a mask per example",
            lambda c: ours.DropConnect(dense(c)),
            dense,
            "Dense(inputs), bare",
            shapes=((32, 256),),
        ),
        Comparison(
            "StochasticPooling2D",
            lambda c: ours.StochasticPooling2D(2),
            lambda c: core.MaxPooling2D(2),
            "MaxPooling2D(2)",
            shapes=IMAGES[:1],
        ),
        Comparison(
            "StochasticDepth",
            lambda c: ours.StochasticDepth(0.5),
            lambda c: core.Dropout(0.5),
            "Dropout(0.5)",
            shapes=IMAGES[:1],
        ),
    ]


def torch():
    """The package `torch.nn`."""
    import torch as package

    return package.nn
