"""The multilayer perceptron with dropout that several experiments train."""

from collections.abc import Callable, Sequence

Seeds = Callable[..., int]  # (component, **axes) -> seed, as `Trial.derive`


def dropout_mlp(
    input_shape: Sequence[int],
    widths: Sequence[int],
    num_classes: int,
    *,
    keep: float,
    input_keep: float | None = None,
    seeds: Seeds,
    max_norm: float | None = None,
    input_stddev: float | None = None,
    initializer_scale: float = 2.0,
    l2: float = 0.0,
):
    """A ReLU multilayer perceptron with dropout after every hidden layer. It returns logits.

    Networks that differ only in `keep`, `input_keep` and seeds have the same graph, so a
    `Population` can train them together.

    Args:
        input_shape: the shape of one example. Inputs are flattened.
        widths: the units of the hidden layers.
        num_classes: the units of the last layer.
        keep: the probability of KEEPING a hidden unit.
        input_keep: the probability of keeping an input. None (default): no layer drops inputs.
        seeds: returns the seeds of initial weights ("init") and dropout masks ("dropout").
        max_norm: bound on the L2 norm of each unit's incoming weights. None (default): no bound.
        input_stddev: standard deviation of the first layer's weights. None (default): the same
            rule as for the other layers.
        initializer_scale: weights are normal with variance `initializer_scale / fan_in`.
        l2: the loss has `l2` times the sum of the squares of all kernels. Default 0.
    """
    import keras

    from keras_ddl.layers import VariableDropout

    def dense(units: int, layer: int, activation: str | None = None):
        seed = seeds("init", layer=layer)
        if layer == 0 and input_stddev is not None:
            initializer = keras.initializers.RandomNormal(stddev=input_stddev, seed=seed)
        else:
            initializer = keras.initializers.VarianceScaling(
                initializer_scale, "fan_in", "untruncated_normal", seed=seed
            )
        return keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=initializer,
            kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
            kernel_constraint=keras.constraints.MaxNorm(max_norm) if max_norm else None,
        )

    layers = [keras.Input(tuple(input_shape)), keras.layers.Flatten()]
    if input_keep is not None:
        layers.append(VariableDropout(1 - input_keep, seed=seeds("dropout", layer="input")))
    for layer, width in enumerate(widths):
        layers.append(dense(width, layer, "relu"))
        layers.append(VariableDropout(1 - keep, seed=seeds("dropout", layer=layer)))
    return keras.Sequential([*layers, dense(num_classes, len(widths))])
