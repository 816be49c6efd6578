"""Hyperparameter search with Optuna, whose trials train together as a population."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_ddl.population.model import Population


def optimize(
    study: Any,
    build: Callable[[Any], keras.Model],
    fit: Callable[[Population, list[keras.callbacks.Callback]], Any],
    *,
    trials: int,
    members: int = 10,
    monitor: str = "val_loss",
) -> None:
    """Run trials of a study, `members` at a time, each group as one `Population`.

    The value of each epoch is reported to its trial. If the study's pruner stops a trial, the trial
    is recorded as pruned; its member continues to train, and training ends once all are pruned. A
    trial fails if its last value is not finite.

    Args:
        study: an `optuna.Study` of one objective.
        build: `build(trial)` returns a built model. It calls `trial.suggest_float(...)` and the
            like.
        fit: `fit(population, callbacks)` compiles the population and calls its `fit` with these
            callbacks.
        trials: number of trials to run.
        members: number of trials that train together. Default 10.
        monitor: name of the loss or metric that the study optimizes. Default "val_loss".

    Raises:
        ImportError: if Optuna is not installed.
        ValueError: if the members have no result named `monitor`.

    Example:

    ```python
    import optuna
    from keras_ddl.population.optuna import optimize

    def fit(population, callbacks):
        population.compile("adam", "mse")
        population.fit(x, y, validation_split=0.2, epochs=5, callbacks=callbacks)

    optimize(optuna.create_study(), build, fit, trials=40)
    ```

    Reference: Akiba et al., "Optuna: a next-generation hyperparameter optimization framework",
    arXiv:1907.10902.
    """
    try:
        from optuna.trial import TrialState
    except ImportError as error:
        raise ImportError("Optuna is not installed: `pip install 'keras-ddl[optuna]'`") from error
    for start in range(0, trials, members):
        asked = [study.ask() for _ in range(min(members, trials - start))]
        reports = Reports(asked, monitor)
        try:
            fit(Population(build, [{"trial": trial} for trial in asked]), [reports])
        except BaseException:
            for trial in asked:
                study.tell(trial, state=TrialState.FAIL)
            raise
        for trial, value, pruned in zip(asked, reports.values, reports.pruned, strict=True):
            if pruned:
                study.tell(trial, state=TrialState.PRUNED)
            elif np.isfinite(value):
                study.tell(trial, float(value))
            else:
                study.tell(trial, state=TrialState.FAIL)


class Reports(keras.callbacks.Callback):
    """Reports every epoch's value of each member to its trial.

    Args:
        trials: one `optuna.Trial` for each member.
        monitor: name of the loss or metric.

    Attributes:
        values: array of K, the last value of each member; NaN before the first epoch.
        pruned: array of K booleans.
    """

    def __init__(self, trials: list[Any], monitor: str):
        super().__init__()
        self.trials, self.monitor = trials, monitor
        self.values = np.full(len(trials), np.nan)
        self.pruned = np.zeros(len(trials), bool)

    def on_epoch_end(self, epoch, logs=None):
        found = self.model.member_logs
        if self.monitor not in found:
            raise ValueError(
                f"`monitor` must be one of the members' results, {sorted(found)}. "
                f"Received: monitor={self.monitor!r}"
            )
        self.values = np.array(found[self.monitor], float)
        for place, trial in enumerate(self.trials):
            if not self.pruned[place] and np.isfinite(self.values[place]):
                trial.report(float(self.values[place]), epoch)
                self.pruned[place] = trial.should_prune()
        if self.pruned.all():
            self.model.stop_training = True
