"""Recurrent cells with layer normalization."""

from typing import Any

import keras
from keras import constraints, initializers, ops, regularizers

from keras_ddl._checks import positive
from keras_ddl.layers.normalization.affine import weight_config


class _LayerNormCell(keras.layers.Layer):
    """Base class of the cells: common arguments, normalization layers and dropout."""

    _norms: tuple[tuple[str, int], ...] = ()  # attribute names, and widths as multiples of `units`

    def __init__(
        self,
        units,
        *args,
        norm_gamma_initializer="ones",
        norm_beta_initializer="zeros",
        norm_epsilon=1e-3,
        norm_gamma_regularizer=None,
        norm_beta_regularizer=None,
        norm_gamma_constraint=None,
        norm_beta_constraint=None,
        **kwargs,
    ):
        super().__init__(units, *args, **kwargs)
        self.norm_gamma_initializer = initializers.get(norm_gamma_initializer)
        self.norm_beta_initializer = initializers.get(norm_beta_initializer)
        self.norm_epsilon = positive("norm_epsilon", norm_epsilon)
        self.norm_gamma_regularizer = regularizers.get(norm_gamma_regularizer)
        self.norm_beta_regularizer = regularizers.get(norm_beta_regularizer)
        self.norm_gamma_constraint = constraints.get(norm_gamma_constraint)
        self.norm_beta_constraint = constraints.get(norm_beta_constraint)
        # All gates are normalized together and so need the same input with one dropout mask.
        # With recurrent dropout, core would draw a separate mask for each gate; these two settings
        # prevent that.
        self.implementation = 2
        self.dropout_mask_count = None
        for name, _ in self._norms:
            layer = keras.layers.LayerNormalization(
                epsilon=norm_epsilon,
                # Each layer needs a copy: a shared random initializer would repeat its values.
                gamma_initializer=_copy_of(self.norm_gamma_initializer),
                beta_initializer=_copy_of(self.norm_beta_initializer),
                gamma_regularizer=self.norm_gamma_regularizer,
                beta_regularizer=self.norm_beta_regularizer,
                gamma_constraint=self.norm_gamma_constraint,
                beta_constraint=self.norm_beta_constraint,
                dtype=self.dtype_policy,
                name=name,
            )
            setattr(self, name, layer)

    def build(self, input_shape) -> None:
        super().build(input_shape)
        for name, width in self._norms:
            getattr(self, name).build((None, width * self.units))

    def _dropped(self, inputs, state, training):
        """The input and the state, with dropout applied in training."""
        if training and 0 < self.dropout < 1:
            inputs = inputs * self.get_dropout_mask(inputs)
        if training and 0 < self.recurrent_dropout < 1:
            state = state * self.get_recurrent_dropout_mask(state)
        return inputs, state

    def get_config(self) -> dict[str, Any]:
        config = {"norm_epsilon": self.norm_epsilon}
        for weight in ("norm_gamma", "norm_beta"):
            config.update(weight_config(self, weight))
        return {**super().get_config(), **config}


def _copy_of(initializer):
    return initializers.get(initializers.serialize(initializer))


@keras.saving.register_keras_serializable(package="keras_ddl")
class LayerNormLSTMCell(_LayerNormCell, keras.layers.LSTMCell):
    """`keras.layers.LSTMCell` with layer normalization.

    The gates receive a contribution of the input and one of the state. Each contribution is
    normalized separately, over all four gates together. The cell state c is normalized before the
    output is computed from it:

    ```
    i, f, g, o = split(LN(x @ kernel) + LN(h @ recurrent_kernel) + bias)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(LN(c))
    ```

    ```python
    model = keras.Sequential([
        keras.Input((28, 28)),
        keras.layers.RNN([LayerNormLSTMCell(64), LayerNormLSTMCell(64, recurrent_dropout=0.1)]),
        keras.layers.Dense(10),
    ])
    ```

    Args:
        units: positive integer, the width of the output and of each state.
        norm_gamma_initializer: initializer of the scales of the normalizations. Default "ones".
        norm_beta_initializer: initializer of their offsets. Default "zeros".
        norm_epsilon: float, added to their variances. Default 1e-3.
        norm_gamma_regularizer, norm_beta_regularizer: optional regularizers of scales and offsets.
        norm_gamma_constraint, norm_beta_constraint: optional constraints of scales and offsets.
        normalize_carry: whether the next step receives LN(c) instead of c, as in TensorFlow Addons.
            The paper passes c. Default False.
        **kwargs: the other arguments of `keras.layers.LSTMCell`, with its defaults. `dropout` and
            `recurrent_dropout` each use one mask for all gates.

    Call arguments:
        inputs: tensor of shape `(batch, features)`.
        states: list of h and c, each of shape `(batch, units)`.
        training: whether dropout is applied.

    Output shape: `(batch, units)`, and the new states.

    Reference: Ba, Kiros and Hinton, "Layer Normalization", arXiv 1607.06450, equations 20-22.
    """

    _norms = (("kernel_norm", 4), ("recurrent_norm", 4), ("state_norm", 1))

    def __init__(self, units, *args, normalize_carry=False, **kwargs):
        super().__init__(units, *args, **kwargs)
        self.normalize_carry = normalize_carry

    def call(self, inputs, states, training=False) -> Any:
        h, c = states
        inputs, h = self._dropped(inputs, h, training)
        gates = self.kernel_norm(ops.matmul(inputs, self.kernel))
        gates = gates + self.recurrent_norm(ops.matmul(h, self.recurrent_kernel))
        if self.use_bias:
            gates = gates + self.bias
        i, f, g, o = ops.split(gates, 4, axis=-1)
        c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g)
        normal = self.state_norm(c)
        h = self.recurrent_activation(o) * self.activation(normal)
        return h, [h, normal if self.normalize_carry else c]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "normalize_carry": self.normalize_carry}


@keras.saving.register_keras_serializable(package="keras_ddl")
class LayerNormGRUCell(_LayerNormCell, keras.layers.GRUCell):
    """`keras.layers.GRUCell` with layer normalization.

    The contributions of the input and of the state are normalized separately. For each of them, the
    two gates are normalized together, and the candidate is normalized separately:

    ```
    z, r = split(LN(x @ kernel[:, :2n]) + LN(h @ recurrent_kernel[:, :2n]) + biases)
    from_state = LN(h @ recurrent_kernel[:, 2n:]) + bias
    candidate = tanh(LN(x @ kernel[:, 2n:]) + bias + sigmoid(r) * from_state)
    h = sigmoid(z) * h + (1 - sigmoid(z)) * candidate
    ```

    Here n is `units`. As in Keras core, the gate z is the weight of the old state; in the paper it
    is the weight of the candidate.

    ```python
    outputs = keras.layers.Bidirectional(keras.layers.RNN(LayerNormGRUCell(64)))(inputs)
    ```

    Args:
        units: positive integer, the width of the output and of the state.
        norm_gamma_initializer: initializer of the scales of the normalizations. Default "ones".
        norm_beta_initializer: initializer of their offsets. Default "zeros".
        norm_epsilon: float, added to their variances. Default 1e-3.
        norm_gamma_regularizer, norm_beta_regularizer: optional regularizers of scales and offsets.
        norm_gamma_constraint, norm_beta_constraint: optional constraints of scales and offsets.
        **kwargs: the other arguments of `keras.layers.GRUCell`, with its defaults. With
            `reset_after=False` the contribution of the state to the candidate is
            LN((sigmoid(r) * h) @ recurrent_kernel[:, 2n:]). `dropout` and `recurrent_dropout` each
            use one mask for all gates.

    Call arguments:
        inputs: tensor of shape `(batch, features)`.
        states: the state h of shape `(batch, units)`, or a list of it.
        training: whether dropout is applied.

    Output shape: `(batch, units)`, and the new state.

    Reference: Ba, Kiros and Hinton, "Layer Normalization", arXiv 1607.06450, equations 23-25.
    """

    _norms = (
        ("kernel_norm", 2),
        ("recurrent_norm", 2),
        ("candidate_kernel_norm", 1),
        ("candidate_recurrent_norm", 1),
    )

    def call(self, inputs, states, training=False) -> Any:
        nested = isinstance(states, list | tuple)
        old = states[0] if nested else states
        inputs, h = self._dropped(inputs, old, training)
        n = self.units
        x_gates, x_candidate = ops.split(ops.matmul(inputs, self.kernel), [2 * n], axis=-1)
        x_gates, x_candidate = self.kernel_norm(x_gates), self.candidate_kernel_norm(x_candidate)
        to_gates, to_candidate = ops.split(self.recurrent_kernel, [2 * n], axis=-1)
        h_gates = self.recurrent_norm(ops.matmul(h, to_gates))
        if self.use_bias:
            bias = self.bias if self.reset_after else self.bias[None]
            x_gates, x_candidate = x_gates + bias[0, : 2 * n], x_candidate + bias[0, 2 * n :]
        if self.use_bias and self.reset_after:
            h_gates = h_gates + bias[1, : 2 * n]
        z, r = ops.split(self.recurrent_activation(x_gates + h_gates), 2, axis=-1)
        if self.reset_after:
            h_candidate = self.candidate_recurrent_norm(ops.matmul(h, to_candidate))
            if self.use_bias:
                h_candidate = h_candidate + bias[1, 2 * n :]
            h_candidate = r * h_candidate
        else:
            h_candidate = self.candidate_recurrent_norm(ops.matmul(r * h, to_candidate))
        h = z * old + (1 - z) * self.activation(x_candidate + h_candidate)
        return h, [h] if nested else h


@keras.saving.register_keras_serializable(package="keras_ddl")
class LayerNormSimpleRNNCell(_LayerNormCell, keras.layers.SimpleRNNCell):
    """`keras.layers.SimpleRNNCell` with layer normalization.

    ```
    h = tanh(LN(x @ kernel + h @ recurrent_kernel) + bias)
    ```

    ```python
    outputs = keras.layers.RNN(LayerNormSimpleRNNCell(64))(inputs)
    ```

    Args:
        units: positive integer, the width of the output and of the state.
        norm_gamma_initializer: initializer of the scale of the normalization. Default "ones".
        norm_beta_initializer: initializer of its offset. Default "zeros".
        norm_epsilon: float, added to its variance. Default 1e-3.
        norm_gamma_regularizer, norm_beta_regularizer: optional regularizers of scale and offset.
        norm_gamma_constraint, norm_beta_constraint: optional constraints of scale and offset.
        **kwargs: the other arguments of `keras.layers.SimpleRNNCell`, with its defaults.

    Call arguments:
        inputs: tensor of shape `(batch, features)`.
        states: the state h of shape `(batch, units)`, or a list of it.
        training: whether dropout is applied.

    Output shape: `(batch, units)`, and the new state.

    Reference: Ba, Kiros and Hinton, "Layer Normalization", arXiv 1607.06450, equation 4.
    """

    _norms = (("norm", 1),)

    def call(self, inputs, states, training=False) -> Any:
        nested = isinstance(states, list | tuple)
        inputs, h = self._dropped(inputs, states[0] if nested else states, training)
        total = self.norm(ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent_kernel))
        h = self.activation(total + self.bias if self.use_bias else total)
        return h, [h] if nested else h
