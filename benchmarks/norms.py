"""The normalizations that the experiments compare, by the names that papers give them."""

from typing import Any

from benchmarks.harness.spec import Params
from benchmarks.resnet import Norm, batch_norm

EPSILON = 1e-5
BATCH_NORMS = ("BN", "GhostBN")  # with statistics of the batch: they need more than one image
NAMES = (*BATCH_NORMS, "GN", "GN+WS", "LN", "IN", "FRN", "none")


def make(params: Params) -> Norm:
    """The normalization that a trial's parameters describe.

    Args:
        params: `norm`, one of `NAMES`, and what it needs: `batch_momentum` (BN, GhostBN: the share
            that moving statistics keep), `ghost_size` (GhostBN), `groups` or `channels_per_group`
            (GN, GN+WS), both at most the layer's channels.
    """
    match params["norm"]:
        case "none":
            return Norm(None)
        case "BN":
            return batch_norm(params["batch_momentum"], EPSILON)
        case "GhostBN":
            return Norm(lambda channels, gamma: _ghost_batch(params, gamma))
        case "GN":
            return Norm(lambda channels, gamma: _group(params, channels, gamma))
        case "GN+WS":
            return Norm(
                lambda channels, gamma: _group(params, channels, gamma), None, _standardized
            )
        case "LN":  # over the whole image, as the group-normalization paper has it
            return Norm(lambda channels, gamma: _groups(gamma, groups=1))
        case "IN":
            return Norm(lambda channels, gamma: _groups(gamma, channels_per_group=1))
        case "FRN":
            return Norm(lambda channels, gamma: _filter_response(gamma), _threshold)
    raise ValueError(f"`norm` must be one of {', '.join(NAMES)}. Received: {params['norm']!r}")


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
