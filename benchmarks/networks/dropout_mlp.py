"""Networks that several experiments train. Seeds are a function: stream name and axes to a seed."""

from collections.abc import Callable, Sequence

Seeds = Callable[..., int]


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
):
    """A ReLU multilayer perceptron with dropout after every hidden layer, giving logits.

    Networks that differ in `keep` and seeds alone are one graph, which a `Population` can train.

    Args:
        input_shape: of one example; flattened first.
        widths: units of the hidden layers.
        num_classes: units of the last layer.
        keep: probability of KEEPING a hidden unit.
        input_keep: probability of keeping an input; None: no layer that drops inputs.
        seeds: gives the seeds of initial weights ("init") and dropout masks ("dropout").
        max_norm: bound on the L2 norm of each unit's incoming weights, or None.
        input_stddev: standard deviation of the first layer's weights; None: as the others'.
        initializer_scale: weights are normal with variance `initializer_scale / fan_in`.
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
            kernel_constraint=keras.constraints.MaxNorm(max_norm) if max_norm else None,
        )

    layers = [keras.Input(tuple(input_shape)), keras.layers.Flatten()]
    if input_keep is not None:
        layers.append(VariableDropout(1 - input_keep, seed=seeds("dropout", layer="input")))
    for layer, width in enumerate(widths):
        layers.append(dense(width, layer, "relu"))
        layers.append(VariableDropout(1 - keep, seed=seeds("dropout", layer=layer)))
    return keras.Sequential([*layers, dense(num_classes, len(widths))])
