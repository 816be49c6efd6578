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
    """The result of `rbm_pretrain` for each layer. Printing it shows a table.

    Args:
        errors: for the path of each pre-trained layer, the mean squared reconstruction error of its
            input in each epoch. Frozen layers have no entry.
    """

    errors: dict[str, tuple[float, ...]]

    def __str__(self):
        width = max(map(len, self.errors), default=0)
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

    The first machine is trained on the inputs, the second on the hidden probabilities of the first,
    and so on. A layer's kernel and bias are the machine's weights and hidden biases. The bias of
    the visible units is discarded after training. The last dense layer, which is the output layer,
    is not pre-trained. A frozen layer is not trained either, but its machine computes the training
    data of the next one.

    ```python
    print(rbm_pretrain(model, x_train / 255, epochs=5))
    model.fit(x_train / 255, y_train)
    ```

    Hidden units are Bernoulli units, so the layers should have the activation function "sigmoid".
    Another activation function does not change the pre-training: the next machine is still trained
    on the hidden probabilities.

    Args:
        model: a `keras.Model` that calls each dense layer once, one after the other. Flattening,
            dropout and similar layers may lie between them.
        x: array of inputs; or a `tf.data.Dataset`, `keras.utils.PyDataset`, PyTorch `DataLoader` or
            finite generator of batches `x`, `(x, y)` or `(x, y, sample_weight)`. Labels are not
            used. Values must lie in [0, 1] for Bernoulli units and should be standardized for
            Gaussian ones.
        epochs: the number of passes over `x` for each layer. Default 10.
        visible: the kind of the model's input units: "bernoulli" (default) or "gaussian" with unit
            variance. The visible units of all later machines are Bernoulli units.
        steps: the number of Gibbs steps of contrastive divergence, the k of CD-k. Default 1.
        learning_rate: positive float. Default .05. A usual value for Gaussian units is .001.
        momentum: float in [0, 1], the momentum of the updates. Default .5.
        weight_decay: float, the L2 penalty on the kernel. Default 2e-4.
        batch_size: positive integer, the number of examples per update. Default 100.
        seed: optional integer, the seed of the order of examples and of Gibbs sampling.

    Returns:
        `RBMReport` with the reconstruction error of every pre-trained layer in every epoch.

    Raises:
        ValueError: if an argument is invalid, or the model has no hidden dense layer.

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
            "`x` must lie in [0, 1] for Bernoulli units; scale it, or use visible='gaussian'. "
            f"Received: x from {inputs.min()} to {inputs.max()}"
        )
    # Two examples are enough to see in which order the model calls its layers.
    calls = traced(model, inputs, count=2)
    dense = [call.layer for call in calls if isinstance(call.layer, keras.layers.Dense)]
    hidden = dense[:-1]  # without the output layer
    if not hidden or len(set(map(id, dense))) < len(dense):
        raise ValueError(
            "`model` must have hidden dense layers, and each must be called once. "
            f"Received: {model.name!r} with {len(dense)} calls of dense layers"
        )
    for layer in hidden:
        # With LoRA, `kernel` is a sum that is computed at each access, not a variable.
        if not kernels(layer) or layer.quantization_mode:
            raise ValueError(
                "`model` must have hidden dense layers with plain kernels, neither quantized nor "
                f"adapted by LoRA. Received: {model.name!r} with {layer!r}"
            )
    errors: dict[str, tuple[float, ...]] = {}
    data = _input_of(model, hidden[0], inputs, batch_size)
    for position, layer in enumerate(hidden):
        machine = _Machine(layer, gaussian=visible == "gaussian" and position == 0, rng=rng)
        if layer.trainable:
            errors[layer.path] = tuple(
                machine.epoch(
                    data,
                    steps=steps,
                    learning_rate=learning_rate,
                    momentum=momentum,
                    weight_decay=weight_decay,
                    batch_size=batch_size,
                )
                for _ in range(epochs)
            )
            machine.assign_weights()
        data = machine.hidden(data)
    return RBMReport(errors)


def _matrix(x, rng):
    """All examples of `x` as one array of numbers, in their order."""
    arrays = keras.tree.flatten(take(x, count=None, rng=rng))
    numbers = "biuf"  # NumPy's kinds: boolean, signed and unsigned integer, float
    if len(arrays) != 1 or arrays[0].dtype.kind not in numbers:
        kinds = [f"{array.dtype} {array.shape}" for array in arrays]
        raise ValueError(f"`x` must be one array of numbers. Received: {', '.join(kinds)}")
    return arrays[0]


def _input_of(model, layer, inputs, batch_size):
    """The inputs of a layer, as a matrix, when the model runs on `inputs`."""
    received = []

    def keep(call):
        if call.layer is layer:
            received.append(ops.convert_to_numpy(call.inputs).astype("float32"))

    fixed = model_batch_size(model)  # None unless `keras.Input` fixes it
    with watch(model, keep), stateless(model):  # the passes change no state, such as a seed's
        for part in batches(inputs, fixed or batch_size):
            model(whole_batch(model, part), training=False)  # fills the last batch up to `fixed`
    matrix = np.concatenate(received)[: len(inputs)]  # without the filling
    if matrix.ndim != 2:
        raise ValueError(
            "`model` must flatten its inputs before the first dense layer. "
            f"Received: a first dense layer with inputs of shape {matrix.shape}"
        )
    return matrix


class _Machine:
    """A restricted Boltzmann machine with the weights of a dense layer.

    Args:
        layer: a built dense layer. The machine starts from a copy of its weights.
        gaussian: True for Gaussian visible units with unit variance, False for Bernoulli units.
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
        """The probability of each hidden unit to be on."""
        return _sigmoid(visible @ self.kernel + self.bias)

    def epoch(self, data, *, steps, learning_rate, momentum, weight_decay, batch_size):
        """Train on all rows once, in random order. Return the mean squared reconstruction error."""
        order, squared = self.rng.permutation(len(data)), 0.0
        for start in range(0, len(data), batch_size):
            batch = data[order[start : start + batch_size]]
            # Contrastive divergence compares the correlations of visible and hidden units on the
            # data ("positive phase") with those after some Gibbs steps ("negative phase"). Hidden
            # units are sampled: as probabilities they would pass more than one bit about the
            # data, and the machine would overfit (Hinton's guide, section 3). Visible units use
            # probabilities (or means), which have less noise.
            positive_hidden = self.hidden(batch)
            negative_hidden = positive_hidden
            for _ in range(steps):
                reconstruction = self._visible(self._sampled(negative_hidden))
                negative_hidden = self.hidden(reconstruction)
            squared += float(np.square(batch - reconstruction).sum())
            gradients = (
                (batch.T @ positive_hidden - reconstruction.T @ negative_hidden) / len(batch)
                - weight_decay * self.kernel,
                (positive_hidden - negative_hidden).mean(axis=0),
                (batch - reconstruction).mean(axis=0),
            )
            weights = (self.kernel, self.bias, self.visible_bias)
            for index, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
                self.velocity[index] = momentum * self.velocity[index] + learning_rate * gradient
                weight[...] += self.velocity[index]
            if not self.layer.use_bias:
                self.bias[:] = 0
        return squared / data.size

    def assign_weights(self):
        """Assign the machine's weights to the layer."""
        self.layer.kernel.assign(self.kernel)
        if self.layer.use_bias:
            self.layer.bias.assign(self.bias)

    def _sampled(self, probabilities):
        uniform = self.rng.random(probabilities.shape, dtype="float32")
        return (uniform < probabilities).astype("float32")

    def _visible(self, hidden):
        """The reconstruction: means of Gaussian units, probabilities of Bernoulli ones."""
        inputs = hidden @ self.kernel.T + self.visible_bias
        return inputs if self.gaussian else _sigmoid(inputs)


def _sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))  # no overflow, whatever the sign
