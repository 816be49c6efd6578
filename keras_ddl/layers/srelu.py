"""S-shaped rectified linear unit."""

from typing import Any

import keras
from keras import ops

from keras_ddl.layers.channel_activation import ChannelActivation


@keras.saving.register_keras_serializable(package="keras_ddl")
class SReLU(ChannelActivation):
    """Three linear pieces, with trainable corners and slopes for every channel.

    ```
    t_left + a_left * (x - t_left)       where x <= t_left
    x                                    between
    right + a_right * (x - right)        where x >= right = t_left + |t_right|
    ```

    The layer replaces `keras_contrib.layers.SReLU`, whose weights have one entry for every unit.

    Args:
        axis: integer or tuple of integers, the axes of the channels. Default -1.
        t_left_initializer: initializer of the left corner. Default "zeros".
        a_left_initializer: initializer of the left slope. Default: uniform in [0, 1].
        t_right_initializer: initializer of the distance between the corners. Default: uniform in
            [0, 5].
        a_right_initializer: initializer of the right slope. Default "ones".
        t_left_regularizer, a_left_regularizer, t_right_regularizer, a_right_regularizer: optional
            regularizers of these weights.
        t_left_constraint, a_left_constraint, t_right_constraint, a_right_constraint: optional
            constraints of these weights.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: tensor of rank 2 or more; the batch is axis 0.

    Output shape: same as the input shape.

    Example:

    >>> layer = SReLU(a_left_initializer="zeros")
    >>> layer(np.array([[-1.0, 2.0]]))  # before training this is ReLU
    [[0., 2.]]

    Reference: Jin et al., "Deep Learning with S-shaped Rectified Linear Activation Units",
    arXiv 1512.07030 (2015).
    """

    weight_names = ("t_left", "a_left", "t_right", "a_right")

    def __init__(
        self,
        axis=-1,
        *,
        t_left_initializer="zeros",
        a_left_initializer=None,
        t_right_initializer=None,
        a_right_initializer="ones",
        **kwargs,
    ):
        uniform = keras.initializers.RandomUniform
        options = {
            "t_left_initializer": t_left_initializer,
            "a_left_initializer": a_left_initializer or uniform(0, 1),
            "t_right_initializer": t_right_initializer or uniform(0, 5),
            "a_right_initializer": a_right_initializer,
        }
        for weight in self.weight_names:
            for kind in ("regularizer", "constraint"):
                options[f"{weight}_{kind}"] = kwargs.pop(f"{weight}_{kind}", None)
        super().__init__(axis, options, **kwargs)

    def activate(self, x, t_left, a_left, t_right, a_right) -> Any:
        right = t_left + ops.abs(t_right)
        left_of, right_of = ops.relu(t_left - x), ops.relu(x - right)
        return x + (1 - a_left) * left_of + (a_right - 1) * right_of
