"""Normalization by batch size: arms, training, verdicts, and training without TensorFlow."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from benchmarks.harness import data, references
from benchmarks.harness.results.run_report import make
from benchmarks.harness.spec import Record
from benchmarks.harness.studies import main
from benchmarks.norm_batch_size import views
from benchmarks.norm_batch_size.__main__ import STUDIES
from benchmarks.norm_batch_size.batch import EXPERIMENT
from benchmarks.norm_batch_size.training import ERROR, last_errors

ROOT = Path(__file__).resolve().parents[3]
CIFAR10 = SimpleNamespace(name="cifar10", title="CIFAR-10", fingerprint="sha256:0")
PUBLISHED = references.load("group_normalization", "batch").values
WITHOUT_TENSORFLOW = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "tensorflow_datasets"):
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Blocked())
from benchmarks.norm_batch_size.__main__ import STUDIES
from benchmarks.harness.studies import main
code = main("norm_batch_size", STUDIES)
assert not {"tensorflow", "tensorflow_datasets"} & sys.modules.keys()
sys.exit(code)
"""


def trials(profile="quick", repetitions=1, **choices):
    options = {"seed": 0, "repetitions": repetitions, "choices": choices}
    return list(EXPERIMENT.expand(profile, CIFAR10, **options))


def records(error, repetitions=3, diverged=(), profile="quick", **choices):
    """One record per arm and repetition, with a little noise that the arms share."""
    made = []
    for trial in trials(profile, repetitions=repetitions, **choices):
        arm = trial.params["norm"], trial.params["batch_size"]
        found = {
            ERROR: error(*arm) + 0.1 * trial.repetition,
            "test_error": error(*arm),
            "train_error": 10.0 + 0.1 * trial.repetition,
        }
        made.append(
            Record(
                trial,
                "diverged" if arm in diverged else "ok",
                finished="2026-01-01T00:00:00+00:00",
                metrics={} if arm in diverged else found,
                curves={"validation_error": [90.0, error(*arm)]},
            )
        )
    return made


def verdict(claim_id, found):
    (claim,) = (claim for claim in EXPERIMENT.claims if claim.id == claim_id)
    return claim.judge(found).verdict


def test_all_arms_see_equally_many_images_at_a_rate_proportional_to_the_batch():
    for profile in EXPERIMENT.profiles:
        for trial in trials(profile):
            params = trial.params
            assert params["updates"] % params["points"] == 0
            assert params["learning_rate"] == 0.1 * params["batch_size"] / 32
            equal = params.get("equal") == "updates"
            seen = params["updates"] * (32 if equal else params["batch_size"])
            assert seen == pytest.approx(params["epochs"] * params["train_size"], rel=0.01)


def test_arms_at_equal_updates_are_not_judged_with_the_others():
    def published(norm, size):
        return PUBLISHED.get(norm, PUBLISHED["GN"])[size]

    found = records(published)
    spoiled = [
        replace(record, metrics={**record.metrics, ERROR: 0.0})
        if record.trial.params.get("equal")
        else record
        for record in found
    ]
    assert spoiled != found
    assert EXPERIMENT.claims[0].judge(spoiled) == EXPERIMENT.claims[0].judge(found)
    assert len(make(EXPERIMENT, found).sections) == 2


def test_networks_that_learned_too_little_are_not_compared():
    untrained = [
        replace(record, metrics={**record.metrics, "train_error": 60.0 + record.trial.repetition})
        for record in records(lambda norm, size: PUBLISHED.get(norm, PUBLISHED["GN"])[size])
    ]
    for claim in EXPERIMENT.claims:
        assert claim.judge(untrained).label == "inconclusive: undertrained"


def test_every_device_takes_a_batch():
    alone = trials(devices="1", synchronized="yes")
    assert alone == trials()  # what is stored for one device stays current
    for one, several in zip(alone, trials(devices="4", synchronized="yes"), strict=True):
        assert several.params["batch_size"] == one.params["batch_size"]
        assert several.params["learning_rate"] == one.params["learning_rate"]
        assert several.params["updates"] == pytest.approx(one.params["updates"] / 4, rel=0.05)
        assert several.params["synchronized"]
        assert EXPERIMENT.is_current(several)


def test_set_ups_are_not_mixed():
    """A verdict uses the records of one device only, and every set-up has a separate table."""

    def published(norm, size):
        return PUBLISHED.get(norm, PUBLISHED["GN"])[size]

    flat = records(lambda _, size: 20 + 0.01 * size, devices="2", synchronized="no")
    judged = EXPERIMENT.claims[0].judge(flat)
    assert judged.verdict == "not reproduced"
    assert all(finding.what.startswith("2 devices, ") for finding in judged.findings)
    assert verdict("bn-small-batch", records(published) + flat) == "reproduced"
    sections = make(EXPERIMENT, records(published) + flat).sections
    assert len({section.stem for section in sections}) == 4  # and arms at equal updates
    assert ["devices 2" in section.title for section in sections].count(True) == 2


def test_only_normalizations_without_batch_statistics_run_at_batch_1():
    at_1 = {t.params["norm"] for t in trials("paper") if t.params["batch_size"] == 1}
    assert at_1 == {"GN", "LN", "IN", "GN+WS", "FRN", "none"}


@pytest.mark.parametrize(
    ("decay", "rates"),
    [
        ("steps", {0: 0.1, 29: 0.1, 31: 0.01, 61: 0.001, 91: 0.0001}),
        ("cosine", {0: 0.1, 50: 0.05, 100: 0.0}),
    ],
)
def test_schedules(decay, rates):
    trial = trials()[0]
    trial.params.update(learning_rate_decay=decay, updates=100)
    optimizer = EXPERIMENT.work.optimizer(trial)
    optimizer.build([keras.Variable([0.0])])
    for step, rate in rates.items():
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(rate, rel=1e-5, abs=1e-9)


def last_errors_of(monkeypatch, model, scores):
    """What the callback enters at each of five epochs' ends, with these scores of the members."""
    monkeypatch.setattr(
        "benchmarks.harness.training.scoring.score_together",
        lambda predict, sets: [(0, error) for error in next(scores)],
    )
    trial = SimpleNamespace(params={"median_of": 3})
    count = 1 if model.member_logs is None else 2
    if count == 1:
        del model.member_logs
    (callback,) = last_errors([trial] * count, [SimpleNamespace(validation=None)] * count)
    callback.set_model(model)
    callback.set_params({"epochs": 5})
    callback.on_train_begin()
    logs = [{} for _ in range(5)]
    for epoch, log in enumerate(logs):
        callback.on_epoch_end(epoch, log)
    return logs


def test_the_error_is_the_median_of_the_last_epochs(monkeypatch):
    model = SimpleNamespace(predict_on_batch=None, member_logs=None)
    logs = last_errors_of(monkeypatch, model, iter([[7.0], [1.0], [2.0]]))
    assert logs == [{}] * 4 + [{ERROR: 2.0}]


def test_the_error_of_each_member_is_its_median(monkeypatch):
    model = SimpleNamespace(predict_on_batch=None, member_logs={})
    scores = iter([[7.0, 1.0], [1.0, 5.0], [2.0, 9.0]])
    assert last_errors_of(monkeypatch, model, scores) == [{}] * 5
    np.testing.assert_array_equal(model.member_logs[ERROR], [2.0, 5.0])


def test_trials_of_one_batch_size_train_together_and_leave_the_records_of_those_alone():
    from benchmarks.harness.training.grouping import groups
    from benchmarks.harness.training.trainer import Trainer

    found = groups(EXPERIMENT, trials(repetitions=2), 8, 16)
    sizes = [{trial.params["batch_size"] for trial in group} for group in found]
    assert sizes == [{32}, {2}, {2}]  # at equal epochs, and at equal updates
    group = [trial for trial in trials("smoke") if trial.params["batch_size"] == 32]
    for trial in group:
        trial.params.update(train_size=64, widths=[4], pool=1)
    train = Trainer(EXPERIMENT, data.load("digits"))
    for together, trial in zip(train.together(group), group, strict=True):
        alone = train(trial)
        assert together.curves.keys() == alone.curves.keys() - {"seconds"}
        assert together.metrics[ERROR] == pytest.approx(alone.metrics[ERROR], abs=2.0)
        np.testing.assert_allclose(together.curves["loss"], alone.curves["loss"], rtol=5e-3)


def test_trials_on_several_devices_train_alone():
    from benchmarks.harness.training.grouping import groups

    found = groups(EXPERIMENT, trials(devices="2", synchronized="no"), 8, 16)
    assert {len(group) for group in found} == {1}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (lambda norm, size: PUBLISHED.get(norm, PUBLISHED["GN"])[size], "reproduced"),
        (lambda norm, size: 20 + 0.01 * size, "not reproduced"),  # BN stays
        (lambda norm, size: PUBLISHED["BN"][size], "not reproduced"),  # GN rises as BN does
        (lambda norm, size: 60 - 20 * (norm == "BN") + size, "not reproduced"),  # both fall
    ],
)
def test_the_small_batch_verdict_follows_the_shape(error, expected):
    assert verdict("bn-small-batch", records(error)) == expected


def test_an_arm_that_diverged_counts_as_guessing():
    def flat(norm, size):
        return 20.0

    assert verdict("bn-small-batch", records(flat, diverged=[("BN", 2)])) == "reproduced"
    assert verdict("bn-small-batch", records(flat, diverged=[("GN", 2)])) == "not reproduced"


@pytest.mark.parametrize("missing", ["BN", "GN"])
def test_without_an_arm_nothing_is_judged(missing):
    found = records(lambda norm, size: PUBLISHED.get(norm, PUBLISHED["GN"])[size])
    found = [record for record in found if record.trial.params["norm"] != missing]
    assert verdict("bn-small-batch", found) == "not run"


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({"BN": 23.6, "GN": 24.1, "LN": 25.3, "IN": 28.4}, "reproduced"),
        ({"BN": 24.6, "GN": 24.1, "LN": 25.3, "IN": 28.4}, "not reproduced"),
    ],
)
def test_the_order_verdict_follows_the_levels(levels, expected):
    assert verdict("norm-order", records(lambda norm, size: levels.get(norm, 30.0))) == expected


def test_the_figure_has_a_line_for_each_norm_and_the_papers(tmp_path):
    from matplotlib.figure import Figure

    found = records(lambda norm, size: 50.0, profile="smoke", diverged=[("none", 32)])
    section, _ = make(EXPERIMENT, found).sections
    figure = Figure()
    views.draw(section, figure)
    errors, *ends, paper = figure.axes
    assert set(errors.get_legend_handles_labels()[1]) == {"BN", "GN", "LN", "IN", "none"}
    assert paper.get_legend_handles_labels()[1] == ["paper, BN", "paper, GN"]
    assert np.ptp(errors.get_ylim()) == pytest.approx(np.ptp(paper.get_ylim()))
    assert [axes.get_title() for axes in ends] == ["batch size 32", "batch size 2"]
    text = make(EXPERIMENT, found).text()
    assert "n/c" in text
    assert "34.70" in text


def test_a_trial_trains_and_leaves_its_error():
    from benchmarks.harness.training.trainer import Trainer

    train = Trainer(EXPERIMENT, data.load("digits"))
    for trial in trials("smoke")[:2]:  # without and with many steps in a call
        trial.params.update(train_size=64, widths=[4], pool=1)
        record = train(trial)
        assert record.status == "ok", record
        assert record.metrics[ERROR] == np.median(record.curves[ERROR])
        assert len(record.curves["updates"]) == trial.params["epochs"]
        assert record.curves["updates"][-1] == trial.params["updates"]


def test_help_names_the_studies_and_they_run_by_name(capsys, tmp_path):
    with pytest.raises(SystemExit, match="0"):
        main("norm_batch_size", STUDIES, ["--help"])
    assert "--study {batch,groups,mlp" in capsys.readouterr().out
    options = ["--dataset", "digits", "--profile", "smoke", "--dry-run", "--out", str(tmp_path)]
    assert main("norm_batch_size", STUDIES, [*options, "--study", "mlp"]) == 0
    assert "LN" in capsys.readouterr().out


@pytest.mark.slow
def test_with_jax_nothing_of_tensorflow_is_needed(tmp_path):
    pytest.importorskip("jax")
    options = ["--profile", "smoke", "--dataset", "digits", "--out", str(tmp_path)]
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, *options],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "bn-small-batch" in ran.stdout
