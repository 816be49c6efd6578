"""Trials of a study train together."""

import keras
import numpy as np
import pytest

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")


def build(trial):
    keras.utils.set_random_seed(trial.number)
    units = trial.suggest_int("units", 2, 8)
    hidden = keras.layers.Dense(units, "relu")
    return keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(1)])


def fit(population, callbacks):
    population.compile("sgd", "mse")
    population.fit(X, X[:, :1], validation_split=0.25, epochs=3, verbose=0, callbacks=callbacks)


def test_every_trial_gets_the_value_of_its_member():
    optuna = pytest.importorskip("optuna")
    from keras_ddl.population.optuna import optimize

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.ThresholdPruner(upper=1e9)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0), pruner=pruner)
    optimize(study, build, fit, trials=5, members=3)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 5
    assert all(len(trial.intermediate_values) == 3 for trial in study.trials)
    assert all(trial.value == trial.intermediate_values[2] for trial in study.trials)
    with pytest.raises(ValueError, match="`monitor` must be one of"):
        optimize(study, build, fit, trials=1, monitor="val_error")
    assert study.trials[-1].state.name == "FAIL"
