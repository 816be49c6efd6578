"""Builds and compiles the model of a group.

For one trial it is a Keras model. For several it is a `keras_ddl.Population`, which holds one Keras
model for each trial and trains them together.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from benchmarks.harness.experiment import Training, as_json
from benchmarks.harness.spec import Trial
from benchmarks.harness.training import backend
from benchmarks.harness.training.group import Group
from benchmarks.harness.training.scanned import scan_updates
from benchmarks.harness.training.scoring import Predict, predictor
from keras_ddl import Population

# The most updates in one compiled call. Longer calls were no faster.
UPDATES_PER_CALL_XLA = 32
UPDATES_PER_CALL_SCAN = 100


def build(
    make: Callable[..., keras.Model], trial: Trial, input_shape: Sequence[int], classes: int
) -> keras.Model:
    """Build a trial's model with `make(trial, input_shape, classes)`.

    Layers to which `make` gives no seed draw theirs from the global seed, so it is set here.
    """
    keras.utils.set_random_seed(trial.derive("unseeded"))
    return make(trial, input_shape, classes)


def compiled(training: Training, group: Group, classes: int) -> tuple[keras.Model, Predict]:
    """Return the model that `fit` trains, and the function with which `score_together` predicts."""
    optimizer, rates = _optimizer(training, group.trials)
    one_device = group.params.get("devices", 1) == 1
    # A population runs many updates in a call by itself. A distributed step cannot be scanned.
    scans = backend.scans_updates() and one_device and group.alone
    settings = {"optimizer": optimizer, **_settings(training, group, one_device, scans)}
    shape = group.pool.x.shape[1:]
    if group.alone:
        model = build(training.build, group.trials[0], shape, classes)
        model.compile(**settings)
        if scans:
            scan_updates(model)
        return model, predictor(model)
    population = Population(
        lambda trial: build(training.build, trial, shape, classes),
        [{"trial": trial} for trial in group.trials],  # the arguments of the function above
        data=(group.pool.x, group.pool.y),
    )
    settings.pop("steps_per_execution", None)  # the population chooses it
    population.compile(**settings, learning_rate=rates)
    return population, predictor(population)


def _settings(training: Training, group: Group, one_device: bool, scans: bool) -> dict[str, Any]:
    """The arguments of `compile`, except the optimizer.

    Several updates in one call save the time that starting a call costs, which matters where an
    update is short. A call must not cross a point of the learning curves, at which callbacks
    evaluate the model. So its number of updates divides those between two points.
    """
    settings: dict[str, Any] = {
        "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "jit_compile": backend.jit_compile(),
    }
    if backend.name() == "tensorflow" and one_device and training.small_steps(group.trials[0]):
        settings["jit_compile"] = True
        settings["steps_per_execution"] = _divisor(group.updates_per_point, UPDATES_PER_CALL_XLA)
    if scans:
        settings["steps_per_execution"] = _divisor(group.updates_per_point, UPDATES_PER_CALL_SCAN)
    return settings


def _divisor(number: int, most: int) -> int:
    """The largest divisor of `number` that is at most `most`."""
    return max(n for n in range(1, most + 1) if number % n == 0)


def _optimizer(training: Training, trials: Sequence[Trial]) -> tuple[Any, list[Any] | None]:
    """Return the trials' optimizer, and a list of their learning rates if these differ."""
    optimizers = [training.optimizer(trial) for trial in trials]
    if len(trials) == 1:
        return optimizers[0], None
    # Keras numbers the names of optimizers, so equal optimizers have different names.
    configs = [{**optimizer.get_config(), "name": None} for optimizer in optimizers]
    rates = [config.pop("learning_rate") for config in configs]
    if len({as_json(config) for config in configs}) > 1:
        raise ValueError(
            "Trials that train together must have equal optimizers, except for the learning rate. "
            f"Received: {configs}"
        )
    if all(rate == rates[0] for rate in rates):
        return optimizers[0], None
    # The config of a schedule is a dictionary.
    return optimizers[0], [
        keras.saving.deserialize_keras_object(rate) if isinstance(rate, dict) else rate
        for rate in rates
    ]
