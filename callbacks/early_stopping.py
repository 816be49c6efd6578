"""Prechelt's criteria for stopping early. Core's `EarlyStopping` has the patience rule."""

import itertools
import math

import keras

from keras_ddl._checks import positive, positive_integer


class GL:
    """Generalization loss: stop when the validation loss is `alpha` % above its lowest so far.

    ```
    GL(t) = 100 * (validation(t) / min validation(1..t) - 1) > alpha
    ```

    Args:
        alpha: float > 0, in %. Prechelt takes 1 to 5.
    """

    def __init__(self, alpha):
        self.alpha = positive("alpha", alpha, " in %")

    def __call__(self, training, validation):
        """Whether to stop, from the losses of all epochs so far."""
        return generalization_loss(validation) > self.alpha

    def __repr__(self):
        return f"GL({self.alpha})"


class PQ:
    """Generalization loss over training progress: stop when their quotient exceeds `alpha`.

    ```
    P(t) = 1000 * (mean training / min training - 1), over the last k epochs
    GL(t) / P(t) > alpha
    ```

    While training still makes fast progress the validation loss may well recover. Asked at the end
    of each strip of k epochs.

    Args:
        alpha: float > 0. Prechelt takes .5 to 3.
        k: int > 0, epochs in a strip. Default 5.
    """

    def __init__(self, alpha, k=5):
        self.alpha = positive("alpha", alpha)
        self.k = positive_integer("k", k)

    def __call__(self, training, validation):
        """Whether to stop, from the losses of all epochs so far."""
        if len(training) % self.k:
            return False
        last = training[-self.k :]
        progress = 1000 * (sum(last) / len(last) / min(last) - 1)
        # By product, for a progress of 0 means: stop at any loss.
        return generalization_loss(validation) > self.alpha * progress

    def __repr__(self):
        return f"PQ({self.alpha}, {self.k})"


class UP:
    """Stop when the validation loss went up in `s` strips in a row, by however little.

    ```
    validation(t) > validation(t - k), at the ends of s strips of k epochs in a row
    ```

    Args:
        s: int > 0, strips.
        k: int > 0, epochs in a strip. Default 5.
    """

    def __init__(self, s, k=5):
        self.s = positive_integer("s", s)
        self.k = positive_integer("k", k)

    def __call__(self, training, validation):
        """Whether to stop, from the losses of all epochs so far."""
        ends = validation[self.k - 1 :: self.k][-self.s - 1 :]
        if len(validation) % self.k or len(ends) <= self.s:
            return False
        return all(later > earlier for earlier, later in itertools.pairwise(ends))

    def __repr__(self):
        return f"UP({self.s}, {self.k})"


class PrecheltStopping(keras.callbacks.Callback):
    """Stop training by one of Prechelt's criteria, with the best weights put back.

    ```python
    stopping = PrecheltStopping(PQ(0.5))
    model.fit(x, y, validation_data=validation, epochs=1000, callbacks=[stopping])
    print(stopping.stopped_epoch, stopping.best_epoch)
    ```

    Slower criteria generalize a little better and take much longer, in the paper 4 % and four
    times. GL is the plain choice; UP needs no tuning to the height of the loss; PQ takes the
    training loss into account.

    Args:
        criterion: `GL(alpha)`, `PQ(alpha, k)`, `UP(s, k)` or any callable that takes the training
            and the validation losses of all epochs and says whether to stop.
        monitor: the validation loss's name in `logs`, lower is better. Default "val_loss".
        training: the training loss's name. Default "loss".
        restore_best_weights: whether the weights of the epoch with the lowest validation loss are
            put back at the end, also of a run that was not stopped. Default True.

    Attributes:
        best_epoch, best: the epoch with the lowest validation loss, from 0, and that loss.
        stopped_epoch: the epoch after which training was stopped, or None.

    Raises:
        ValueError: if `criterion` is not callable, a loss is not in `logs`, or GL or PQ meet a loss
            that is not positive.

    Reference: Prechelt, "Early Stopping - But When?", in: Neural Networks: Tricks of the Trade,
    Springer 1998.
    """

    def __init__(self, criterion, monitor="val_loss", training="loss", restore_best_weights=True):
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

    def on_train_begin(self, logs=None):
        self._training, self._validation = [], []
        self.best, self.best_epoch, self.stopped_epoch = math.inf, None, None
        self._best_weights = None

    def on_epoch_end(self, epoch, logs=None):
        for name, losses in ((self.training, self._training), (self.monitor, self._validation)):
            if name not in (logs or {}):
                raise ValueError(
                    f"PrecheltStopping: {name!r} is not in the logs. Give `fit` validation data "
                    f"for every epoch, or set `monitor`. Received: logs of {sorted(logs or {})}"
                )
            losses.append(float(logs[name]))
        if self._validation[-1] < self.best:
            self.best, self.best_epoch = self._validation[-1], epoch
            if self.restore_best_weights:
                self._best_weights = self.model.get_weights()
        if self.criterion(self._training, self._validation):
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self._best_weights is not None:
            self.model.set_weights(self._best_weights)
            self._best_weights = None


def generalization_loss(validation):
    """By how many % the last validation loss lies above the lowest."""
    lowest = min(validation)
    if lowest <= 0:
        raise ValueError(
            "GL and PQ compare losses by their ratio and need positive ones; use UP(s). "
            f"Received: a validation loss of {lowest}"
        )
    return 100 * (validation[-1] / lowest - 1)
