"""`python -m benchmarks.report`: pages and figures from stored records."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import benchmarks
from benchmarks.harness.spec import Record
from benchmarks.harness.store import Store, now
from benchmarks.mnist_dropout import EXPERIMENT
from benchmarks.report import pages
from benchmarks.report.__main__ import main

ROOT = Path(benchmarks.__file__).resolve().parents[1]
MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")
BEGIN = "<!-- results: mnist_dropout, MNIST, smoke -->"
END = "<!-- end of results -->"
PAGE = f"# Title\n\nBefore.\n\n{BEGIN}\nold figures\n{END}\n\nAfter.\n"


def record(trial, status="ok"):
    keep = trial.params["keep"]
    return Record(
        trial,
        status,
        finished=now(),
        metrics={"test_error": 10 * keep + trial.repetition, "train_error": 1.0},
        curves={
            "updates": [10, 20],
            "seconds": [1, 2],
            "loss": [2.0, 1.0],
            "train_error": [9.0, 1.0],
            "validation_error": [9.0, 4.0],
        },
    )


def store_run(results, dataset=MNIST, seed=0, status="ok"):
    store = Store(results / "mnist_dropout")
    trials = EXPERIMENT.expand("smoke", dataset, seed=seed, repetitions=2, choices={"sweep": "n"})
    for trial in trials:
        store.append(record(trial, status))


@pytest.fixture
def results(tmp_path):
    """A results folder with one run."""
    folder = tmp_path / "docs" / "results"
    store_run(folder)
    return folder


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(PAGE, encoding="utf-8")
    return path


@pytest.fixture
def run(results, page):
    def run(*flags):
        return main(["--results", str(results), "--pages", str(page), *flags])

    return run


@pytest.fixture
def undrawn(monkeypatch):
    """Draws no figures, for tests of the text."""
    monkeypatch.setattr(
        "benchmarks.harness.results.run_report.Report.draw", lambda self, folder: []
    )


def test_a_run_writes_pages_and_figures_and_a_second_changes_nothing(run, results, page, capsys):
    assert run("--check") == 1
    assert run() == 0
    folder = results / "mnist_dropout"
    names = {path.name for path in folder.iterdir()} - {"records"}
    stem = "mnist_dropout-keep-n-mnist-smoke"
    assert names == {"README.md", f"{stem}.png", f"{stem}.svg"}
    wrote = capsys.readouterr().out
    assert str(page) in wrote
    assert str(folder / "README.md") in wrote

    texts = [path.read_bytes() for path in (page, folder / "README.md", folder / f"{stem}.svg")]
    assert run("--check") == 0
    assert run() == 0
    assert capsys.readouterr().out == ""
    assert texts == [
        path.read_bytes() for path in (page, folder / "README.md", folder / f"{stem}.svg")
    ]


def test_a_block_is_filled_and_the_page_around_it_kept(run, page, undrawn):
    run()
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# Title\n\nBefore.\n\n{BEGIN}\n")
    assert text.endswith(f"\n\n{END}\n\nAfter.\n")
    assert "old figures" not in text
    assert "| keep p" in text
    assert "10.50 ± 6.35" in text  # errors 10 and 11 at keep 1.0: t(1) * .707 / sqrt(2)
    assert "](docs/results/mnist_dropout/mnist_dropout-keep-n-mnist-smoke.png)" in text


def test_the_experiments_page_shows_its_figures_beside_it(run, results, undrawn):
    run()
    text = (results / "mnist_dropout" / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# mnist_dropout\n")
    assert "](mnist_dropout-keep-n-mnist-smoke.png)" in text
    assert "10.50 ± 6.35" in text


@pytest.mark.parametrize("where", ["docs/guide.md", "docs/results/index.md", "notes/a/page.md"])
def test_a_page_anywhere_finds_the_figures(results, tmp_path, undrawn, where):
    page = tmp_path / where
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(PAGE, encoding="utf-8")
    main(["--results", str(results), "--pages", str(page)])
    link = page.read_text(encoding="utf-8").partition("](")[2].partition(")")[0]
    target = results / "mnist_dropout" / "mnist_dropout-keep-n-mnist-smoke.png"
    assert (page.parent / link).resolve() == target.resolve()


def test_check_writes_nothing_and_names_what_is_not_current(run, results, page, capsys):
    assert run("--check") == 1
    err = capsys.readouterr().err
    assert f"not up to date: {page}; run python -m benchmarks.report" in err
    assert str(results / "mnist_dropout" / "README.md") in err
    assert page.read_text(encoding="utf-8") == PAGE
    assert [path.name for path in (results / "mnist_dropout").iterdir()] == ["records"]


def test_a_new_record_makes_pages_stale(run, results, undrawn):
    run()
    assert run("--check") == 0
    store_run(results, seed=1)  # shown on the experiment's page, not in the block
    assert run("--check") == 1


def test_a_number_edited_by_hand_is_found_and_corrected(run, page, undrawn):
    run()
    right = page.read_text(encoding="utf-8")
    page.write_text(right.replace("10.50 ± 6.35", "9.50 ± 0.01"), encoding="utf-8")
    assert run("--check") == 1
    run()
    assert page.read_text(encoding="utf-8") == right


def test_a_page_without_blocks_stays_as_it_is(run, page, undrawn):
    page.write_text("# Nothing here\n", encoding="utf-8")
    run()
    assert page.read_text(encoding="utf-8") == "# Nothing here\n"


def test_blocks_of_a_page_are_filled_each_with_its_run(results):
    digits = SimpleNamespace(name="digits", title="Digits (8x8)", fingerprint="sha256:1")
    store_run(results, digits)
    other = BEGIN.replace("MNIST", "Digits (8x8)")
    text = pages.fill(f"{BEGIN}\n{END}\nbetween\n{other}\n{END}\n", pages.read(results), "r")
    first, between, second = text.partition("between")
    assert between
    assert "on MNIST (" in first
    assert "Digits" not in first
    assert "on Digits (8x8) (" in second
    assert "on MNIST (" not in second


def test_a_block_of_an_unknown_run_names_the_runs_that_exist(results):
    page = PAGE.replace("smoke", "paper")
    with pytest.raises(ValueError, match=r"paper.*Runs with records: mnist_dropout, MNIST, smoke"):
        pages.fill(page, pages.read(results), "")


def test_without_records_a_block_says_that_there_are_none(tmp_path):
    with pytest.raises(ValueError, match="Runs with records: none"):
        pages.fill(PAGE, pages.read(tmp_path), "")


def test_runs_are_told_apart_by_base_seed(results):
    store_run(results, seed=1)
    assert {run[-1] for run in pages.read(results)} == {0, 1}


def test_failed_trials_alone_are_no_run(tmp_path):
    store_run(tmp_path, status="error")
    with pytest.raises(ValueError, match="No records of the run"):
        pages.fill(PAGE, pages.read(tmp_path), "")


def test_trials_of_an_older_version_are_not_counted_as_more_seeds(results):
    before = pages.read(results)["mnist_dropout", "MNIST", "smoke", 0].text()
    store = Store(results / "mnist_dropout")
    for old in store.latest().values():
        store.append(replace(old, trial=replace(old.trial, version=0)))
    assert pages.read(results)["mnist_dropout", "MNIST", "smoke", 0].text() == before


def test_a_block_without_its_end_does_not_swallow_the_next(results):
    page = f"{BEGIN}\n\nprose to keep\n\n{BEGIN}\n{END}\n"
    try:
        text = pages.fill(page, pages.read(results), "r")
    except ValueError:  # an error for such a page is also correct
        return
    assert "prose to keep" in text


def test_the_command_exits_as_it_says(results, page):
    command = [sys.executable, "-m", "benchmarks.report", "--results", str(results)]
    command += ["--pages", str(page), "--check"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "not up to date" in ran.stderr
    assert "Traceback" not in ran.stderr
