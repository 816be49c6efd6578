"""Greedy layer-wise pre-training with restricted Boltzmann machines."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from keras_ddl._checks import finite, one_of, positive, positive_integer, unit_interval
from keras_ddl._forward import batch_size as model_batch_size
from keras_ddl._forward import stateless, whole_batch
from keras_ddl.examples import batches, take
from keras_ddl.graph import watch
from keras_ddl.initializers.kernels import kernels
from keras_ddl.initializers.tracing import traced

VISIBLE_UNITS = ("bernoulli", "gaussian")


@dataclass(frozen=True)
class RBMReport:
    """What `rbm_pretrain` did, layer by layer; printed, a table.

    Args:
        errors: by layer name, the mean squared error of the reconstruction of its input, in each
            epoch.
    """

    errors: dict[str, tuple[float, ...]]

    def __str__(self):
        width = max(map(len, self.errors))
        lines = [
            f"{name:<{width}}  {errors[0]:.4f} -> {errors[-1]:.4f}"
            for name, errors in self.errors.items()
        ]
        return "\n".join(["RBM: reconstruction error, first and last epoch", *lines])


def rbm_pretrain(
    model,
    x,
    epochs=10,
    *,
    visible="bernoulli",
    steps=1,
    learning_rate=0.05,
    momentum=0.5,
    weight_decay=2e-4,
    batch_size=100,
    seed=None,
) -> RBMReport:
    """Pre-train the dense layers of a network one by one, each as a restricted Boltzmann machine.

    The first machine learns the inputs, the next what the hidden units of the first make of them,
    and so on. A layer's kernel and bias become the machine's weights and hidden biases; the bias of
    the visible units is dropped. What comes after the last hidden layer is left alone, as are
    frozen layers: their output is what the next machine learns.

    ```python
    print(rbm_pretrain(model, x_train / 255, epochs=5))
    model.fit(x_train / 255, y_train)
    ```

    Hidden units are Bernoulli units, so the layers should have the activation function "sigmoid";
    with another one the weights are learned the same way, and the next machine is shown the
    probabilities all the same.

    Args:
        model: a `keras.Model` whose dense layers, called once each, follow one another; flattening,
            dropout and the like may stand between.
        x: array of inputs, or a data set or finite generator of batches; in [0, 1] for Bernoulli
            units, standardized for Gaussian ones.
        epochs: passes over `x` for each layer. Default 10.
        visible: kind of the model's input units: "bernoulli" (default) or "gaussian", of unit
            variance. The hidden units of one machine are the Bernoulli units of the next.
        steps: Gibbs steps of contrastive divergence, the k of CD-k. Default 1.
        learning_rate: default .05; with Gaussian units .001 is a usual value.
        momentum: of the updates. Default .5.
        weight_decay: L2 penalty on the kernel. Default 2e-4.
        batch_size: default 100.
        seed: optional integer.

    Returns:
        `RBMReport` with the reconstruction error of every layer in every epoch.

    Raises:
        ValueError: if an argument is not as said above, or there is no hidden dense layer.

    Reference: Hinton, Osindero & Teh, "A fast learning algorithm for deep belief nets", Neural
    Computation 18 (2006); Hinton, "A Practical Guide to Training Restricted Boltzmann Machines".
    """
    one_of("visible", visible, VISIBLE_UNITS)
    for name, value in (("epochs", epochs), ("steps", steps), ("batch_size", batch_size)):
        positive_integer(name, value)
    positive("learning_rate", learning_rate)
    unit_interval("momentum", momentum)
    finite("weight_decay", weight_decay)
    rng = np.random.default_rng(seed)
    inputs = _matrix(x, rng)
    if visible == "bernoulli" and not (inputs.min() >= 0 and inputs.max() <= 1):
        raise ValueError(
            "`x` must lie in [0, 1] for Bernoulli units; scale it, or give visible='gaussian'. "
            f"Received: x from {inputs.min()} to {inputs.max()}"
        )
    called = [step.layer for step in traced(model, inputs, 2)]
    dense = [layer for layer in called if isinstance(layer, keras.layers.Dense)]
    *hidden, _ = dense or [None]
    if not hidden or len(set(map(id, dense))) < len(dense):
        raise ValueError(
            "`model` must have hidden dense layers, each called once, to be pre-trained. "
            f"Received: {model.name!r} with {len(dense)} calls of dense layers"
        )
    for layer in hidden:
        if not kernels(layer) or layer.quantization_mode:
            raise ValueError(
                "`model` must have hidden dense layers with plain kernels, neither quantized nor "
                f"adapted by LoRA. Received: {model.name!r} with {layer!r}"
            )
    errors: dict[str, tuple[float, ...]] = {}
    shown = _input_of(model, hidden[0], inputs, batch_size)
    for position, layer in enumerate(hidden):
        machine = _Machine(layer, gaussian=visible == "gaussian" and position == 0, rng=rng)
        if layer.trainable:
            errors[layer.path] = tuple(
                machine.epoch(
                    shown,
                    steps=steps,
                    learning_rate=learning_rate,
                    momentum=momentum,
                    weight_decay=weight_decay,
                    batch_size=batch_size,
                )
                for _ in range(epochs)
            )
            machine.give_weights()
        shown = machine.hidden(shown)
    return RBMReport(errors)


def _matrix(x, rng):
    """All examples of `x` as one array of numbers."""
    found = keras.tree.flatten(take(x, None, rng))
    if len(found) != 1 or found[0].dtype.kind not in "biuf":
        kinds = [f"{array.dtype} {array.shape}" for array in found]
        raise ValueError(f"`x` must be one array of numbers. Received: {', '.join(kinds)}")
    return found[0]


def _input_of(model, layer, inputs, batch_size):
    """What a layer receives for some inputs of the model, as a matrix."""
    received = []

    def keep(call):
        if call.layer is layer:
            received.append(ops.convert_to_numpy(call.inputs).astype("float32"))

    demanded = model_batch_size(model)
    with watch(model, keep), stateless(model):
        for part in batches(inputs, demanded or batch_size):
            model(whole_batch(model, part), training=False)
    found = np.concatenate(received)[: len(inputs)]  # the last batch may have been filled up
    if found.ndim != 2:
        raise ValueError(
            "`model` must flatten its inputs before the first dense layer. "
            f"Received: an input of shape {found.shape} there"
        )
    return found


class _Machine:
    """A restricted Boltzmann machine with the weights of a dense layer.

    Args:
        layer: a built dense layer; its weights are read now.
        gaussian: whether the visible units are Gaussian with unit variance, or else Bernoulli.
        rng: `numpy.random.Generator`.
    """

    def __init__(self, layer, gaussian, rng):
        self.layer, self.gaussian, self.rng = layer, gaussian, rng
        self.kernel = np.array(ops.convert_to_numpy(layer.kernel.value), "float32")
        self.bias = np.zeros(self.kernel.shape[1], "float32")
        if layer.use_bias:
            self.bias[:] = ops.convert_to_numpy(layer.bias.value)
        self.visible_bias = np.zeros(self.kernel.shape[0], "float32")
        self.velocity = [np.zeros_like(w) for w in (self.kernel, self.bias, self.visible_bias)]

    def hidden(self, visible):
        """The probabilities that the hidden units are on."""
        return _sigmoid(visible @ self.kernel + self.bias)

    def epoch(self, data, *, steps, learning_rate, momentum, weight_decay, batch_size):
        """Train on all rows once, in random order; the mean squared error of reconstruction."""
        order, squared = self.rng.permutation(len(data)), 0.0
        for start in range(0, len(data), batch_size):
            batch = data[order[start : start + batch_size]]
            on = self.hidden(batch)
            model_on = on
            for _ in range(steps):
                # Hidden units are sampled, or else they would carry more than one bit each; for
                # the visible ones probabilities (or means) do, with less noise.
                reconstruction = self._visible(self._sampled(model_on))
                model_on = self.hidden(reconstruction)
            squared += float(np.square(batch - reconstruction).sum())
            gradients = (
                (batch.T @ on - reconstruction.T @ model_on) / len(batch)
                - weight_decay * self.kernel,
                (on - model_on).mean(axis=0),
                (batch - reconstruction).mean(axis=0),
            )
            weights = (self.kernel, self.bias, self.visible_bias)
            for index, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
                self.velocity[index] = momentum * self.velocity[index] + learning_rate * gradient
                weight[...] += self.velocity[index]
            if not self.layer.use_bias:
                self.bias[:] = 0
        return squared / data.size

    def give_weights(self):
        """Put the weights into the layer."""
        self.layer.kernel.assign(self.kernel)
        if self.layer.use_bias:
            self.layer.bias.assign(self.bias)

    def _sampled(self, probabilities):
        uniform = self.rng.random(probabilities.shape, dtype="float32")
        return (uniform < probabilities).astype("float32")

    def _visible(self, hidden):
        """The reconstruction: means of Gaussian units, probabilities of Bernoulli ones."""
        means = hidden @ self.kernel.T + self.visible_bias
        return means if self.gaussian else _sigmoid(means)


def _sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))  # no overflow, whatever the sign
