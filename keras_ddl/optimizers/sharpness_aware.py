"""Sharpness-aware minimization: a training step of two passes."""

from typing import Any

import keras
from keras import ops

from keras_ddl._backend import gradients_of
from keras_ddl._checks import positive


@keras.saving.register_keras_serializable(package="keras_ddl")
class SAM(keras.Model):
    """A model that trains another one by sharpness-aware minimization.

    SAM looks for weights whose whole neighbourhood has a low loss. Each step computes the gradient
    `g` at the weights `w`, goes up to `w + rho * g / |g|`, computes the gradient there, and lets
    the optimizer update `w` by it. A step takes two passes, and so about twice the time.

    An optimizer never sees the loss, so SAM is a model around a model. It has the layers and
    weights of the wrapped model, and `compile`, `fit`, `evaluate` and `predict` work as usual:

    ```python
    sam = SAM(model)
    sam.compile("sgd", "mse")
    sam.fit(x, y)
    model.predict(x_test)  # `model` has the trained weights
    ```

    Both passes use the same dropout masks. The reported loss and metrics, and the moving statistics
    of batch normalization, are those of the first pass. Members of a `Population` may be such
    models; executor "map" on TensorFlow refuses them, because their training step differs. Under
    `tf.distribute`, each replica goes up by its own gradient.

    Args:
        model: the model to train. Its `train_step` is not used.
        rho: float > 0, the distance to go up, in units of the weights. Default .05.
        **kwargs: passed to `keras.Model`.

    Call arguments:
        inputs: the inputs of `model`.
        training: as for `model`.

    Output shape: that of `model`.

    Raises:
        ValueError: if `model` is not a `keras.Model`, or `rho` is not positive.

    Reference: Foret et al., "Sharpness-Aware Minimization for Efficiently Improving
    Generalization", arXiv:2010.01412.
    """

    def __init__(self, model, rho=0.05, **kwargs) -> None:
        if not isinstance(model, keras.Model):
            raise ValueError(f"`model` must be a keras.Model. Received: model={model!r}")
        super().__init__(**kwargs)
        self.model = model
        self.rho = positive("rho", rho)
        self.built = model.built

    def build(self, input_shape) -> None:
        if not self.model.built:
            self.model.build(input_shape)
        self.built = True

    def call(self, inputs, training=None) -> Any:
        return self.model(inputs, training=training)

    def compute_output_shape(self, input_shape) -> Any:
        return self.model.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        model = keras.saving.serialize_keras_object(self.model)
        return {**super().get_config(), "model": model, "rho": self.rho}

    @classmethod
    def from_config(cls, config, custom_objects=None) -> "SAM":
        model = keras.saving.deserialize_keras_object(
            config["model"], custom_objects=custom_objects
        )
        return cls(**{**config, "model": model})

    def _ascended(self, weights, gradients):
        """The weights after the step up, of length `rho`."""
        tensors = [ops.cast(ops.convert_to_tensor(one), "float32") for one in gradients]
        squares = sum(ops.sum(ops.square(one)) for one in tensors)
        scale = self.rho / (ops.sqrt(squares) + keras.config.epsilon())
        return [
            ops.convert_to_tensor(weight) + ops.cast(scale * one, weight.dtype)
            for weight, one in zip(weights, tensors, strict=True)
        ]

    if keras.backend.backend() == "jax":

        def compute_loss_and_updates(self, trainable_variables, *args, **kwargs) -> Any:
            """The loss and updates at the weights, with the gradient at the ascended weights."""
            import jax

            weights = jax.lax.stop_gradient(trainable_variables)
            loss_at = super().compute_loss_and_updates
            first = jax.value_and_grad(loss_at, has_aux=True)
            (loss, updates), gradients = first(weights, *args, **kwargs)
            up = jax.lax.stop_gradient(self._ascended(weights, gradients))
            # The value is that of the ascended weights, the derivative that of the weights: 1.
            there = [
                one + (now - jax.lax.stop_gradient(now))
                for now, one in zip(trainable_variables, up, strict=True)
            ]
            second, _ = loss_at(there, *args, **kwargs)
            return jax.lax.stop_gradient(loss) + (second - jax.lax.stop_gradient(second)), updates

    else:

        def train_step(self, data) -> Any:
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            # The second pass starts from the same random states.
            before = [(one, ops.copy(one.value)) for one in self.non_trainable_variables]
            optimizer = self.optimizer  # type: ignore[has-type]

            def second_gradients(gradients, weights):
                def loss_at(values):
                    mapping = [*zip(weights, values, strict=True), *before]
                    with keras.StatelessScope(mapping, collect_losses=True):
                        loss = self.compute_loss(
                            x=x,
                            y=y,
                            y_pred=self(x, training=True),
                            sample_weight=sample_weight,
                        )
                        return optimizer.scale_loss(loss)

                return gradients_of(loss_at, self._ascended(weights, gradients))

            self.optimizer = _SecondPass(optimizer, second_gradients)
            try:
                return super().train_step(data)
            finally:
                self.optimizer = optimizer


class _SecondPass:
    """Stands for the optimizer in one step, and replaces the gradients that it receives."""

    def __init__(self, optimizer, second_gradients):
        self.scale_loss = optimizer.scale_loss
        self._optimizer, self._second_gradients = optimizer, second_gradients

    def apply(self, gradients, weights):
        self._optimizer.apply(self._second_gradients(gradients, weights), weights)

    def apply_gradients(self, pairs):
        gradients, weights = zip(*pairs, strict=True)
        self.apply(gradients, list(weights))
