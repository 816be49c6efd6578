"""The members' mean prediction as one model."""

import contextlib
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ddl._checks import positive_integer
from keras_ddl._random_layers import active, random_layers
from keras_ddl.population.members import configurations


@keras.saving.register_keras_serializable(package="keras_ddl")
class Ensemble(keras.Model):
    """Averages the predictions of several models, whose weights it shares.

    With `draws` above 1 each model predicts several times with its random layers active, such as
    dropout (Monte-Carlo dropout). All other layers, such as batch normalization, run as at
    inference. One model is enough then: `Ensemble([model], "softmax", draws=20)`.

    Args:
        models: built models with equal input and output shapes.
        activation: applied to each prediction before averaging, or None (default).
        draws: int > 0, predictions of each model. Default 1: a single one without randomness.
        name: string, the model's name.

    Call arguments:
        inputs: a batch for the models.
        training: as for any model.

    Output shape: that of one model.

    Reference: Lakshminarayanan et al., "Simple and scalable predictive uncertainty estimation
    using deep ensembles", arXiv:1612.01474. Gal and Ghahramani, "Dropout as a Bayesian
    approximation: representing model uncertainty in deep learning", arXiv:1506.02142.
    """

    def __init__(
        self,
        models: Sequence[keras.Model],
        activation: Any = None,
        draws: int = 1,
        name: Any = None,
    ):
        super().__init__(name=name)
        self.draws = positive_integer("draws", draws)
        self.models = list(models)
        if not self.models:
            raise ValueError("`models` must hold at least one model. Received: none")
        self.activation = keras.activations.get(activation)
        self.build(None)

    def build(self, input_shape: Any) -> None:
        """Do nothing: the models are built already."""

    def call(self, inputs, training=False):
        outputs = []
        for model in self.models:
            with active(random_layers(model)) if self.draws > 1 else contextlib.nullcontext():
                outputs += [model(inputs, training=training) for _ in range(self.draws)]
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
            "draws": self.draws,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Ensemble":
        models = [
            keras.saving.deserialize_keras_object(one, custom_objects=custom_objects)
            for one in config["models"]
        ]
        return cls(models, config["activation"], config.get("draws", 1), config["name"])
