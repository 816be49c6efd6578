"""Evaluation on additional data sets during training."""

from collections.abc import Iterator, Mapping

import keras

from keras_ddl._checks import positive_integer
from keras_ddl._forward import Snapshot, batch_size, random_states_kept


class ValidationSets(keras.callbacks.Callback):
    """Evaluates the model on any number of data sets at the end of each epoch.

    `fit` accepts one validation set. This callback accepts several, such as the training set at
    inference (without dropout, with moving statistics), a second test condition, or one set per
    class. `logs` receive the results as `<name>_<metric>`, so that `History`, `CSVLogger`,
    `TensorBoard`, `EarlyStopping` and `ReduceLROnPlateau` can use them, if they come after this
    callback in the list. The callback does not affect training: with the same seed the weights are
    the same.

    ```python
    more = ValidationSets({"train": (x_train[:2000], y_train[:2000]), "shifted": shifted_dataset})
    history = model.fit(x_train, y_train, validation_data=(x_val, y_val), callbacks=[more])
    history.history["train_accuracy"], history.history["shifted_loss"]
    ```

    Args:
        sets: mapping from a name to `(x, y)`, `(x, y, sample_weight)`, or anything else that
            `model.evaluate` accepts: a `tf.data.Dataset`, a `PyDataset`, a data loader.
        batch_size: the batch size for sets of arrays. It may be larger than in training, because
            evaluation stores no gradients. It is ignored if the model requires a batch size.
            Default 1000.

    Raises:
        ValueError: if `sets` is empty or not a mapping, a name is not a string or is "val" (which
            `fit` uses), or the logs already have a result of that name.
    """

    def __init__(self, sets, batch_size=1000) -> None:
        super().__init__()
        if not isinstance(sets, Mapping) or not sets:
            raise ValueError(
                "ValidationSets: `sets` must be a mapping from names to data, such as "
                f'{{"train": (x, y)}}. Received: sets={sets!r}'
            )
        for name in sets:
            if not isinstance(name, str) or name in ("", "val"):
                raise ValueError(
                    "ValidationSets: a name in `sets` must be a string other than 'val', which "
                    f"`fit` uses for its own validation data. Received: {name!r}"
                )
            if isinstance(sets[name], Iterator):
                raise ValueError(
                    "ValidationSets: a set must be data that can be iterated every epoch, such as "
                    "arrays or a data set, but not a generator. "
                    f"Received: {name}={sets[name]!r}"
                )
        self.sets = dict(sets)
        self.batch_size = positive_integer("batch_size", batch_size)

    def on_epoch_end(self, epoch, logs=None) -> None:
        logs = {} if logs is None else logs
        before = Snapshot(self.model)
        for name, data in self.sets.items():
            try:
                with random_states_kept():
                    results = self._evaluate(name, data)
            finally:
                before.restore()
            for metric, value in results.items():
                entry = f"{name}_{metric}"
                if entry in logs:
                    raise ValueError(
                        f"ValidationSets: the logs already have {entry!r}. Rename the set {name!r}."
                    )
                logs[entry] = value

    def _evaluate(self, name, data):
        if not isinstance(data, tuple | list):
            return self.model.evaluate(data, verbose=0, return_dict=True)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(tuple(data))
        size = batch_size(self.model)
        count = len(keras.tree.flatten(x)[0])
        if size is not None and count % size:
            raise ValueError(
                f"ValidationSets: the model requires batches of {size}, so the number of examples "
                f"must be a multiple of it. Received: {count} examples in {name!r}"
            )
        return self.model.evaluate(
            x,
            y,
            sample_weight=sample_weight,
            batch_size=size or self.batch_size,
            verbose=0,
            return_dict=True,
        )
