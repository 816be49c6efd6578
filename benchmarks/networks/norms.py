"""The normalizations that the experiments compare, by the names that papers give them."""

from typing import Any

from benchmarks.harness.spec import Params
from benchmarks.networks.resnet import Norm, batch_norm

EPSILON = 1e-5


def make(params: Params) -> Norm:
    """The normalization that a trial's parameters describe.

    Args:
        params: `norm`, one of the names below, and what it needs: `batch_momentum` (BN, GhostBN:
            the share that moving statistics keep), on several `devices`, of a `batch_size` each,
            `synchronized` (BN: whether its statistics are those of all), `ghost_size` (GhostBN),
            `groups` or `channels_per_group` (GN, GN+WS), both at most the layer's channels.
    """
    momentum = params.get("batch_momentum", 0.99)
    made = {
        "BN": _batch(params, momentum),
        "GhostBN": _ghost_batch(params.get("ghost_size"), momentum),
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


def _batch(params: Params, momentum: float) -> Norm:
    """Core's BN. On JAX it sees the images of all devices: ghost batches stand for each one's."""
    import keras

    devices, synchronized = params.get("devices", 1), params.get("synchronized", False)
    if keras.backend.backend() == "tensorflow":
        return batch_norm(momentum, EPSILON, synchronized)
    if devices == 1 or synchronized:
        return batch_norm(momentum, EPSILON)
    # They reach back over as many images as the moving statistics of one device.
    return _ghost_batch(params["batch_size"], momentum)


def _ghost_batch(size: int | None, momentum: float) -> Norm:
    def layer(channels: int, gamma: str):
        from keras_ddl.layers import GhostBatchNormalization

        return GhostBatchNormalization(
            size, momentum=momentum, epsilon=EPSILON, gamma_initializer=gamma
        )

    return Norm(layer)


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
