"""The network of the batch-normalization studies."""

import keras
import numpy as np
import pytest
from keras import ops

from benchmarks.mnist_batchnorm import curve, gap, network, placement, rates

EXPERIMENTS = [curve.EXPERIMENT, rates.EXPERIMENT, gap.EXPERIMENT, placement.EXPERIMENT]


def built(trials, experiment, shape=(28, 28, 1), **where):
    trial = next(t for t in trials(experiment) if all(t.params[k] == v for k, v in where.items()))
    return network.build(trial, shape, 10)


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def test_quick_is_the_published_network(trials):
    model = built(trials, curve.EXPERIMENT, norm="none")
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [100, 100, 100, 10]
    assert (
        curve.EXPERIMENT.profiles["quick"].settings == curve.EXPERIMENT.profiles["paper"].settings
    )
    settings = curve.EXPERIMENT.profiles["paper"].settings
    assert (settings["batch_size"], settings["updates"]) == (60, 50_000)


def test_normalization_stands_before_or_after_the_activation(trials):
    before, after = (
        kinds(built(trials, placement.EXPERIMENT, norm=norm)) for norm in ("before", "after")
    )
    unit = ["Dense", "BatchNormalization", "Activation"]
    assert before == ["Flatten", "Activation", *3 * unit, "Dense"]
    assert after == ["Flatten", "Activation", *3 * [unit[0], unit[2], unit[1]], "Dense"]


def test_only_biases_before_normalization_are_left_out(trials):
    def biases(norm):
        model = built(trials, placement.EXPERIMENT, norm=norm)
        return [layer.use_bias for layer in model.layers if isinstance(layer, keras.layers.Dense)]

    assert biases("before") == [False, False, False, True]
    assert biases("after") == [True, True, True, True]


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda one: one.name)
def test_arms_start_from_the_same_kernels(trials, experiment):
    by_norm = {}
    first = trials(experiment)[0].params
    for trial in trials(experiment):
        same = all(trial.params.get(name) == first.get(name) for name in ("activation", "stddev"))
        if same:
            by_norm.setdefault(trial.params["norm"], trial)
    models = [network.build(trial, (8, 8, 1), 10) for trial in by_norm.values()]
    assert len(models) == 2
    kernels = [
        [ops.convert_to_numpy(w) for w in model.trainable_weights if len(w.shape) == 2]
        for model in models
    ]
    for one, other in zip(*kernels, strict=True):
        np.testing.assert_array_equal(one, other)


def test_images_are_made_binary():
    x = np.array([[0.0, 0.2, 0.5, 0.51, 1.0]], "float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(network.binary(ops.array(x))), x > 0.5)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda one: one.name)
def test_trials_of_one_structure_are_one_graph(trials, experiment):
    for profile in ("smoke", "quick"):
        groups = {}
        for trial in trials(experiment, profile):
            groups.setdefault(str(experiment.work.structure(trial.params)), []).append(trial)
        for members in groups.values():
            models = [network.build(trial, (8, 8, 1), 10) for trial in (members[0], members[-1])]
            assert kinds(models[0]) == kinds(models[1])
            shapes = [[w.shape for w in model.weights] for model in models]
            assert shapes[0] == shapes[1]
