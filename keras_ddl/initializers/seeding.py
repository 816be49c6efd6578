"""Initializers that return new random values at every call, unless they have a seed."""

import random

import keras


class FreshDraws(keras.initializers.Initializer):
    """Mixin for core's random initializers: without a seed, every call returns new values.

    Core draws one seed when the initializer is created and reuses it at every call, so two layers
    that share an initializer start with equal weights. This mixin draws a new seed at every call.
    The seeds come from Python's `random`, so `keras.utils.set_random_seed` makes them reproducible.
    With an integer seed the behaviour is that of core: every call returns the same values.
    """

    def __init__(self, *args, seed=None, **kwargs):
        super().__init__(*args, seed=seed, **kwargs)
        self._fresh = seed is None

    def renew(self) -> None:
        """Draw the seed of the next call, unless there is a fixed seed."""
        if self._fresh:
            self.seed = random.randrange(2**31)

    def __call__(self, shape, dtype=None):
        self.renew()
        return super().__call__(shape, dtype=dtype)
