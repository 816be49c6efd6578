"""Evaluation on further data sets while a model trains."""

from collections.abc import Iterator, Mapping

import keras

from keras_ddl._checks import positive_integer
from keras_ddl._forward import Snapshot, batch_size, random_states_kept


class ValidationSets(keras.callbacks.Callback):
    """Evaluate the model on any number of data sets at the end of an epoch.

    `fit` takes one validation set. This callback takes several: the training set as the network
    sees it at inference (without dropout, with moving statistics), a second test condition, one
    set per class. Results go into `logs` as `<name>_<metric>`, so `History`, `CSVLogger`,
    `TensorBoard`, `EarlyStopping` and `ReduceLROnPlateau` can use them, if they stand after this
    callback in the list. Training is not changed: same seed, same weights.

    ```python
    watch = ValidationSets({"train": (x_train[:2000], y_train[:2000]), "shifted": shifted_dataset})
    history = model.fit(x_train, y_train, validation_data=(x_val, y_val), callbacks=[watch])
    history.history["train_accuracy"], history.history["shifted_loss"]
    ```

    Args:
        sets: mapping from a name to `(x, y)`, `(x, y, sample_weight)`, or anything else that
            `model.evaluate` takes: a `tf.data.Dataset`, a `PyDataset`, a data loader.
        batch_size: batch size for sets given as arrays. Default 1000: no gradients are kept, so it
            may be larger than in training. A model that demands a batch size gets that one.

    Raises:
        ValueError: if `sets` is empty or no mapping, a name is "val" (that is `fit`'s own) or no
            string, or the logs already hold a result of that name.
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
                    "ValidationSets: a set must be data that can be gone through again every "
                    "epoch; a generator runs out. Give arrays or a data set. "
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
                        f"ValidationSets: the logs already hold {entry!r}. Rename the set {name!r}."
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
                f"ValidationSets: the model takes batches of {size}, so the examples of a set must "
                f"be a multiple of that. Received: {count} examples in {name!r}"
            )
        return self.model.evaluate(
            x,
            y,
            sample_weight=sample_weight,
            batch_size=size or self.batch_size,
            verbose=0,
            return_dict=True,
        )
