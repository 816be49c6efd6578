"""The normalizations that the experiments compare, by their names in papers."""

from typing import Any

from benchmarks.harness.spec import Params
from benchmarks.networks.resnet import Norm, batch_norm

EPSILON = 1e-5


def make(params: Params) -> Norm:
    """The normalization that a trial's parameters describe.

    Args:
        params: `norm`, one of the names below. Further parameters are

            - BN, GhostBN: `batch_momentum` (default .99), the momentum of the moving statistics;
            - BN on several devices: `devices`, `batch_size` (images per device) and
              `synchronized`, whether the statistics are those of all devices;
            - GhostBN: `ghost_size`, the images of a ghost batch;
            - GN, GN+WS: `groups` or `channels_per_group`. Layers with fewer channels use the number
              of their channels instead.
    """
    momentum = params.get("batch_momentum", 0.99)
    norms = {
        "BN": _batch(params, momentum),
        "GhostBN": _ghost_batch(params.get("ghost_size"), momentum),
        "GN": Norm(lambda channels, gamma: _group(params, channels, gamma)),
        "GN+WS": Norm(lambda *layer: _group(params, *layer), convolution=_standardized),
        # The mean and variance of the whole image, as in the group-normalization paper.
        "LN": Norm(lambda channels, gamma: _groups(gamma, groups=1)),
        "IN": Norm(lambda channels, gamma: _groups(gamma, channels_per_group=1)),
        "FRN": Norm(lambda channels, gamma: _filter_response(gamma), _threshold),
        "none": Norm(None),
    }
    name = params["norm"]
    if name not in norms:
        raise ValueError(f"`norm` must be one of {', '.join(norms)}. Received: {name!r}")
    return norms[name]


def _batch(params: Params, momentum: float) -> Norm:
    """Keras' BN, or ghost batches of one device's size if BN is not synchronized on JAX.

    On JAX a layer sees the images of all devices, so Keras' BN is always synchronized.
    """
    import keras

    devices, synchronized = params.get("devices", 1), params.get("synchronized", False)
    if keras.backend.backend() == "tensorflow":
        return batch_norm(momentum, EPSILON, synchronized)
    if devices == 1 or synchronized:
        return batch_norm(momentum, EPSILON)
    # The moving statistics then average over as many images as on one device.
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
