"""TrainingReport: at every moment there is one complete page, which loads nothing."""

import html
import math
import re
import sys
import xml.etree.ElementTree as ET

import keras
import matplotlib.image
import pytest

from keras_ddl.callbacks import (
    ActivationStats,
    DeadReLUCounter,
    GradientStats,
    TrainingReport,
    TrainingWarning,
)
from keras_ddl.callbacks._charts import charts
from keras_ddl.callbacks._drawings import drawing


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
    for svg in drawings:
        ET.fromstring(svg)
    image = matplotlib.image.imread(path.with_suffix(".png"))
    assert image.shape[0] > 500
    assert image.std() > 0.05  # not blank


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


def test_a_monitor_without_messages_is_refused():
    with pytest.raises(ValueError, match=r"`monitors` must be callbacks that warn.*Received: <"):
        TrainingReport("run.html", monitors=[keras.callbacks.History()])


def written(report, model, epochs, first=0, logs=None):
    """Calls the callback as `fit` does, without training."""
    report.set_model(model)
    report.set_params({"epochs": epochs})
    report.on_train_begin()
    for epoch in range(first, epochs):
        report.on_epoch_begin(epoch)
        report.on_epoch_end(epoch, {"loss": 1.0, "accuracy": 0.5} if logs is None else logs)
    report.on_train_end()
    return report.path.read_text(encoding="utf-8")


def test_a_page_holds_as_many_shapes_for_thousands_of_epochs_as_for_hundreds(classifier, tmp_path):
    logs = {f"{quantity}/{i}": 1.0 + i for quantity in ("update_ratio", "x") for i in range(30)}
    sizes = []
    for epochs in (400, 4000):
        report = TrainingReport(tmp_path / "run.html", png=False)
        report.set_model(classifier())
        report.set_params({"epochs": epochs})
        report.on_train_begin()
        report.epochs = [{"loss": 1.0, **logs} for _ in range(epochs - 1)]
        report.on_epoch_end(epochs - 1, {"loss": 1.0, **logs})
        sizes.append(len(report.path.read_text(encoding="utf-8")))
    assert sizes[1] < 1.1 * sizes[0]


def test_a_page_holds_as_many_shapes_for_any_number_of_epochs(classifier, tmp_path):
    """A heat map is one picture: its cells are no shapes, which would be written every epoch."""
    logs = {f"{quantity}/{i}": 1.0 + i for quantity in ("update_ratio", "x") for i in range(30)}
    pages = [
        written(TrainingReport(tmp_path / "run.html", png=False), classifier(), epochs, logs=logs)
        for epochs in (2, 12)
    ]
    assert pages[0].count("<rect") == pages[1].count("<rect")
    assert pages[0].count("<image") == pages[1].count("<image") == 4  # two maps and their scales


def test_a_fit_that_begins_later_numbers_its_epochs_so(classifier, tmp_path):
    page = written(TrainingReport(tmp_path / "run.html", png=False), classifier(), 6, first=4)
    assert "epoch 5<" in page
    assert "epoch 1<" not in page
    assert "loss, epoch 6: 1" in page


def test_a_second_fit_begins_a_page_or_goes_on_with_it(classifier, tmp_path):
    monitor = DeadReLUCounter()
    report = TrainingReport(tmp_path / "run.html", monitors=[monitor], png=False)
    model = classifier()
    with pytest.warns(TrainingWarning):
        monitor.warn(1, "first run")
    report.set_model(model)
    monitor.messages.clear()
    written(report, model, 3)
    with pytest.warns(TrainingWarning):
        monitor.warn(1, "during the first")
    page = written(report, model, 5, first=3)
    assert "ended after 5 epochs" in page
    assert "during the first" in page
    assert "loss, epoch 1: 1" in page
    assert "loss, epoch 5: 1" in page
    page = written(report, model, 2)
    assert "ended after 2 epochs" in page
    assert "during the first" not in page
    assert "epoch 5" not in page


def test_names_with_special_characters_are_drawn(classifier, tmp_path):
    logs = {"loss": 1.0, "val_$x_{": 0.5, "_hidden": 0.1, "update_ratio/$a^": 1e-3}
    report = TrainingReport(tmp_path / "run.html", title="costs $5, not $6_")
    page = written(report, classifier(), 2, logs=logs)
    assert "$x_{" in page
    assert report.path.with_suffix(".png").exists()


@pytest.mark.parametrize("name", ["", "folder/", "run.png"])
def test_a_path_that_names_no_page_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match=r"`path` must name the HTML file.*Received: path="):
        TrainingReport(f"{tmp_path}/{name}")


def test_a_heat_map_is_not_washed_out_by_one_value():
    logs = [{f"update_ratio/{i}": 1e-3 * (i + 1) for i in range(40)} for _ in range(20)]
    logs[3]["update_ratio/0"] = 1e9
    (chart,) = charts(logs)
    assert chart.limits[1] < 1
    places = chart.places([1e-3, 40e-3, 1e9, math.nan])
    assert places[0] == pytest.approx(0, abs=0.05)
    assert places[1] == places[2] == 1
    assert math.isnan(places[3])


def test_signed_quantities_have_0_in_the_middle():
    (chart,) = charts([{"activation_mean/a": -1.0, "activation_mean/b": 3.0}])
    assert chart.places([0.0, 3.0, -3.0]).tolist() == [0.5, 1.0, 0.0]


def test_percentiles_are_bands_of_the_last_epoch():
    logs = [{f"activation_p{q}/a": q * epoch for q in (15, 50, 85)} for epoch in (1, 2)]
    (chart,) = charts(logs)
    assert (chart.kind, chart.series) == ("bands", {"a": [30, 100, 170]})


LOGS = [
    {"loss": 1.0 / (e + 1), "accuracy": 0.5, "update_ratio/a": 1.0, "x/b": 2.0} for e in range(9)
]


def test_a_warning_is_marked_at_its_epoch_and_layer_and_comes_first():
    plain = charts(LOGS)
    marked = charts(LOGS, marks=[("b", 4, ("x",)), ("a", 2, ("x",))])
    assert [chart.title for chart in plain[:2]] == ["Loss", "Accuracy"]
    assert [chart.title for chart in marked[:2]] == ["Loss", "X by layer"]
    assert marked[1].marks == (("b", 4),)
    signs = [label for label in drawing(marked[1])["labels"] if label.text == "⚠"]
    assert len(signs) == 1
    names = [label for label in drawing(marked[1])["labels"] if label.text == 4]
    assert not names or float(names[0].x) == pytest.approx(float(signs[0].x))
    assert [label.text for label in drawing(marked[0])["labels"]].count("⚠") == 2
    everywhere = charts(LOGS, marks=[("a", 4, ())])
    assert [chart.title for chart in everywhere[:2]] == ["Loss", "Update / weight ratio by layer"]
    assert [label.text for label in drawing(plain[0])["labels"]].count("⚠") == 0


def test_other_runs_are_drawn_beside_this_one(classifier, tmp_path):
    first = TrainingReport(tmp_path / "first.html", png=False)
    written(first, classifier(), 3)
    second = TrainingReport(tmp_path / "second.html", others={"first": first, "old": LOGS})
    page = written(second, classifier(), 5, logs={"loss": 3.0})
    assert "loss, first" in page
    (loss,) = [chart for chart in second._charts() if chart.title == "Loss"]
    assert loss.series["loss, first"][:3] == [1.0, 1.0, 1.0]
    assert all(map(math.isnan, loss.series["loss, first"][3:]))
    assert loss.series["loss, old"] == [entries["loss"] for entries in LOGS[:5]]


def test_a_notebook_shows_the_page(classifier, tmp_path):
    report = TrainingReport(tmp_path / "run.html", png=False)
    page = written(report, classifier(), 2)
    assert html.unescape(report._repr_html_().split('"')[1]) == page
