"""Stochastic weight averaging."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_ddl import Population
from keras_ddl._backend import no_gradients
from keras_ddl._checks import is_integer, one_of, positive_integer
from keras_ddl.callbacks.time_stopping import FREQUENCIES
from keras_ddl.surgery import update_batch_norm
from keras_ddl.surgery.batch_statistics import layers_with_statistics


class SWA(keras.callbacks.Callback):
    """Averages the weights of several epochs, and gives the model this average when training ends.

    SGD with a high learning rate moves around a region of low loss. The average of its weights lies
    in the middle of this region, and often generalizes better than the last weights. The callback
    only averages: the learning rate may be constant, cyclical or anything else.

    ```python
    # The average of the weights after epochs 15 to 20, counted from 1.
    average = SWA(start=14, data=x_train)
    model.fit(x_train, y_train, epochs=20, callbacks=[average])

    # A cyclical learning rate: average the weights at the end of each cycle of 1000 updates.
    SWA(start=999, every=1000, update_freq="batch", data=x_train)
    ```

    During training the model keeps its own weights, and validation measures these. Place the
    callback after callbacks that restore weights, such as `EarlyStopping`. The members of a
    `Population` are averaged separately.

    The moving statistics of batch normalization are not valid for averaged weights. With `data`,
    `keras_ddl.surgery.update_batch_norm` estimates them anew. Without `data` they are averaged as
    weights are, which is a rough estimate.

    Args:
        start: int >= 0, the number of the first epoch or batch whose weights are averaged, counted
            from 0.
        every: int > 0: the weights of one in `every` epochs or batches are averaged. Or a function
            `(number) -> bool`, which selects them. Default 1.
        data: None (default), or the data for `update_batch_norm`: usually the inputs of training.
            For a `Population` also a function `(member) -> data`, called with the member's index.
        batch_size: the batch size for `data`, if it is arrays. Default 128.
        members: the indices of the members of a `Population` that are averaged. Default: all.
        update_freq: what `start` and `every` count: "epoch" (default) or "batch". Batches are
            counted from the start of `fit`. With `steps_per_execution`, weights can only be read
            after the last batch of a call. A `Population` counts epochs only.

    Attributes:
        count: how many sets of weights the average contains.

    Raises:
        ValueError: if an argument is invalid, or `update_freq` is "batch" for a `Population`.

    Reference: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization",
    arXiv:1803.05407.
    """

    def __init__(
        self,
        start: int,
        every: int | Callable[[int], bool] = 1,
        *,
        data: Any = None,
        batch_size: int = 128,
        members: Sequence[int] | None = None,
        update_freq: str = "epoch",
    ) -> None:
        super().__init__()
        if not is_integer(start) or start < 0:
            raise ValueError(f"`start` must be an integer >= 0. Received: start={start!r}")
        self.start = int(start)
        self.every = (
            every if callable(every) else positive_integer("every", every, " or a function")
        )
        self.data = data
        self.batch_size = positive_integer("batch_size", batch_size)
        self.members = members
        self.update_freq = one_of("update_freq", update_freq, FREQUENCIES)
        self.count = 0

    def on_train_begin(self, logs=None) -> None:
        self._models = {0: self.model}
        if isinstance(self.model, Population):
            if self.update_freq == "batch":
                raise ValueError(
                    "SWA: a Population's weights are read after epochs only. "
                    "Received: update_freq='batch' for a Population"
                )
            places = range(self.model.count) if self.members is None else self.members
            self._models = {place: self.model.member(place) for place in places}
        self.count, self._batches, self._seen = 0, 0, 0
        self._averages: list[Any] = []

    def on_epoch_begin(self, epoch, logs=None) -> None:
        self._seen = 0

    def on_train_batch_end(self, batch, logs=None) -> None:
        passed = batch + 1 - self._seen  # several with `steps_per_execution`
        self._seen += passed
        if self.update_freq == "batch" and any(
            self._is_due(self._batches + place) for place in range(passed)
        ):
            self._add()
        self._batches += passed

    def on_epoch_end(self, epoch, logs=None) -> None:
        if self.update_freq == "epoch" and self._is_due(epoch):
            self._add()

    def on_train_end(self, logs=None) -> None:
        if self.count:
            variables = self._variables()
            for variable, average in zip(variables, self._averages, strict=True):
                variable.assign(ops.cast(average, variable.dtype))
            if self.data is not None:
                for place, model in self._models.items():
                    data = self.data(place) if callable(self.data) else self.data
                    update_batch_norm(model, data, self.batch_size)
        self._averages, self._models = [], {}

    def _is_due(self, number):
        if number < self.start:
            return False
        if callable(self.every):
            return bool(self.every(number))
        return (number - self.start) % self.every == 0

    def _add(self):
        _ = self.model  # on JAX this brings the variables up to date
        variables = self._variables()
        self._averages = self._averages or [0.0] * len(variables)
        with no_gradients():
            values = (ops.cast(one.value, "float32") for one in variables)
            self._averages = [
                old + (value - old) / (self.count + 1)
                for old, value in zip(self._averages, values, strict=True)
            ]
        self.count += 1

    def _variables(self):
        """The trainable weights, and the moving statistics of batch normalization."""
        return [
            variable
            for model in self._models.values()
            for variable in (
                *model.trainable_variables,
                *(
                    weight
                    for layer in layers_with_statistics(model)
                    for weight in layer.non_trainable_variables
                ),
            )
        ]
