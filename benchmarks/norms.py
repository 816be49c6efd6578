"""The normalizations that the experiments compare, by the names that papers give them."""

from typing import Any

from benchmarks.harness.spec import Params
from benchmarks.resnet import Norm, batch_norm

EPSILON = 1e-5


def make(params: Params) -> Norm:
    """The normalization that a trial's parameters describe.

    Args:
        params: `norm`, one of the names below, and what it needs: `batch_momentum` (BN, GhostBN:
            the share that moving statistics keep), `synchronized` (BN: whether its statistics are
            those of all devices), `ghost_size` (GhostBN), `groups` or `channels_per_group` (GN,
            GN+WS), both at most the layer's channels.
    """
    synchronized = params.get("synchronized", False)
    made = {
        "BN": batch_norm(params.get("batch_momentum", 0.99), EPSILON, synchronized),
        "GhostBN": Norm(lambda channels, gamma: _ghost_batch(params, gamma)),
        "GN": Norm(lambda channels, gamma: _group(params, channels, gamma)),
        "GN+WS": Norm(lambda *layer: _group(params, *layer), convolution=_standardized),
        # Over the whole image, as the group-normalization paper has it.
        "LN": Norm(lambda channels, gamma: _groups(gamma, groups=1)),
        "IN": Norm(lambda channels, gamma: _groups(gamma, channels_per_group=1)),
        "FRN": Norm(lambda channels, gamma: _filter_response(gamma), _threshold),
        "none": Norm(None),
    }
    name = params["norm"]
    if name not in made:
        raise ValueError(f"`norm` must be one of {', '.join(made)}. Received: {name!r}")
    return made[name]


def _ghost_batch(params: Params, gamma: str):
    from keras_ddl.layers import GhostBatchNormalization

    return GhostBatchNormalization(
        params["ghost_size"],
        momentum=params["batch_momentum"],
        epsilon=EPSILON,
        gamma_initializer=gamma,
    )


def _group(params: Params, channels: int, gamma: str):
    size = params.get("channels_per_group")
    if size is not None:
        return _groups(gamma, channels_per_group=min(size, channels))
    return _groups(gamma, groups=min(params["groups"], channels))


def _groups(gamma: str, **division: int):
    from keras_ddl.layers import GroupNormalization

    return GroupNormalization(epsilon=EPSILON, gamma_initializer=gamma, **division)


def _standardized(convolution: Any):
    from keras_ddl.layers import WeightStandardization

    return WeightStandardization(convolution)


def _filter_response(gamma: str):
    from keras_ddl.layers import FilterResponseNormalization

    return FilterResponseNormalization(gamma_initializer=gamma)


def _threshold():
    from keras_ddl.layers import ThresholdedLinearUnit

    return ThresholdedLinearUnit()
