"""PCA and ZCA whitening."""

import math
from typing import Any

import keras
import numpy as np

from keras_ddl import _checks
from keras_ddl.layers.preprocessing.adapted import AdaptedLayer
from keras_ddl.layers.preprocessing.moments import RunningCovariance


class _Whitening(AdaptedLayer):
    """The principal directions of flattened inputs, and one over the deviation along each."""

    def __init__(self, n_components=None, *, epsilon=1e-6, **kwargs):
        if n_components is not None:
            n_components = _checks.positive_integer("n_components", n_components, " or None")
        _checks.positive("epsilon", epsilon)
        super().__init__(**kwargs)
        self.supports_masking = False
        self.n_components = n_components
        self.epsilon = epsilon

    def add_statistics(self, shape) -> None:
        if None in shape[1:]:
            raise ValueError(
                f"`{type(self).__name__}` needs inputs of a known size. Received: shape={shape}"
            )
        features = math.prod(shape[1:])
        kept = self._kept(shape)
        self.mean = self.statistic("mean", (features,), "zeros")
        self.directions = self.statistic("directions", (features, kept), "identity")
        self.scale = self.statistic("scale", (kept,), "ones")

    def new_statistics(self) -> RunningCovariance:
        return RunningCovariance()

    def rows(self, batch) -> np.ndarray:
        return batch.reshape(len(batch), -1)

    def take_statistics(self, statistics) -> None:
        mean, covariance = statistics.result()
        variances, directions = np.linalg.eigh(covariance)
        kept = self.directions.shape[1]
        variances, directions = variances[::-1][:kept], directions[:, ::-1][:, :kept]
        # A direction may point either way: its largest entry is made positive.
        largest = np.abs(directions).argmax(axis=0)
        directions = directions * np.sign(directions[largest, np.arange(kept)])
        self.mean.assign(mean)
        self.directions.assign(directions)
        self.scale.assign(1 / np.sqrt(np.maximum(variances, 0) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        own = {"n_components": self.n_components, "epsilon": self.epsilon}
        return {**super().get_config(), **own}

    def _kept(self, shape) -> int:
        features = math.prod(shape[1:])
        if self.n_components is not None and self.n_components > features:
            raise ValueError(
                f"`n_components` must be at most the number of features, {features}. "
                f"Received: n_components={self.n_components}"
            )
        return self.n_components or features

    def _weights(self):
        return [self.convert_weight(w.value) for w in (self.mean, self.directions, self.scale)]

    def _components(self, x):
        """Whitened components (batch, kept) of inputs."""
        mean, directions, scale = self._weights()
        flat = self.backend.numpy.reshape(x, (-1, self.mean.shape[0]))
        return self.backend.numpy.matmul(flat - mean, directions) * scale

    def _shaped(self, flat):
        return self.backend.numpy.reshape(flat, (-1, *self._build_input_shape[1:]))


@keras.saving.register_keras_serializable(package="keras_ddl")
class PCAWhitening(_Whitening):
    """Rotates inputs onto their principal directions, and gives each variance 1.

    The outputs for the adapted data have mean 0 and the identity as covariance, but for `epsilon`.
    Inputs of any rank are flattened. The weights are one square matrix of the number of features,
    or `n_components` of its columns.

    Args:
        n_components: how many directions are kept, those of the largest variance first. Default
            None: all.
        epsilon: added to the variances, in the squared unit of the inputs. Default 1e-6.
        invert: whether calls take components and give inputs. Such a layer is adapted to inputs,
            too. Default False.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: tensor with a batch axis, of the shape of the adapted data.

    Output shape: `(batch, n_components)`.

    Example:

    >>> x = np.random.default_rng(0).normal(size=(1000, 3)) @ np.diag([1.0, 5.0, 0.1])
    >>> layer = PCAWhitening(n_components=2)
    >>> layer.adapt(x)
    >>> layer(x).shape
    (1000, 2)
    >>> restored = layer.inverse(layer(x))  # but for the direction that was left out

    Reference: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009),
    appendix A.
    """

    def transform(self, x) -> Any:
        return self._components(x)

    def restore(self, x) -> Any:
        mean, directions, scale = self._weights()
        flat = self.backend.numpy.matmul(x / scale, self.backend.numpy.transpose(directions))
        return self._shaped(flat + mean)

    def compute_output_shape(self, input_shape) -> tuple[int | None, ...]:
        if self.invert:
            return (input_shape[0], *self._build_input_shape[1:])
        return (input_shape[0], self._kept(input_shape))


@keras.saving.register_keras_serializable(package="keras_ddl")
class ZCAWhitening(_Whitening):
    """PCA whitening, rotated back: of all whitened inputs those nearest to the original ones.

    Whitened images still look like images: edges stay, and shading goes.

    Args:
        n_components: how many principal directions are whitened; the others become 0. Default
            None: all.
        epsilon: added to the variances, in the squared unit of the inputs. Default 1e-6.
        invert: whether calls take whitened inputs and give the original ones. Default False.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: tensor with a batch axis, of the shape of the adapted data.

    Output shape: the input's.

    Example:

    >>> x = np.random.default_rng(0).uniform(size=(1000, 8, 8, 1))
    >>> layer = ZCAWhitening()
    >>> layer.adapt(x)
    >>> np.abs(layer.inverse(layer(x)) - x).max() < 1e-4
    True

    Reference: Bell and Sejnowski, "The 'independent components' of natural scenes are edge
    filters", Vision Research 37 (1997).
    """

    def transform(self, x) -> Any:
        _, directions, _ = self._weights()
        back = self.backend.numpy.transpose(directions)
        return self._shaped(self.backend.numpy.matmul(self._components(x), back))

    def restore(self, x) -> Any:
        mean, directions, scale = self._weights()
        flat = self.backend.numpy.reshape(x, (-1, self.mean.shape[0]))
        components = self.backend.numpy.matmul(flat, directions) / scale
        back = self.backend.numpy.transpose(directions)
        return self._shaped(self.backend.numpy.matmul(components, back) + mean)

    def compute_output_shape(self, input_shape) -> tuple[int | None, ...]:
        return tuple(input_shape)
