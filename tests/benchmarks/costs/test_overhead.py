"""The cost of the harness: all arms train, and ratios are taken within a round."""

import pytest

from benchmarks.costs import overhead


def cells(text, arm):
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    (row,) = [row for row in rows if row[0] == arm]
    return row


def test_ratios_are_medians_of_each_rounds_ratio():
    times = {"bare fit": [1.0, 2.0, 4.0], "trial without curves": [1.5, 2.2, 8.0]}
    text = overhead.page("smoke profile on digits", times)
    assert cells(text, "bare fit")[1:3] == ["2.000", "1.000"]
    assert cells(text, "trial without curves")[1:] == ["2.200", "1.500", "1.5 2.2 8.0"]
    assert "smoke profile on digits" in text


@pytest.mark.slow
def test_every_arm_trains_and_the_page_is_written(tmp_path, capsys):
    out = tmp_path / "overhead.md"
    flags = ["--profile", "smoke", "--dataset", "digits", "--rounds", "1", "--out", str(out)]
    assert overhead.main(flags) == 0
    text = out.read_text()
    for arm in ("bare fit", "trial without curves", "trial with both curves"):
        assert len(cells(text, arm)[-1].split()) == 1
    assert text in capsys.readouterr().out
