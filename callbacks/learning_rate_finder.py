"""The learning-rate range test."""

import math
from typing import Any

import keras
from keras import ops

from keras_ddl._checks import finite, positive, positive_integer
from keras_ddl._forward import Snapshot
from keras_ddl.callbacks._attachment import attach, clear, detach
from keras_ddl.callbacks._monitor import Monitor
from keras_ddl.callbacks._optional import pyplot_figure
from keras_ddl.callbacks.learning_rate_schedule import require_plain_rate
from keras_ddl.optimizers import ScheduledRate
from keras_ddl.optimizers.wrapper import host_integer


class LearningRateFinder(Monitor):
    """Tries a range of learning rates in one short run, and suggests one.

    The learning rate grows exponentially from `minimum` to `maximum`, step by step, while the loss
    is recorded. Training stops when the smoothed loss explodes or all steps are done. Then the
    weights, the optimizer and the random states of the layers are restored, so that the test does
    not change the model. After an interruption they are restored no later than at the start of the
    next `fit`.

    ```python
    finder = LearningRateFinder()
    model.fit(x, y, epochs=finder.steps, callbacks=[finder])  # the callback stops it
    model.optimizer.learning_rate = finder.suggestion
    finder.plot().savefig("rates.png")
    ```

    Args:
        minimum: float > 0, the first rate. Default 1e-6.
        maximum: float > `minimum`, the last rate. Default 10.
        steps: int > 1, the number of weight updates of the test. Set the epochs of `fit` high
            enough for them; the callback stops `fit` when they are done. With gradient accumulation
            an update takes several batches. Default 100.
        smoothing: float in [0, 1), the weight of earlier values in the moving average of the loss.
            Default .9.
        blow_up: float > 0. The test stops when the smoothed loss exceeds its lowest value by this
            factor. Default 4.

    Attributes:
        rates, losses: lists, the learning rate of each update and the smoothed loss of its batches.
            With `steps_per_execution` there is one entry per execution, with its last rate.
        suggestion: float, the learning rate at which the loss fell fastest as a function of the
            logarithm of the rate. NaN before the test.

    Raises:
        ValueError: if an argument is out of range, the model is not built, its optimizer's learning
            rate is a schedule, or its `train_step` reports no "loss".

    Reference: Smith, "Cyclical Learning Rates for Training Neural Networks", arXiv:1506.01186,
    section 3.3.
    """

    def __init__(self, minimum=1e-6, maximum=10.0, steps=100, smoothing=0.9, blow_up=4.0) -> None:
        super().__init__()
        self.minimum = positive("minimum", minimum)
        self.maximum = positive("maximum", maximum)
        if not maximum > minimum:
            raise ValueError(
                "LearningRateFinder: `maximum` must be above `minimum`. "
                f"Received: minimum={minimum!r}, maximum={maximum!r}"
            )
        if positive_integer("steps", steps) < 2:
            raise ValueError(
                f"LearningRateFinder: `steps` must be an integer above 1. Received: steps={steps!r}"
            )
        self.steps = int(steps)
        if not 0 <= finite("smoothing", smoothing) < 1:
            raise ValueError(
                "LearningRateFinder: `smoothing` must be in [0, 1). "
                f"Received: smoothing={smoothing!r}"
            )
        self.smoothing = smoothing
        self.blow_up = positive("blow_up", blow_up)
        self.suggestion = math.nan
        self.rates: list[float] = []
        self.losses: list[float] = []

    def rate(self, step) -> Any:
        """The learning rate at a step, in backend operations."""
        span = math.log(self.maximum / self.minimum)
        return self.minimum * ops.exp(span * ops.cast(step, "float32") / (self.steps - 1))

    def on_train_begin(self, logs=None) -> None:
        self.require_built()
        clear(self, self.model)  # after an interrupted test, this restores the model
        require_plain_rate(self, self.model)
        self.rates, self.losses, self.suggestion = [], [], math.nan
        self._average, self._done = 0.0, 0
        self._total, self._count = 0.0, 0.0
        plain = self.model.optimizer
        if not plain.built:
            plain.build(self.model.trainable_variables)
        self._before = Snapshot(self.model, plain)
        self._wrapper = attach(
            self, self.model, None, lambda optimizer: ScheduledRate(optimizer, self.rate)
        )

    def on_epoch_begin(self, epoch, logs=None) -> None:
        # Not in `on_train_begin`: another callback may load weights and iterations there.
        self._first = host_integer(self._wrapper.iterations) - self._done
        self._wrapper.begin_at(self._done)
        self._seen, self._seen_batches = (0.0, 0.0), 0

    def on_train_batch_end(self, batch, logs=None) -> None:
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # updates the iterations and the loss in the model
        total, count = self._fresh_loss(batch, logs or {})
        self._total, self._count = self._total + total, self._count + count
        if not math.isfinite(total):
            self.model.stop_training = True
        done = host_integer(self._wrapper.iterations) - self._first
        if done == self._done:
            return  # no update: gradients are accumulated, or overflowed in half precision
        loss, self._done = self._total / self._count, done
        self._total, self._count = 0.0, 0.0
        self._average = self.smoothing * self._average + (1 - self.smoothing) * loss
        smooth = self._average / (1 - self.smoothing ** (len(self.losses) + 1))
        self.rates.append(float(ops.convert_to_numpy(self.rate(done - 1))))
        self.losses.append(smooth)
        first, best = self.losses[0], min(self.losses)
        # The limit is a multiple of the best loss. If the best loss is near 0 or negative, the
        # limit depends on the first loss instead.
        limit = best + (self.blow_up - 1) * max(abs(best), 0.1 * abs(first))
        if smooth > limit or done >= self.steps:
            self.model.stop_training = True

    def _fresh_loss(self, batch, logs):
        """The sum of the loss over the examples of the last execution, and their number.

        Keras logs the mean since the start of the epoch. The sums are in its `Mean` metric.
        """
        batches, self._seen_batches = batch + 1 - self._seen_batches, batch + 1
        for metric in self.model.metrics:
            if metric.name == "loss" and isinstance(metric, keras.metrics.Mean):
                # Under `tf.distribute` each replica has a part of the sums; the conversion to a
                # tensor adds them.
                sums = map(ops.convert_to_tensor, (metric.total, metric.count))
                total_now, count_now = (float(ops.convert_to_numpy(one)) for one in sums)
                now = total_now, count_now
                (total, count), self._seen = self._seen, now
                if now[1] > count:
                    return now[0] - total, now[1] - count
        if "loss" not in logs:
            raise ValueError(
                'LearningRateFinder: the model must report a "loss", as the default `train_step` '
                f"does. Received: logs of {sorted(logs)}"
            )
        return float(logs["loss"]) * batches, batches  # a custom `train_step` without `Mean`

    def detached(self) -> None:
        """Restore the model. This is called whenever the wrapper was removed, for any reason."""
        self._before.restore()

    def on_train_end(self, logs=None) -> None:
        detach(self, self.model)
        self.suggestion = self._steepest()
        if math.isnan(self.suggestion):
            self.warn(0, "the loss never fell; try a lower `minimum` or more `steps`.")
        elif self._done < self.steps and not self.model.stop_training:
            self.warn(
                0,
                f"`fit` ended after {self._done} of {self.steps} steps: the highest rates were not "
                f"tried. Use more epochs, such as epochs={self.steps}.",
            )

    def _steepest(self):
        """The rate in the middle of the steepest fall before the lowest loss."""
        losses = [loss for loss in self.losses if math.isfinite(loss)]
        if len(losses) < 3:
            return math.nan
        lowest = losses.index(min(losses))
        reach = max(len(losses) // 6, 1)  # a wide window, because single batches are noisy
        falls = {
            i: losses[i - reach] - losses[i + reach]
            for i in range(reach, len(losses) - reach)
            if i <= lowest
        }
        if not falls or max(falls.values()) <= 0:
            return math.nan
        return self.rates[max(falls, key=falls.__getitem__)]

    def plot(self) -> Any:
        """Smoothed loss over learning rate, as a matplotlib figure.

        Raises:
            ImportError: if matplotlib is not installed.
        """
        figure = pyplot_figure("LearningRateFinder.plot", figsize=(6, 4))
        axes = figure.subplots()
        axes.plot(self.rates, self.losses)
        if not math.isnan(self.suggestion):
            axes.axvline(
                self.suggestion, ls="--", color="grey", label=f"suggestion {self.suggestion:.2g}"
            )
            axes.legend()
        axes.set(xscale="log", xlabel="learning rate", ylabel="smoothed training loss")
        axes.grid(alpha=0.3)
        return figure
