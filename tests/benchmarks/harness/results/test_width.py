"""Text folds to a width."""

from benchmarks.harness.results.width import column_groups, folded, width


def test_the_width_is_the_terminals_or_100(monkeypatch):
    monkeypatch.setenv("COLUMNS", "73")
    assert width() == 73
    monkeypatch.setenv("COLUMNS", "5")
    assert width() == 40
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr("os.get_terminal_size", lambda *_: (_ for _ in ()).throw(OSError))
    assert width() == 100


def test_a_paragraph_is_folded_between_words():
    assert folded("one two three", 8) == "one two\nthree"
    assert folded("one two three", None) == "one two three"


def test_columns_that_do_not_fit_come_below_after_the_first():
    headers, rows = ["key", "a" * 10, "b" * 10, "c" * 10], [["k", 1, 2, 3]]
    assert column_groups(headers, rows, 80) == [[0, 1, 2, 3]]
    assert column_groups(headers, rows, 30) == [[0, 1, 2], [0, 3]]
    assert column_groups(headers, rows, 5) == [[0, 1], [0, 2], [0, 3]]
