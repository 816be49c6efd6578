"""The multilayer perceptron of the batch-normalization studies, with and without normalization."""

from collections.abc import Sequence

from benchmarks.harness.spec import Params, Trial, without

NONE, BEFORE, AFTER = "none", "before", "after"
NOT_OF_STRUCTURE = ("learning_rate", "stddev", "keep")  # numbers: they do not change the graph


def structure(params: Params) -> Params:
    """What trials must agree in to train together."""
    return without(params, *NOT_OF_STRUCTURE)


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    """A multilayer perceptron on binary images, giving logits.

    It reads these parameters of a trial: `widths`, `activation`, `norm` ("none", or batch
    normalization "before" or "after" the activation), `stddev` (of the Gaussian initial weights;
    None: He's) and `keep` (the probability of keeping a hidden unit; without it there is no
    dropout). Arms start from the same kernels. A bias before batch normalization has no effect and
    is left out. The outputs are not normalized.
    """
    from keras import Input, Sequential
    from keras import layers as core
    from keras.initializers import HeNormal, RandomNormal

    from keras_ddl.layers import VariableDropout

    params = trial.params
    stddev, norm = params["stddev"], params["norm"]

    def dense(units: int, layer: int, use_bias: bool = True):
        seed = trial.derive("init", layer=layer)
        initializer = HeNormal(seed) if stddev is None else RandomNormal(stddev=stddev, seed=seed)
        return core.Dense(units, use_bias=use_bias, kernel_initializer=initializer)

    layers = [Input(tuple(input_shape)), core.Flatten(), core.Activation(binary)]
    for layer, units in enumerate(params["widths"]):
        layers.append(dense(units, layer, use_bias=norm != BEFORE))
        layers += [core.BatchNormalization()] if norm == BEFORE else []
        layers.append(core.Activation(params["activation"], name=activation_name(layer)))
        layers += [core.BatchNormalization()] if norm == AFTER else []
        if "keep" in params:
            seed = trial.derive("dropout", layer=layer)
            layers.append(VariableDropout(1 - params["keep"], seed=seed))
    return Sequential([*layers, dense(num_classes, len(params["widths"]))])


def activation_name(layer: int) -> str:
    """The name of a hidden layer's activation, whose input the distribution study looks at."""
    return f"activation_of_hidden_{layer}"


def binary(x):
    """Pixels above half of the brightest are 1, the others 0. The paper states no threshold."""
    from keras import ops

    return ops.cast(x > 0.5, x.dtype)


def optimizer(trial: Trial):
    """Plain gradient descent at a constant rate, as the paper's text has it."""
    from keras.optimizers import SGD

    return SGD(trial.params["learning_rate"])
