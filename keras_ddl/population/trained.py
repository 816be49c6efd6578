"""`fit`, `evaluate` and `predict` of K models."""

from typing import Any

import keras
import numpy as np

from keras_ddl.population import training
from keras_ddl.population.compiled import Compiled
from keras_ddl.population.feeding import Call
from keras_ddl.population.sources import source, split_off


class Trained(Compiled):
    """K models that train, evaluate and predict together."""

    @property
    def held(self) -> Any:
        """The examples that stay on the device, or None."""
        return self._parts.held

    def member_results(self) -> dict[str, np.ndarray]:
        """Loss and metrics of each member in the last pass over training or validation data.

        Returns:
            A dict of NumPy arrays of K values.
        """
        return dict(self._results)

    def fit(  # noqa: PLR0917 - Keras' signature
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> keras.callbacks.History:
        """Train all members, as `keras.Model.fit` does.

        Args:
            x: as in Keras: arrays, datasets, generators. All members train on the same batches in
                the same order. A batch of shape `(batch, K, ...)` has separate examples for each
                member (`member_batches`). Arrays are copied to the device once. With `data`,
                integers are indices.
            y: targets; `(batch, K, ...)` if every member has its own examples.
            callbacks: any Keras callbacks. They get means over the members. A callback that acts on
                batches makes every step a separate call.

        The other arguments are Keras'.

        Returns:
            A `History` whose entries are arrays of K values, one for each epoch.
        """
        self._check_compiled("fit")
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_off(
                x, y, sample_weight, validation_split
            )
        seed = int(np.random.randint(2**31)) if shuffle else None
        batches = source(
            self,
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            seed=seed,
            steps=steps_per_epoch,
            class_weight=class_weight,
        )
        validation = None
        if validation_data is not None:
            validation = self._validation(
                validation_data, validation_batch_size or batch_size, validation_steps
            )
        return training.fit(
            self,
            batches,
            epochs=epochs,
            initial_epoch=initial_epoch,
            verbose=verbose,
            callbacks=callbacks,
            validation=validation,
            validation_freq=validation_freq,
        )

    def _validation(self, data, batch_size, steps):
        parts = data if isinstance(data, list | tuple) else (data,)
        held_out = source(self, *parts, batch_size=batch_size, steps=steps)
        callbacks = training.callback_list(self, None, 0)

        def evaluate():
            return training.evaluate(self, held_out, callbacks)

        return evaluate

    def evaluate(  # noqa: PLR0917 - Keras' signature
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Evaluate all members, as `keras.Model.evaluate` does, and return means over them.

        Afterwards `member_results()` returns the values of each member.
        """
        self._check_compiled("evaluate")
        batches = source(self, x, y, sample_weight, batch_size=batch_size, steps=steps)
        own = getattr(self, "history", None)
        listed = training.callback_list(self, callbacks, verbose, epochs=1, steps=batches.steps)
        self.history = own
        found = training.means(training.evaluate(self, batches, listed))
        self._ready_executor().sync(final=True)
        values = [*found.values()]
        return found if return_dict else values[0] if len(values) == 1 else values

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The members' outputs `(examples, K, ...)`, as NumPy arrays.

        Args:
            x, batch_size, steps: as in Keras. Inputs of shape `(examples, K, ...)` differ between
                the members.
            verbose, callbacks: accepted as in Keras, but ignored.
        """
        batches = source(self, x, batch_size=batch_size, steps=steps)
        parts = [self._predicted(call) for call in batches.epoch(0)]
        return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)

    def predict_on_batch(self, x: Any) -> Any:
        """The members' outputs for one batch, in the form of `predict`."""
        batches = source(self, x, batch_size=len(keras.tree.flatten(x)[0]))
        (call,) = batches.epoch(0)
        return self._predicted(call)

    def _predicted(self, call: Call) -> Any:
        outputs = self._ready_executor().predict(call)
        shapes = [[leaf.shape for leaf in keras.tree.flatten(output)] for output in outputs]
        if any(shape != shapes[0] for shape in shapes):
            raise ValueError(
                "The outputs of all members must have one shape to be stacked; predict with "
                f"`member(i)` instead. Received: shapes {shapes}"
            )
        return keras.tree.map_structure(lambda *parts: np.stack(parts, axis=1), *outputs)

    def _check_compiled(self, method):
        if not self.compiled:
            raise ValueError(f"Call `compile()` before `{method}()`. Received: no loss")
