"""Seeds: an initializer without one draws anew at every call."""

import random

import keras


class FreshDraws(keras.initializers.Initializer):
    """Mixin for core's random initializers: unless seeded, two calls of one instance differ.

    Core draws one seed when the initializer is made and uses it again at every call, so two layers
    that share an initializer start with equal weights. The new seeds come from Python's `random`,
    so `keras.utils.set_random_seed` makes them repeatable. A given integer seed stays as in core:
    the same values at every call.
    """

    def __init__(self, *args, seed=None, **kwargs):
        super().__init__(*args, seed=seed, **kwargs)
        self._fresh = seed is None

    def __call__(self, shape, dtype=None):
        if self._fresh:
            self.seed = random.randrange(2**31)
        return super().__call__(shape, dtype=dtype)
