"""Evaluation on further data sets while a model trains."""

from collections.abc import Mapping

import keras

from keras_ddl.callbacks._probe import random_stream_kept


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
            may be larger than in training.

    Raises:
        ValueError: if `sets` is empty or no mapping, a name is "val" (that is `fit`'s own) or no
            string, or the logs already hold a result of that name.
    """

    def __init__(self, sets, batch_size=1000):
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
        self.sets = dict(sets)
        self.batch_size = batch_size

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        for name, data in self.sets.items():
            with random_stream_kept():
                results = self._evaluate(data)
            for metric, value in results.items():
                entry = f"{name}_{metric}"
                if entry in logs:
                    raise ValueError(
                        f"ValidationSets: the logs already hold {entry!r}. Rename the set {name!r}."
                    )
                logs[entry] = value

    def _evaluate(self, data):
        if not isinstance(data, tuple | list):
            return self.model.evaluate(data, verbose=0, return_dict=True)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(tuple(data))
        return self.model.evaluate(
            x,
            y,
            sample_weight=sample_weight,
            batch_size=self.batch_size,
            verbose=0,
            return_dict=True,
        )
