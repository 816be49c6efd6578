"""LSUV's speed benchmark and figures: the reference algorithm is correct, and the commands run."""

import keras
import numpy as np
import pytest
from keras import ops

from benchmarks.costs import lsuv_speed
from benchmarks.initialization import fitnet_signals, lsuv_figure
from benchmarks.networks.fitnet import ACTIVATIONS, fitnet4


def small():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )


def test_the_reference_algorithm_gives_every_layer_unit_variance():
    model, x = small(), np.random.default_rng(0).normal(size=(40, 8, 8, 1)).astype("float32")
    passes = lsuv_speed.reference_algorithm(model, x)
    assert 2 <= passes <= 4  # measured, rescaled where needed, and measured again
    assert float(ops.convert_to_numpy(ops.var(model(x)))) == pytest.approx(1, abs=0.02)
    assert model.layers[0].activation is keras.activations.relu


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_fitnet_4_is_17_convolutions_and_two_dense_layers(activation):
    model = fitnet4((32, 32, 3), 10, activation=activation)
    kernels = [weight for weight in model.weights if len(weight.shape) > 1]
    assert [len(kernel.shape) for kernel in kernels] == [4] * 17 + [2] * 2
    pieces = 2 if activation == "maxout" else 1
    assert kernels[16].shape == (3, 3, 128, pieces * 128)
    assert model.output_shape == (None, 10)


def test_the_speed_command_times_all_arms(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(lsuv_speed.MODELS, "fitnet4", small)
    out = tmp_path / "page.md"
    arguments = ["--models", "fitnet4", "--examples", "8", "--rounds", "1", "--out", str(out)]
    assert lsuv_speed.main(arguments) == 0
    text = out.read_text()
    for arm in ("one forward pass", "lsuv_init", "reference algorithm"):
        assert f"fitnet4, 2 kernels | {arm}" in text
    assert text.strip() in capsys.readouterr().out


def test_the_figure_and_the_tables_are_written(monkeypatch, tmp_path, picture_size):
    monkeypatch.setattr(lsuv_figure, "DEPTH", 3)
    assert lsuv_figure.main(["--out", str(tmp_path / "figure.png")]) == 0
    assert picture_size(tmp_path / "figure.png") == (1100, 440)
    monkeypatch.setattr(fitnet_signals, "ACTIVATIONS", ("relu",))
    monkeypatch.setattr(fitnet_signals, "INITIALIZERS", {"LSUV": "LSUV"})
    out = tmp_path / "signals.md"
    assert fitnet_signals.main(["--dataset", "digits", "--examples", "8", "--out", str(out)]) == 0
    assert "| 17 " in out.read_text()
