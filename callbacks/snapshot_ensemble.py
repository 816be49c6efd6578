"""Several networks from one training run: the weights at the end of each cycle."""

from typing import Any

import keras
import numpy as np

from keras_ddl import Population
from keras_ddl._checks import positive_integer
from keras_ddl.population.ensemble import Ensemble


class SnapshotEnsemble(keras.callbacks.Callback):
    """Stores the weights at the end of every cycle of the learning rate.

    A cyclic learning rate lets one run visit several minima. The mean of their predictions is the
    ensemble, at the training cost of one network:

    ```python
    cycle = 10  # epochs
    rate = keras.optimizers.schedules.CosineDecayRestarts(0.1, cycle * steps_per_epoch, t_mul=1.0)
    model.compile(keras.optimizers.SGD(rate), ...)
    snapshots = SnapshotEnsemble(cycle)
    model.fit(x, y, epochs=50, callbacks=[snapshots])
    ensemble = snapshots.ensemble(last=3, activation="softmax")
    ensemble.predict(x_test)
    ```

    Training is not changed. In a `keras_ddl.Population` the weights of all members are stored.

    Args:
        epochs: the length of a cycle in epochs.

    Attributes:
        weights: for each snapshot, the weights of the model as NumPy arrays, or for each member of
            a population a list of them.

    Raises:
        ValueError: if `epochs` is not a positive integer.

    Reference: Huang et al., "Snapshot Ensembles: Train 1, get M for free", arXiv:1704.00109.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = positive_integer("epochs", epochs)
        self.weights: list[Any] = []

    def on_train_begin(self, logs=None) -> None:
        self.weights = []

    def on_epoch_end(self, epoch, logs=None) -> None:
        if (epoch + 1) % self.epochs == 0:
            self.weights.append(
                [_copied(self.model.member(k)) for k in range(self.model.count)]
                if isinstance(self.model, Population)
                else _copied(self.model)
            )

    def ensemble(
        self, last: int | None = None, activation: Any = None, member: int | None = None
    ) -> Ensemble:
        """One model whose prediction is the mean of the snapshots' predictions.

        Args:
            last: the number of snapshots, counted from the end. Default: all.
            activation: applied to each output before averaging, such as "softmax" for a model that
                gives logits. Default None.
            member: the member of a population. None for a single model.

        Raises:
            ValueError: if there are fewer than `last` snapshots, or if `member` is missing for a
                population or given for a single model.
        """
        many = isinstance(self.model, Population)
        if many != (member is not None):
            raise ValueError(
                "`member` must be the position of a member for a Population, and None for another "
                f"model. Received: member={member!r}"
            )
        count = len(self.weights) if last is None else positive_integer("last", last)
        if not 0 < count <= len(self.weights):
            raise ValueError(
                f"`last` must be at most the number of snapshots, {len(self.weights)}. "
                f"Received: last={last!r}"
            )
        model = self.model.member(member) if many else self.model
        models = []
        for weights in self.weights[-count:]:
            models.append(keras.models.clone_model(model))
            models[-1].set_weights(weights[member] if many else weights)
        return Ensemble(models, activation)


def _copied(model):
    return [np.array(array) for array in model.get_weights()]
