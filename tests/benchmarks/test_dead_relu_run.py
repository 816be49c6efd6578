"""The run with a rising learning rate: its report, its figure and its table."""

import pytest

from benchmarks import dead_relu_run

pytestmark = pytest.mark.filterwarnings("ignore:epoch .*DeadReLUCounter")  # units are to die


def test_the_report_the_figure_and_the_table_are_made(tmp_path, capsys, picture_size):
    out = tmp_path / "run.html"
    assert dead_relu_run.main(["--dataset", "digits", "--epochs", "2", "--out", str(out)]) == 0
    page = out.read_text()
    assert "the learning rate climbs from 0.02 to 0.4" in page
    assert min(picture_size(out.with_suffix(".png"))) > 300
    printed = capsys.readouterr().out
    assert f"wrote {out}" in printed
    layers = [line for line in printed.splitlines() if "dense" in line]
    assert layers, "the table names no layer"


def test_the_learning_rate_climbs_to_its_end(monkeypatch, tmp_path):
    import keras

    seen = []
    fit = keras.Model.fit

    def spied(model, *arguments, **options):
        history = fit(model, *arguments, **options)
        seen.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
        return history

    monkeypatch.setattr(keras.Model, "fit", spied)
    dead_relu_run.main(["--dataset", "digits", "--epochs", "1", "--out", str(tmp_path / "r.html")])
    first, last = dead_relu_run.RATES
    assert first < seen[0] <= last
    assert seen[0] > 0.9 * last
