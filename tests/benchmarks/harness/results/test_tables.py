"""Records as text."""

from dataclasses import replace

import pytest

from benchmarks.harness.results import run_report, tables


@pytest.fixture
def table(demo):
    """The result table of records of one kind: rows of cells, the headers first."""

    def make(records):
        (section,) = run_report.make(demo, records).sections
        lines = tables.result_table(section, "pipe").splitlines()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        return [rows[0], *rows[2:]]

    return make


def test_a_row_for_each_axis_value_with_mean_and_interval(make_record, table):
    records = [
        make_record(error, rate=rate, repetition=repetition, kind="b")
        for rate, errors in [(0.5, (1.0, 2.0, 3.0)), (0.1, (4.0, 4.0, 4.0))]
        for repetition, error in enumerate(errors)
    ]
    assert table(records) == [
        ["rate p", "test error %", "train error %", "seeds"],
        ["0.1", "4.00 ± 0.00", "2.00 ± 0.00", "3"],
        ["0.5", "2.00 ± 2.48", "1.00 ± 1.24", "3"],
    ]


def test_one_seed_has_no_interval(make_record, table):
    assert table([make_record(1.0, kind="b")])[1] == ["0.5", "1.00", "0.50", "1"]


def test_an_arm_whose_seeds_all_diverged_prints_nc(make_record, table):
    records = [make_record(status="diverged", repetition=r, kind="b") for r in range(2)]
    assert table(records)[1] == ["0.5", "n/c", "n/c", "2"]


def test_an_arm_of_which_some_seeds_diverged_says_how_many(make_record, table):
    records = [
        make_record(1.0, kind="b"),
        make_record(2.0, repetition=1, kind="b"),
        make_record(status="diverged", repetition=2, kind="b"),
    ]
    # The mean is over the seeds that converged, and the table says so.
    assert table(records)[1] == ["0.5", "1.50 ± 6.35 (n/c 1)", "0.75 ± 3.18 (n/c 1)", "3"]


def test_a_metric_that_an_arm_does_not_have_prints_a_dash(make_record, table):
    without = replace(make_record(kind="b", rate=0.1), metrics={"test_error": 1.0})
    with_both = make_record(kind="b", rate=0.5)
    assert table([without, with_both])[1] == ["0.1", "1.00", "-", "1"]


def test_a_metric_that_no_arm_has_gets_no_column(make_record, table):
    record = replace(make_record(kind="b"), metrics={"test_error": 1.0})
    assert table([record])[1] == ["0.5", "1.00", "1"]


def test_the_papers_column_stands_beside_when_there_is_a_reference(make_record, table):
    rows = table([make_record(rate=rate) for rate in (0.1, 0.3, 0.5)])
    assert rows[0][-1] == "paper: test error %"
    assert [row[-1] for row in rows[1:]] == ["3.19 ± 0.09", "-", "1.06 ± 0.14"]


def test_without_a_reference_there_is_no_such_column(make_record, table):
    assert not any("paper" in cell for cell in table([make_record(kind="b")])[0])


def test_published_values_without_spread_print_alone(demo, make_record):
    (section,) = run_report.make(demo, [make_record()]).sections
    bare = replace(section, reference=replace(section.reference, spreads={}))
    assert "1.06" in tables.result_table(bare)
    assert "1.06 ±" not in tables.result_table(bare)


def test_the_setting_of_the_paper_profile_is_named(demo, make_trial):
    assert tables.setting(make_trial(profile="paper"), demo) == "Settings of the paper profile."


def test_every_difference_from_the_paper_is_named_and_nothing_else(demo, make_trial):
    # max_norm is the same; points and curve_examples change only the learning curves.
    assert tables.setting(make_trial(), demo) == (
        "NOT the paper's set-up, compare shapes only: widths 64-64 (paper profile: 2048-2048); "
        "train size 500 (paper profile: 60000); input stddev none (paper profile: 0.001)."
    )


def test_another_data_set_is_a_difference(demo, make_trial):
    text = tables.setting(make_trial(profile="paper", dataset="MNIST (JPEG)"), demo)
    assert text == (
        "NOT the paper's set-up, compare shapes only: data MNIST (JPEG) (paper profile: MNIST)."
    )


def test_the_effect_of_the_differences_stands_after_them(demo, make_trial):
    quick = replace(demo.profiles["quick"], costs="Wide networks gain more.")
    told = replace(demo, profiles={**demo.profiles, "quick": quick})
    assert tables.setting(make_trial(), told) == (
        f"{tables.setting(make_trial(), demo)} What that costs: Wide networks gain more."
    )


def test_a_view_may_define_its_table(demo, make_record):
    view = replace(demo.views[0], table=lambda section: (["n"], [[len(section.records)]]))
    (section,) = run_report.make(replace(demo, views=(view,)), [make_record()]).sections
    assert tables.result_table(section, "pipe").splitlines()[-1] == "| 1   |"


@pytest.mark.parametrize("name", ["points", "curve_examples"])
def test_a_setting_of_the_learning_curves_is_no_difference(demo, make_trial, name):
    trial = make_trial(profile="paper", **{name: 1})
    assert tables.setting(trial, demo) == "Settings of the paper profile."


def test_a_setting_that_an_arm_does_without_is_no_difference(demo, make_trial):
    trial = make_trial(profile="paper")
    params = {name: value for name, value in trial.params.items() if name != "widths"}
    assert tables.setting(replace(trial, params=params), demo) == "Settings of the paper profile."


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        ((1.0, 1.1, 1.2), "reproduced"),
        ((5.0, 5.1, 5.2), "not reproduced"),
        ((1.0, 2.0, 3.0), "inconclusive"),
        ((1.0,), "inconclusive"),
    ],
)
@pytest.mark.parametrize("fmt", ["simple", "pipe"])
def test_verdicts_stand_beside_their_claims(demo, make_record, errors, verdict, fmt):
    made = run_report.make(demo, [make_record(e, repetition=r) for r, e in enumerate(errors)])
    lines = tables.verdict_table(demo.claims, made.verdicts, fmt).splitlines()
    assert lines[2].strip("| ").startswith("low-error")
    cells = [cell.strip() for cell in lines[2].strip("|").split("|" if fmt == "pipe" else "  ")]
    decided = verdict != "inconclusive"
    assert verdict + " (at this recipe)" * decided in cells


def test_a_claim_without_its_arms_was_not_run(demo, make_record):
    made = run_report.make(demo, [make_record(kind="b")])
    row = tables.verdict_table(demo.claims, made.verdicts, "pipe").splitlines()[2]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2:] == ["not run", "error at rate .5: not run"]


def test_findings_of_a_claim_stand_on_separate_lines(demo, make_record):
    verdict = run_report.make(demo, [make_record()]).verdicts["low-error"]
    two = {"low-error": replace(verdict, findings=verdict.findings * 2)}
    found = str(verdict.findings[0])
    assert f"{found}<br>{found}" in tables.verdict_table(demo.claims, two, "pipe")
    plain = tables.verdict_table(demo.claims, two).splitlines()
    assert sum("error at rate .5" in line for line in plain) == 2
