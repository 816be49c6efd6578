"""Early stopping by several criteria at once, of runs that are trained to the end.

The criteria only observe. A run without early stopping is therefore also the run with each of the
criteria, and the comparison is paired exactly: the same weights, images and order.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmarks.harness.data import Split
from benchmarks.harness.training.packing import packed, unpacked
from benchmarks.harness.training.scoring import add_to_logs, predictor, score_together
from benchmarks.regularizers.weights import members
from keras_ddl.callbacks import GL, PQ, UP

PATIENCE = 5  # epochs


def patience(training: Sequence[float], validation: Sequence[float]) -> bool:
    """Whether the lowest validation loss is at least `PATIENCE` epochs old."""
    return len(validation) - 1 - int(np.argmin(validation)) >= PATIENCE


def criteria() -> dict[str, Callable[..., bool]]:
    """By name, functions of the training and validation losses so far that say whether to stop.

    The names are those of `views.CRITERIA`.
    """
    return {
        "patience": patience,
        "GL": GL(5),
        "PQ": PQ(0.75, 5),
        "UP": UP(2, 5),
        "hindsight": lambda training, validation: False,
    }


class StoppedInHindsight(keras.callbacks.Callback):
    """Finds what each criterion would have restored, and scores it at the end of training.

    The validation loss on all validation images is measured after every epoch. A criterion restores
    the weights with the lowest validation loss up to the epoch where it stops. For each criterion
    there are the metrics `NAME_test_error`, `NAME_test_loss`, `NAME_validation_error`,
    `NAME_validation_loss` and `NAME_stopped_at` (updates). At the end the networks have their last
    weights again.

    Args:
        splits: the split of each network.
    """

    def __init__(self, splits: Sequence[Split]):
        super().__init__()
        self.splits = list(splits)
        self.criteria = criteria()

    def on_train_begin(self, logs=None):
        count = len(self.splits)
        self.training: list[list[float]] = [[] for _ in range(count)]
        self.validation: list[list[float]] = [[] for _ in range(count)]
        self.best = [self._copied(place) for place in range(count)]
        self.kept: list[dict[str, Any]] = [{} for _ in range(count)]
        self.stopped_at: list[dict[str, int]] = [{} for _ in range(count)]

    def on_epoch_end(self, epoch, logs=None):
        alone = len(self.splits) == 1
        losses = [logs["loss"]] if alone else self.model.member_logs["loss"]
        scores = self._scores("validation")
        for place, (loss, (validation, _)) in enumerate(zip(losses, scores, strict=True)):
            # A network that diverged has no losses that could be compared.
            self.training[place].append(float(np.nan_to_num(loss, nan=np.inf)))
            self.validation[place].append(float(np.nan_to_num(validation, nan=np.inf)))
            if int(np.argmin(self.validation[place])) == epoch:
                self.best[place] = self._copied(place)
            for name, stops in self.criteria.items():
                last = epoch + 1 == self.params["epochs"]
                if name in self.kept[place]:
                    continue
                if last or stops(self.training[place], self.validation[place]):
                    self.kept[place][name] = self.best[place]
                    self.stopped_at[place][name] = (epoch + 1) * self.params["steps"]
        if epoch + 1 == self.params["epochs"]:
            self._score(logs)

    def get_state(self):
        """The losses and weights so far, for a checkpoint."""
        words = {name: getattr(self, name) for name in ("training", "validation", "stopped_at")}
        state = {"json": packed(words)}
        for place, (best, kept) in enumerate(zip(self.best, self.kept, strict=True)):
            for name, arrays in {"best": best, **kept}.items():
                state |= {f"{name}/{place}/{i}": array for i, array in enumerate(arrays)}
        return state

    def set_state(self, state):
        """Restore what `get_state` returned."""
        for name, value in unpacked(state["json"]).items():
            setattr(self, name, value)
        counts = [len(arrays) for arrays in self.best]

        def arrays(name, place):
            return [state[f"{name}/{place}/{i}"] for i in range(counts[place])]

        self.best = [arrays("best", place) for place in range(len(counts))]
        self.kept = [
            {name: arrays(name, place) for name in stopped}
            for place, stopped in enumerate(self.stopped_at)
        ]

    def _score(self, logs):
        count = len(self.splits)
        final = [self._copied(place) for place in range(count)]
        for name in self.criteria:
            self._restore([kept[name] for kept in self.kept])
            for part in ("validation", "test"):
                scores = self._scores(part)
                add_to_logs(self.model, logs, f"{name}_{part}_loss", [loss for loss, _ in scores])
                add_to_logs(
                    self.model, logs, f"{name}_{part}_error", [error for _, error in scores]
                )
            stopped = [float(one[name]) for one in self.stopped_at]
            add_to_logs(self.model, logs, f"{name}_stopped_at", stopped)
        self._restore(final)

    def _scores(self, part):
        sets = [getattr(split, part) for split in self.splits]
        return score_together(predictor(self.model), sets)

    def _variables(self, place):
        return members(self.model, len(self.splits))[place].trainable_variables

    def _copied(self, place):
        return [np.array(ops.convert_to_numpy(v.value)) for v in self._variables(place)]

    def _restore(self, weights):
        for place, arrays in enumerate(weights):
            for variable, array in zip(self._variables(place), arrays, strict=True):
                variable.assign(array)
