"""Prechelt's criteria for early stopping. Core's `EarlyStopping` has the patience criterion."""

import itertools
import math
from collections.abc import Callable, Sequence

import keras

from keras_ddl._checks import positive, positive_integer
from keras_ddl.callbacks._modes import resolve


class GL:
    """Generalization loss: stop when the validation loss is `alpha` % above its lowest so far.

    ```
    GL(t) = 100 * (validation(t) / min validation(1..t) - 1) > alpha
    ```

    NaN counts as infinity. If the lowest loss is 0, any higher loss stops training.

    Args:
        alpha: float > 0, in %. Prechelt uses 1 to 5.
    """

    def __init__(self, alpha: float) -> None:
        self.alpha = positive("alpha", alpha, " in %")

    def __call__(self, training: Sequence[float], validation: Sequence[float]) -> bool:
        """Whether to stop, from the losses of all epochs so far."""
        return generalization_loss(validation) > self.alpha

    def __repr__(self) -> str:
        return f"GL({self.alpha})"


class PQ:
    """Generalization loss over training progress: stop when their quotient exceeds `alpha`.

    ```
    P(t) = 1000 * (mean training / min training - 1), over the last k epochs
    GL(t) / P(t) > alpha
    ```

    While the training loss still falls quickly, the validation loss may recover. The criterion is
    evaluated at the end of each strip of k epochs.

    Args:
        alpha: float > 0. Prechelt uses .5 to 3.
        k: int > 0, the number of epochs in a strip. Default 5.
    """

    def __init__(self, alpha: float, k: int = 5) -> None:
        self.alpha = positive("alpha", alpha)
        self.k = positive_integer("k", k)

    def __call__(self, training: Sequence[float], validation: Sequence[float]) -> bool:
        """Whether to stop, from the losses of all epochs so far."""
        if len(training) % self.k:
            return False
        progress = training_progress(training[-self.k :])
        # A product instead of a quotient: with a progress of 0, any generalization loss stops.
        return generalization_loss(validation) > self.alpha * progress

    def __repr__(self) -> str:
        return f"PQ({self.alpha}, {self.k})"


class UP:
    """Stop when the validation loss increased in `s` strips in a row, by any amount.

    ```
    validation(t) > validation(t - k), at the ends of s strips of k epochs in a row
    ```

    Args:
        s: int > 0, the number of strips.
        k: int > 0, the number of epochs in a strip. Default 5.
    """

    def __init__(self, s: int, k: int = 5) -> None:
        self.s = positive_integer("s", s)
        self.k = positive_integer("k", k)

    def __call__(self, training: Sequence[float], validation: Sequence[float]) -> bool:
        """Whether to stop, from the losses of all epochs so far."""
        ends = [_finite(loss) for loss in validation[self.k - 1 :: self.k][-self.s - 1 :]]
        if len(validation) % self.k or len(ends) <= self.s:
            return False
        return all(later > earlier for earlier, later in itertools.pairwise(ends))

    def __repr__(self) -> str:
        return f"UP({self.s}, {self.k})"


class PrecheltStopping(keras.callbacks.Callback):
    """Stops training by one of Prechelt's criteria and restores the best weights.

    ```python
    stopping = PrecheltStopping(PQ(0.5))
    model.fit(x, y, validation_data=validation, epochs=1000, callbacks=[stopping])
    print(stopping.stopped_epoch, stopping.best_epoch)
    ```

    Criteria that stop later generalize slightly better but take much longer: in the paper, 4 %
    better and four times as long. GL is the simplest criterion. The parameter of UP does not depend
    on the scale of the loss. PQ takes the training loss into account.

    An epoch whose validation loss is not finite is never the best epoch.

    Args:
        criterion: `GL(alpha)`, `PQ(alpha, k)`, `UP(s, k)` or any callable that takes the training
            and the validation losses of all epochs and returns whether to stop. In mode "max" GL
            and PQ receive the reciprocals of the monitored values; GL then measures by how many %
            the highest value exceeds the last. Other criteria receive the negated values.
        monitor: the name in `logs` of the quantity to monitor. Default "val_loss".
        training: the name in `logs` of the training loss. Default "loss".
        restore_best_weights: whether to restore the weights of the best epoch at the end, even if
            training was not stopped early. Default True.
        mode: "min", "max" or "auto" (default). "auto" decides by the name of `monitor`: "max" for
            accuracies, AUC, precision, recall and similar metrics, "min" otherwise.

    Attributes:
        best_epoch, best: the best epoch, counted from 0, and its value of `monitor`.
        stopped_epoch: the epoch after which training was stopped, or None.

    Raises:
        ValueError: if `criterion` is not callable, `mode` is none of the three, `logs` lacks a
            loss, or GL or PQ receive a negative loss.

    Reference: Prechelt, "Early Stopping - But When?", in: Neural Networks: Tricks of the Trade,
    Springer 1998.
    """

    def __init__(
        self,
        criterion: Callable[[list[float], list[float]], bool],
        monitor: str = "val_loss",
        training: str = "loss",
        restore_best_weights: bool = True,
        mode: str = "auto",
    ) -> None:
        super().__init__()
        if not callable(criterion):
            raise ValueError(
                "PrecheltStopping: `criterion` must be GL(alpha), PQ(alpha, k), UP(s) or another "
                f"callable. Received: criterion={criterion!r}"
            )
        self.criterion = criterion
        self.monitor = monitor
        self.training = training
        self.restore_best_weights = restore_best_weights
        self.mode = resolve(mode, monitor)

    def on_train_begin(self, logs=None) -> None:
        self._training: list[float] = []
        self._validation: list[float] = []
        self.best = math.inf if self.mode == "min" else -math.inf
        self.best_epoch, self.stopped_epoch = None, None
        self._best_weights = None

    def on_epoch_end(self, epoch, logs=None) -> None:
        for name, losses in ((self.training, self._training), (self.monitor, self._validation)):
            if name not in (logs or {}):
                raise ValueError(
                    f"PrecheltStopping: {name!r} is not in the logs. Pass validation data to `fit` "
                    f"for every epoch, or set `monitor`. Received: logs of {sorted(logs or {})}"
                )
            losses.append(float(logs[name]))
        value = self._validation[-1]
        if self.mode == "max":
            self._validation[-1] = self._as_loss(value)
        if value < self.best if self.mode == "min" else value > self.best:
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self._best_weights = self.model.get_weights()
        if self.criterion(self._training, self._validation):
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _as_loss(self, value):
        """Convert a value to maximize into a loss to minimize."""
        if not isinstance(self.criterion, GL | PQ):
            return -value
        return 1 / value if value else math.inf

    def on_train_end(self, logs=None) -> None:
        if self._best_weights is not None:
            self.model.set_weights(self._best_weights)
            self._best_weights = None


def generalization_loss(validation: Sequence[float]) -> float:
    """By how many % the last validation loss exceeds the lowest."""
    lowest, last = min(map(_finite, validation)), _finite(validation[-1])
    if lowest < 0:
        raise ValueError(
            "GL and PQ compare losses by their ratio and need nonnegative losses; use UP(s). "
            f"Received: a validation loss of {lowest}"
        )
    if last == lowest:
        return 0.0
    return math.inf if lowest == 0 else 100 * (last / lowest - 1)


def training_progress(losses: Sequence[float]) -> float:
    """By how many per mille the mean loss of a strip exceeds its lowest."""
    finite = [_finite(loss) for loss in losses]
    lowest, mean = min(finite), sum(finite) / len(finite)
    if mean == lowest:
        return 0.0
    return math.inf if lowest == 0 else 1000 * (mean / lowest - 1)


def _finite(loss):
    """The loss, or infinity for NaN, because every comparison with NaN is False."""
    return math.inf if math.isnan(loss) else loss
