"""The members' mean prediction as one model."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ddl.population.members import configurations


@keras.saving.register_keras_serializable(package="keras_ddl")
class Ensemble(keras.Model):
    """Averages the predictions of several models. It shares their weights.

    Args:
        models: built models of one input and output shape.
        activation: applied to each model's outputs before averaging, or None (default).
        name: string, the model's name.

    Call arguments:
        inputs: a batch for the models.
        training: as for any model.

    Output shape: that of one model.

    Reference: Lakshminarayanan et al., "Simple and scalable predictive uncertainty estimation
    using deep ensembles", arXiv:1612.01474.
    """

    def __init__(self, models: Sequence[keras.Model], activation: Any = None, name: Any = None):
        super().__init__(name=name)
        self.models = list(models)
        if not self.models:
            raise ValueError("`models` must hold at least one model. Received: none")
        self.activation = keras.activations.get(activation)
        self.build(None)

    def build(self, input_shape: Any) -> None:
        """Do nothing: the models are built already."""

    def call(self, inputs, training=False):
        outputs = [model(inputs, training=training) for model in self.models]
        return keras.tree.map_structure(
            lambda *parts: ops.mean(ops.stack([self.activation(p) for p in parts]), axis=0),
            *outputs,
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.models[0].compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            "models": configurations(self.models),
            "activation": keras.activations.serialize(self.activation),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Ensemble":
        models = [
            keras.saving.deserialize_keras_object(one, custom_objects=custom_objects)
            for one in config["models"]
        ]
        return cls(models, config["activation"], config["name"])
