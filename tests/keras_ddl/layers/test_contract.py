"""Every public layer keeps the contract. A new layer is covered by a line in CASES."""

import keras
import pytest

from keras_ddl import layers
from tests.keras_ddl.layers.contract import CHECKS, Case, applies

IMAGE = (4, 4, 6)
# Outside a compiled function JAX traces the loop over time steps anew at each of many calls.
STEPWISE_GRADIENT = None if keras.backend.backend() == "jax" else 0.02


def seeded():
    return keras.initializers.HeNormal(seed=1)


def dense():
    return keras.layers.Dense(3, activation="tanh", kernel_initializer=seeded())


def convolution():
    return keras.layers.Conv2D(3, 2, kernel_initializer=seeded())


def recurrent(cell):
    # TensorFlow has no orthogonal initializer in bfloat16, core's default.
    return keras.layers.RNN(cell(2, recurrent_initializer=seeded()), return_sequences=True)


def depthwise():
    return keras.layers.DepthwiseConv2D(2, depthwise_initializer=seeded())


@keras.saving.register_keras_serializable(package="tests")
class Stylized(keras.layers.Wrapper):
    """Makes the second input of a layer from the first."""

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self.autocast = False

    def build(self, input_shape):
        self.layer.build([input_shape, input_shape])
        self.built = True

    def call(self, inputs):
        return self.layer([inputs, 2 * inputs + 1])

    def compute_output_shape(self, input_shape):
        return input_shape


CASES = [
    Case(
        "AdaptiveInstanceNormalization",
        lambda: Stylized(layers.AdaptiveInstanceNormalization()),
        IMAGE,
    ),
    Case(
        "RecurrentWeightNormalization",
        lambda: layers.RecurrentWeightNormalization(
            keras.layers.SimpleRNN(2, recurrent_initializer=seeded(), return_sequences=True)
        ),
        (3, 2),
        masks=True,
        gradient=STEPWISE_GRADIENT,
    ),
    Case(
        "LayerNormLSTMCell",
        lambda: recurrent(layers.LayerNormLSTMCell),
        (3, 2),
        masks=True,
        gradient=STEPWISE_GRADIENT,
    ),
    Case(
        "LayerNormGRUCell",
        lambda: recurrent(layers.LayerNormGRUCell),
        (3, 2),
        masks=True,
        gradient=STEPWISE_GRADIENT,
    ),
    Case(
        "LayerNormSimpleRNNCell",
        lambda: recurrent(layers.LayerNormSimpleRNNCell),
        (3, 2),
        masks=True,
        gradient=STEPWISE_GRADIENT,
    ),
    Case("Maxout", lambda: layers.Maxout(2), (4, 6), masks=True),
    Case("Maxout", lambda: layers.Maxout(3), (4, 4, 6), channels_first=lambda: layers.Maxout(3, 1)),
    Case("MaxoutDense", lambda: layers.MaxoutDense(2, 3), (4, 3), masks=True),
    Case("MaxoutDense", lambda: layers.MaxoutDense(3, use_bias=False), (3,)),
    Case("MaxoutConv2D", lambda: layers.MaxoutConv2D(2, 3, strides=2, padding="same"), (5, 5, 2)),
    Case(
        "VariableDropout",
        lambda: layers.VariableDropout(0.4, seed=1),
        (4, 3),
        masks=True,
        random=True,
    ),
    Case(
        "VariableDropout",
        lambda: layers.VariableDropout(0.4, seed=1, noise_shape=(None, 1, None)),
        (4, 3),
        random=True,
    ),
    Case(
        "DropBlock2D",
        lambda: layers.DropBlock2D(0.3, 3, seed=1),
        (5, 4, 2),
        channels_first=lambda: layers.DropBlock2D(0.3, 3, data_format="channels_first"),
        random=True,
    ),
    Case("DropBlock2D", lambda: layers.DropBlock2D(0.3, (1, 3), seed=1), (5, 4, 2), random=True),
    Case(
        "DropConnect",
        lambda: layers.DropConnect(dense(), seed=1),
        (4, 3),
        masks=True,
        random=True,
    ),
    Case("DropConnect", lambda: layers.DropConnect(convolution(), seed=1), IMAGE, random=True),
    Case(
        "DropConnect",
        lambda: layers.DropConnect(dense(), sampling="normal", seed=1),
        (5,),
        random=True,
    ),
    Case(
        "DropConnect",
        lambda: layers.DropConnect(depthwise(), 0.3, sampling="batch", seed=1),
        IMAGE,
        random=True,
    ),
    Case(
        "StochasticDepth",
        lambda: layers.StochasticDepth(0.4, seed=1),
        (4, 3),
        masks=True,
        random=True,
    ),
    Case(
        "StochasticDepth",
        lambda: layers.StochasticDepth(0.4, sampling="example", seed=1),
        (3,),
        random=True,
    ),
    Case("StochasticPooling1D", lambda: layers.StochasticPooling1D(2, seed=1), (5, 3), random=True),
    Case(
        "StochasticPooling2D",
        lambda: layers.StochasticPooling2D((3, 2), 2, "same", seed=1),
        (5, 4, 3),
        channels_first=lambda: layers.StochasticPooling2D(
            (3, 2), 2, "same", data_format="channels_first"
        ),
        random=True,
    ),
    Case("RReLU", lambda: layers.RReLU(seed=1), (4, 6), masks=True, random=True),
    Case("PELU", layers.PELU, (4, 6), masks=True, channels_first=lambda: layers.PELU(1)),
    Case(
        "SReLU",
        lambda: layers.SReLU(t_right_initializer="ones", a_left_initializer="zeros"),
        (4, 6),
        masks=True,
        channels_first=lambda: layers.SReLU(1),
    ),
    Case("MeanImage", layers.MeanImage, IMAGE, unknown=IMAGE),
    Case(
        "ChannelMean",
        layers.ChannelMean,
        (4, 6),
        masks=True,
        channels_first=lambda: layers.ChannelMean(1),
    ),
    Case("PCAWhitening", lambda: layers.PCAWhitening(3), (6,)),
    Case("PCAWhitening", layers.PCAWhitening, (2, 3, 2), unknown=(2, 3, 2)),
    Case("ZCAWhitening", lambda: layers.ZCAWhitening(4), (2, 3, 2), unknown=(2, 3, 2)),
    Case("EvoNormB0", layers.EvoNormB0, (4, 6), masks=True),
    Case("EvoNormB0", layers.EvoNormB0, IMAGE, channels_first=lambda: layers.EvoNormB0(1)),
    Case("EvoNormS0", lambda: layers.EvoNormS0(2), (4, 6), masks=True),
    Case(
        "EvoNormS0",
        lambda: layers.EvoNormS0(channels_per_group=2),
        IMAGE,
        channels_first=lambda: layers.EvoNormS0(channels_per_group=2, axis=1),
    ),
    Case(
        "FilterResponseNormalization",
        lambda: layers.FilterResponseNormalization(learned_epsilon=True),
        (4, 6),
        masks=True,
    ),
    Case(
        "FilterResponseNormalization",
        layers.FilterResponseNormalization,
        IMAGE,
        channels_first=lambda: layers.FilterResponseNormalization(1),
    ),
    Case("GhostBatchNormalization", lambda: layers.GhostBatchNormalization(2), (4, 6), masks=True),
    Case(
        "GhostBatchNormalization",
        lambda: layers.GhostBatchNormalization(2),
        IMAGE,
        channels_first=lambda: layers.GhostBatchNormalization(2, axis=1),
    ),
    Case("GroupNormalization", lambda: layers.GroupNormalization(2), (4, 6), masks=True),
    Case("GroupNormalization", lambda: layers.GroupNormalization(3), (6,)),
    Case(
        "GroupNormalization",
        lambda: layers.GroupNormalization(channels_per_group=3),
        IMAGE,
        channels_first=lambda: layers.GroupNormalization(channels_per_group=3, axis=1),
    ),
    Case(
        "GroupNormalization",
        lambda: layers.GroupNormalization(4, axis=(-1, -2)),
        IMAGE,
        unknown=(None, *IMAGE[1:]),
    ),
    Case("InstanceNormalization", layers.InstanceNormalization, (4, 6), masks=True),
    Case(
        "InstanceNormalization",
        lambda: layers.InstanceNormalization(scale=False),
        IMAGE,
        channels_first=lambda: layers.InstanceNormalization(1, scale=False),
    ),
    Case("SwitchableNormalization", layers.SwitchableNormalization, (4, 6), masks=True),
    Case(
        "SwitchableNormalization",
        layers.SwitchableNormalization,
        IMAGE,
        channels_first=lambda: layers.SwitchableNormalization(1),
    ),
    Case(
        "ThresholdedLinearUnit",
        layers.ThresholdedLinearUnit,
        (4, 6),
        masks=True,
        channels_first=lambda: layers.ThresholdedLinearUnit(1),
    ),
    Case("ThresholdedLinearUnit", lambda: layers.ThresholdedLinearUnit(affine=True), IMAGE),
    Case(
        "WeightNormalization",
        lambda: layers.WeightNormalization(dense()),
        (4, 6),
        masks=True,
    ),
    Case(
        "WeightNormalization",
        lambda: layers.WeightNormalization(convolution()),
        IMAGE,
    ),
    Case(
        "WeightStandardization",
        lambda: layers.WeightStandardization(dense()),
        (4, 6),
        masks=True,
    ),
    Case(
        "WeightStandardization",
        lambda: layers.WeightStandardization(depthwise()),
        IMAGE,
    ),
]
PAIRS = [(case, check) for case in CASES for check in CHECKS if applies(check, case)]


@pytest.mark.parametrize(
    ("case", "check"), PAIRS, ids=[f"{case.covers}-{check.__name__}" for case, check in PAIRS]
)
def test_contract(case, check):
    check(case)


def test_the_table_covers_every_public_layer():
    assert {case.covers for case in CASES} == set(layers.__all__)
