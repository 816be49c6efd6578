"""Picking and grouping records."""

from benchmarks.harness.views import View, converged, groups, values


def test_converged_records_come_by_repetition(make_record):
    records = [make_record(repetition=repetition) for repetition in (2, 0)]
    assert converged(records, rate=0.5) == {2: records[0], 0: records[1]}


def test_only_records_whose_parameters_all_agree_are_picked(make_record):
    records = [make_record(rate=rate, kind=kind) for rate in (0.1, 0.5) for kind in "ab"]
    assert [*converged(records, rate=0.5, kind="b").values()] == [records[3]]
    assert converged(records, rate=0.9) == {}
    assert converged(records, no_such_parameter=1) == {}


def test_what_did_not_converge_is_not_picked(make_record):
    statuses = ("diverged", "error", "ok", "superseded")
    records = [make_record(status=s, repetition=i) for i, s in enumerate(statuses)]
    assert [*converged(records)] == [2]


def test_values_are_a_metric_by_repetition(make_record):
    records = [make_record(test_error=1.0 + r, repetition=r) for r in range(3)]
    assert values(records, "test_error", rate=0.5) == {0: 1.0, 1: 2.0, 2: 3.0}
    assert values(records, "train_error") == {0: 0.5, 1: 1.0, 2: 1.5}


def test_a_metric_that_a_record_lacks_is_left_out(make_record):
    assert values([make_record()], "validation_error") == {}


def test_groups_are_sorted_and_keep_the_order_within(make_record):
    records = [
        make_record(rate=rate, kind=kind, repetition=repetition)
        for rate, kind, repetition in [(0.5, "b", 1), (0.1, "a", 0), (0.5, "b", 0), (0.1, "b", 0)]
    ]
    found = groups(records, ("rate", "kind"))
    assert [*found] == [(0.1, "a"), (0.1, "b"), (0.5, "b")]
    assert found[0.5, "b"] == [records[0], records[2]]


def test_numbers_are_sorted_by_size(make_record):
    records = [make_record(rate=rate) for rate in (10, 9, 0.5)]
    assert [*groups(records, ("rate",))] == [(0.5,), (9,), (10,)]


def test_no_names_give_one_group_of_all(make_record):
    records = [make_record(rate=0.5), make_record(rate=0.1)]
    assert groups(records, ()) == {(): records}


def test_a_view_has_no_reference_by_default(make_trial):
    view = View("rate", "rate p", {"test_error": "test error %"})
    assert view.reference(make_trial().params) is None
