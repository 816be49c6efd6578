"""Records of a run become titles, tables, verdicts and figures."""

from dataclasses import replace

import pytest

from benchmarks.harness.results import run_report


def stems(report):
    return [section.stem for section in report.sections]


def test_a_section_for_each_value_that_a_view_is_split_by(demo, make_record):
    records = [make_record(kind=kind, repetition=r) for r in range(2) for kind in "ba"]
    report = run_report.make(demo, records)
    assert [section.title for section in report.sections] == [
        "demo on MNIST (kind a, quick profile)",
        "demo on MNIST (kind b, quick profile)",
    ]
    assert [[r.trial.params["kind"] for r in s.records] for s in report.sections] == [
        ["a", "a"],
        ["b", "b"],
    ]
    assert [section.reference is None for section in report.sections] == [False, True]


def test_the_data_sets_title_stands_in_title_text_and_file_name(demo, make_record):
    report = run_report.make(demo, [make_record(dataset="CIFAR-10 (JPEG)")])
    assert "demo on CIFAR-10 (JPEG)" in report.sections[0].title
    assert stems(report) == ["demo-rate-a-cifar-10-jpeg-quick"]
    assert "data CIFAR-10 (JPEG) (paper profile: MNIST)" in report.text()


def test_runs_have_separate_figures(demo, make_record):
    runs = [
        {},
        {"dataset": "Digits"},
        {"profile": "paper"},
        {"kind": "b"},
        {"seed": 1},
        {"seed": 2},
    ]
    names = [stem for run in runs for stem in stems(run_report.make(demo, [make_record(**run)]))]
    assert len(set(names)) == len(runs)


def test_views_have_separate_figures(demo, make_record):
    two = replace(demo, views=(*demo.views, replace(demo.views[0], axis="max_norm")))
    names = stems(run_report.make(two, [make_record()]))
    assert len(set(names)) == 2


def test_text_holds_setting_table_provenance_hardware_and_verdict(demo, make_record):
    text = run_report.make(demo, [make_record(1.23, repetition=r) for r in range(3)]).text()
    for part in (
        "demo on MNIST (kind a, quick profile)",
        "NOT the paper's set-up, compare shapes only: widths 64-64 (paper profile: 2048-2048)",
        "1.23 ± 0.00",
        "Paper: Someone (2014), Fig. 9. Batch size is not stated. Values: read off by eye.",
        "Run on Some CPU (2 cores), Keras 3.15.1 on tensorflow 2.21.0; 2026-01-01, commit unknown.",
        "low-error",
        "reproduced",
    ):
        assert part in text
    assert "![" not in text


def test_without_reference_no_paper_is_named(demo, make_record):
    assert "Someone" not in run_report.make(demo, [make_record(kind="b")]).text()


@pytest.mark.parametrize("folder", ["", "docs/results/demo/"])
def test_markdown_shows_the_figure_from_its_folder(demo, make_record, folder):
    report = run_report.make(demo, [make_record()])
    (section,) = report.sections
    line = f"![{section.title}]({folder}{section.stem}.png)"
    assert line in report.text("pipe", figures=folder).splitlines()


def test_every_hardware_is_named_once(demo, make_record):
    cpu = make_record()
    gpu = replace(cpu, environment={**cpu.environment, "device": "Some GPU"})
    text = run_report.make(demo, [gpu, cpu, cpu]).text()
    assert text.count("Some CPU (2 cores)") == text.count("Some GPU (2 cores)") == 1


def test_error_records_do_not_count(demo, make_record):
    good = make_record(1.0)
    bad = make_record(status="error", repetition=1)
    assert run_report.make(demo, [bad, good]).text() == run_report.make(demo, [good]).text()


def test_nothing_but_errors_gives_an_empty_report(demo, make_record, tmp_path):
    report = run_report.make(demo, [make_record(status="error")])
    assert (report.text(), report.verdicts, report.draw(tmp_path)) == ("", {}, [])


def test_every_section_has_its_figures(demo, make_record, tmp_path, picture_size):
    report = run_report.make(demo, [make_record(kind=kind) for kind in "ab"])
    paths = report.draw(tmp_path / "new" / "folder")
    assert [path.name for path in paths] == [
        f"demo-rate-{kind}-mnist-quick.{suffix}" for kind in "ab" for suffix in ("png", "svg")
    ]
    assert all(min(picture_size(path)) > 200 for path in paths)


def test_runs_are_never_mixed(demo, make_record):
    fields = {"dataset": ("MNIST", "Digits"), "profile": ("quick", "paper"), "seed": (0, 1)}
    records = [
        make_record(dataset=dataset, profile=profile, seed=seed, rate=rate)
        for rate in (0.1, 0.5)
        for dataset in fields["dataset"]
        for profile in fields["profile"]
        for seed in fields["seed"]
    ]
    runs = run_report.by_run(demo, records)
    assert len(runs) == 8
    assert [*runs] == sorted(runs)
    for run, of_run in runs.items():
        assert [record.trial.params["rate"] for record in of_run] == [0.1, 0.5]
        assert {(r.trial.dataset, r.trial.profile, r.trial.seed) for r in of_run} == {run}


def test_records_of_outdated_settings_are_left_out(demo, make_record):
    current, edited = make_record(), make_record(max_norm=4.0)
    older = replace(current, trial=replace(current.trial, version=0))
    failed = make_record(status="error", rate=0.1)
    runs = run_report.by_run(demo, [current, edited, older, failed])
    assert [*runs.values()] == [[current]]


def test_settings_of_one_data_set_are_current_too(demo, make_record):
    record = make_record(dataset="digits", train_size=300)
    assert [*run_report.by_run(demo, [record]).values()] == [[record]]


def test_data_with_one_title_and_different_content_are_not_mixed(demo, make_record):
    """Only the content that the newest record has counts."""
    old = make_record()
    changed = replace(old.trial, data="sha256:1", repetition=1)
    new = replace(old, trial=changed, finished="2026-02-01T00:00:00.000+00:00")
    for records in ([old, new], [new, old]):
        assert [*run_report.by_run(demo, records).values()] == [[new]]
