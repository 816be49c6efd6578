"""The ledger: a line for each claim and run."""

from dataclasses import replace

import pytest

from benchmarks.catalogue import experiments
from benchmarks.harness.results import ledger, run_report
from benchmarks.harness.results.ledger import claims, counts, markdown


@pytest.fixture
def reports(demo, make_record):
    """Two runs of the demo experiment, whose claim is one of the list."""
    (claim,) = demo.claims
    listed = replace(demo, claims=(replace(claim, id="xor"),))

    def make(*errors, **trial):
        found = [make_record(error, repetition=r, **trial) for r, error in enumerate(errors)]
        return run_report.make(listed, found)

    return {
        ("demo", "MNIST", "quick", 0): make(1.0, 1.1, 1.2),
        ("demo", "Digits", "quick", 0): make(1.0, dataset="Digits"),
    }


def test_the_list_names_the_experiments_that_measure():
    judged = {(claim.id, one.name) for one in experiments() for claim in one.claims}
    listed = {(entry.id, by) for entry in claims() for by in entry.by}
    for name in ("mnist_dropout", "mnist_dataset_size", "dead_relu", "vanishing_gradient"):
        of = {pair for pair in judged if pair[1] == name}
        assert of
        assert of == {pair for pair in listed if pair[1] == name}


def test_without_runs_every_claim_is_not_run():
    entries = ledger.ledger({})
    assert entries == claims()
    assert counts(entries)["not run"] == len(entries) > 30


def test_a_claim_has_a_line_for_each_run_and_claims_without_runs_follow(reports):
    entries = ledger.ledger(reports)
    first, second, *others = entries
    assert (first.id, first.verdict, first.run[1]) == ("xor", "reproduced", "MNIST")
    assert (second.id, second.verdict, second.run[1]) == ("xor", "inconclusive", "Digits")
    assert (first.seeds, second.seeds, others[0].seeds) == ("3", "1", "0")
    assert [entry.id for entry in others] == [e.id for e in claims() if e.id != "xor"]
    assert counts(entries)["reproduced"] == counts(entries)["inconclusive"] == 1


def test_a_claim_that_is_not_in_the_list_has_its_line_too(demo, make_record):
    made = run_report.make(demo, [make_record()])
    assert ledger.ledger({("demo", "MNIST", "quick", 0): made})[0].id == "low-error"


def test_a_line_tells_claim_verdict_interval_seeds_and_run(reports):
    lines = markdown(ledger.ledger(reports), {"demo": "demo/README.md"}).splitlines()
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    assert cells == [
        "xor",
        "the error at rate .5 is at most 2 %",
        "reproduced (at this recipe)",
        "error at rate .5: 1.10 ± 0.25 % (claimed: 0 to 2 (ours); 3 seeds; reproduced)",
        "3",
        "",
        "MNIST",
        "quick",
        "[demo](demo/README.md)",
    ]
    powers = {run: replace(one, powers={"xor": 87.4}) for run, one in reports.items()}
    assert "| 87 %" in markdown(ledger.ledger(powers), {}).splitlines()[2]
    (open_,) = [line for line in lines if line.startswith("| bn-cost ")]
    assert "to measure: step time" in open_
    assert "| not run" in open_
