"""TrainingReport: one whole page, nothing from the network, at every moment of the run."""

import math
import re
import sys
import xml.etree.ElementTree as ET

import keras
import pytest

from keras_ddl.callbacks import (
    ActivationStats,
    DeadReLUCounter,
    GradientStats,
    TrainingReport,
    TrainingWarning,
)
from keras_ddl.callbacks._charts import charts


def test_the_page_shows_all_and_loads_nothing(classifier, blobs, tmp_path):
    x, y = blobs
    dead = DeadReLUCounter(warn_above=-1.0)
    path = tmp_path / "new" / "run.html"
    report = TrainingReport(path, monitors=[dead], title="A <b>run")
    callbacks = [dead, GradientStats(), ActivationStats(x[:8]), report]
    with pytest.warns(TrainingWarning, match="dead"):
        classifier(metrics=["accuracy"]).fit(
            x, y, epochs=3, validation_data=(x, y), verbose=0, callbacks=callbacks
        )
    page = path.read_text(encoding="utf-8")
    assert not re.search(r"https?:|<script|<link|@import|url\(", page)
    assert "A &lt;b&gt;run" in page
    assert "prefers-color-scheme: dark" in page
    assert "ended after 3 epochs" in page
    assert "epoch 1: DeadReLUCounter: 0 dead" in page
    for title in ("Loss", "Accuracy", "Learning rate", "Dead ReLU units, share by layer"):
        assert f"<h2>{title}" in page
    assert "val_accuracy" in page
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) == len(charts(report.epochs))
    for drawing in drawings:
        ET.fromstring(drawing)
    assert path.with_suffix(".png").stat().st_size > 20_000


def test_a_killed_run_has_the_page_of_its_last_epoch(classifier, blobs, tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    path = tmp_path / "run.html"
    with pytest.raises(KeyboardInterrupt):
        classifier().fit(
            *blobs, epochs=5, verbose=0, callbacks=[TrainingReport(path, png=False), Kill()]
        )
    assert "running: epoch 2 of 5" in path.read_text()
    assert [file.name for file in tmp_path.iterdir()] == ["run.html"]


def test_a_run_whose_loss_is_lost_is_still_drawn(classifier, blobs, tmp_path):
    report = TrainingReport(tmp_path / "run.html")
    report.set_model(classifier())
    report.set_params({"epochs": 3})
    report.on_train_begin()
    for epoch, loss in enumerate((1.0, math.inf, math.nan)):
        report.on_epoch_end(epoch, {"loss": loss, "update_ratio/a": math.nan, "val_loss": -1.0})
    report.on_train_end()
    page = (tmp_path / "run.html").read_text()
    assert "loss lost" in page
    assert not re.search(r'="[^"]*\b(nan|inf)\b', re.sub("<title>.*?</title>", "", page))


def test_a_page_of_many_epochs_stays_small(classifier, tmp_path):
    report = TrainingReport(tmp_path / "run.html", png=False)
    report.set_model(classifier())
    report.set_params({"epochs": 3000})
    report.on_train_begin()
    report.epochs = [{f"update_ratio/{i}": 1e-3 * epoch for i in range(5)} for epoch in range(2999)]
    report.on_epoch_end(2999, {f"update_ratio/{i}": 7.0 for i in range(5)})
    page = (tmp_path / "run.html").read_text()
    assert len(page) < 100_000
    assert "epoch 3000: 7<" in page


@pytest.mark.parametrize(("module", "png"), [("jinja2", False), ("matplotlib", True)])
def test_a_package_that_is_missing_is_named(module, png, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        ImportError, match=rf"TrainingReport.* needs {module}.*pip install {module}"
    ):
        TrainingReport("run.html", png=png)


def test_what_has_no_messages_is_refused():
    with pytest.raises(ValueError, match=r"`monitors` must be callbacks that warn.*Received: <"):
        TrainingReport("run.html", monitors=[keras.callbacks.History()])
