"""Builds and compiles the model of a group: one Keras model, or a population."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from benchmarks.harness.experiment import Training, as_json
from benchmarks.harness.spec import Trial
from benchmarks.harness.training import backend
from benchmarks.harness.training.group import Group
from benchmarks.harness.training.scanned import scan_updates
from benchmarks.harness.training.scoring import Predict
from keras_ddl import Population


def build(make: Any, trial: Trial, input_shape: Sequence[int], classes: int) -> keras.Model:
    """Build a trial's model. Layers without an explicit seed get reproducible seeds, too."""
    keras.utils.set_random_seed(trial.derive("unseeded"))
    return make(trial, input_shape, classes)


def compiled(training: Training, group: Group, classes: int) -> tuple[keras.Model, Predict]:
    """Return the model that `fit` trains, and the function with which `score_together` predicts."""
    optimizer, rates = _optimizer(training, group.trials)
    one_device = group.params.get("devices", 1) == 1
    scans = backend.scans_updates() and one_device and group.alone
    settings = {"optimizer": optimizer, **_settings(training, group, one_device, scans)}
    shape = group.pool.x.shape[1:]
    if group.alone:
        model = build(training.build, group.trials[0], shape, classes)
        model.compile(**settings)
        if scans:
            scan_updates(model)
        return model, lambda x: np.asarray(model.predict_on_batch(x))[:, None]
    population = Population(
        lambda trial: build(training.build, trial, shape, classes),
        [{"trial": trial} for trial in group.trials],
        data=(group.pool.x, group.pool.y),
    )
    settings.pop("steps_per_execution", None)  # the population chooses it
    population.compile(**settings, learning_rate=rates)
    return population, population.predict_on_batch


def _settings(training: Training, group: Group, one_device: bool, scans: bool) -> dict[str, Any]:
    """The arguments of `compile`, except the optimizer."""
    settings: dict[str, Any] = {
        "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "jit_compile": backend.jit_compile(),
    }
    if backend.name() == "tensorflow" and one_device and training.small_steps(group.trials[0]):
        settings["jit_compile"] = True
        settings["steps_per_execution"] = _divisor(group.steps, 32)
    if scans:
        settings["steps_per_execution"] = _divisor(group.steps, 100)
    return settings


def _divisor(number: int, most: int) -> int:
    """The largest divisor that is at most `most`."""
    return max(n for n in range(1, most + 1) if number % n == 0)


def _optimizer(training: Training, trials: Sequence[Trial]) -> tuple[Any, list[Any] | None]:
    """Return the trials' optimizer, and a list of their learning rates if these differ."""
    optimizers = [training.optimizer(trial) for trial in trials]
    if len(trials) == 1:
        return optimizers[0], None
    configs = [{**optimizer.get_config(), "name": None} for optimizer in optimizers]
    rates = [config.pop("learning_rate") for config in configs]
    if len({as_json(config) for config in configs}) > 1:
        raise ValueError(
            "Trials of one structure must have equal optimizers, except for the learning rate. "
            f"Received: {configs}"
        )
    if all(rate == rates[0] for rate in rates):
        return optimizers[0], None
    return optimizers[0], [
        keras.saving.deserialize_keras_object(rate) if isinstance(rate, dict) else rate
        for rate in rates
    ]
