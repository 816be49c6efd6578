"""Kernels of convolutions that are orthonormal in the Fourier domain."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ddl._checks import finite
from keras_ddl.initializers.fan import fans
from keras_ddl.initializers.orthonormal import Orthonormal


@keras.saving.register_keras_serializable(package="keras_ddl")
class ConvolutionAware(Orthonormal):
    """Convolution-aware initialization: filters whose spectra are orthonormal.

    The spectra of the filters that belong to one output channel, one filter for each input channel,
    are rows of random orthonormal matrices. If there are more input channels than frequencies,
    several matrices are used. The filters are the inverse Fourier transforms of these real spectra,
    plus noise that breaks their symmetry, and are scaled to the variance 2 / fan-in of
    `KaimingNormal`. A matrix, as of Dense, is initialized by `Orthonormal`.

    The layer of the same name in keras-contrib takes the orthonormal matrices from the singular
    vectors of symmetric matrices; here they are uniformly distributed.

    Args:
        eps_std: float >= 0, the standard deviation of the noise. Default .05.
        seed: optional integer or `keras.random.SeedGenerator`. Without a seed every call returns
            new random values.

    Raises:
        ValueError: if `eps_std` is negative or not a number.

    Reference: Aghajanyan, "Convolution Aware Initialization", arXiv:1702.06295.
    """

    def __init__(self, eps_std=0.05, seed=None):
        if finite("eps_std", eps_std) < 0:
            raise ValueError(f"`eps_std` must not be negative. Received: eps_std={eps_std!r}")
        super().__init__(seed=seed)
        self.eps_std = eps_std

    def __call__(self, shape, dtype=None):
        if len(shape) < 3:
            return super().__call__(shape, dtype=dtype)
        *window, inputs, outputs = shape
        spectrum = (*window[:-1], window[-1] // 2 + 1)
        size = math.prod(spectrum)
        matrices = -(-inputs // size)
        # One draw of all numbers: with a fixed seed, a second draw would repeat the first.
        sizes = [outputs * matrices * size * size, outputs * inputs * math.prod(window)]
        self.renew()
        draws = ops.convert_to_numpy(keras.random.normal((sum(sizes),), seed=self.seed))
        bases, noise = draws[: sizes[0]].astype("float64"), draws[sizes[0] :]
        # The signs make the distribution uniform over all orthonormal matrices.
        q, r = np.linalg.qr(bases.reshape(outputs, matrices, size, size))
        q = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]
        spectra = q.reshape(outputs, matrices * size, size)[:, :inputs]
        axes = tuple(range(2, 2 + len(window)))
        filters = np.fft.irfftn(spectra.reshape(outputs, inputs, *spectrum), window, axes)
        filters += self.eps_std * noise.reshape(filters.shape)
        if size == 1 or not filters.std():  # a 1x1 window has no frequencies
            filters = noise.reshape(filters.shape).astype("float64")
        filters *= math.sqrt(2 / fans(shape)[0]) / filters.std()
        kernel = np.moveaxis(filters, (0, 1), (-1, -2))
        return ops.cast(ops.convert_to_tensor(kernel), keras.backend.standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"eps_std": self.eps_std, "seed": super().get_config()["seed"]}
