"""Figures are valid files with the expected content. SVG files hold texts as text or comments."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from PIL import Image

from benchmarks.harness.results import run_report
from benchmarks.harness.results.plots import draw

SEEDS = (0, 1, 2)


@pytest.fixture
def drawn(demo, tmp_path):
    """Draws records of one kind and returns the SVG's source; both files are checked."""

    def make(records, folder="figures", **changes):
        (section,) = run_report.make(demo, records).sections
        section = replace(section, **changes)
        png, svg = draw(section, tmp_path / folder)
        assert (png.name, svg.name) == (f"{section.stem}.png", f"{section.stem}.svg")
        assert png.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        with Image.open(png) as image:
            image.load()
            assert len(image.convert("L").getcolors()) > 10  # not an empty sheet
        assert ET.parse(svg).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        return svg.read_text(encoding="utf-8")

    return make


@pytest.fixture
def arms(make_record):
    return [
        make_record(error + repetition / 10, rate=rate, repetition=repetition)
        for rate, error in [(0.1, 3.0), (0.5, 1.0)]
        for repetition in SEEDS
    ]


def test_a_figure_names_run_axes_and_paper(drawn, arms):
    svg = drawn(arms)
    for text in (
        "demo on MNIST (kind a, quick profile)",
        "rate p",
        "test error %",
        "training loss",
        "updates",
        "measured, mean and 95 % interval",
        "Someone (2014), Fig. 9",
    ):
        assert text in svg
    assert "n/c" not in svg


def test_the_same_records_give_the_same_svg(drawn, arms):
    assert drawn(arms) == drawn(arms, folder="again")


def test_other_records_give_another_svg(drawn, arms, make_record):
    assert drawn(arms) != drawn([*arms[:-1], make_record(9.0, rate=0.5, repetition=2)])


def test_without_reference_the_paper_is_not_shown(drawn, arms):
    assert "Someone" not in drawn(arms, reference=None)


def test_a_reference_for_another_metric_is_not_shown(drawn, arms, demo):
    reference = run_report.make(demo, arms).sections[0].reference
    other = replace(reference, values={"train_error": {0.1: 1.0}}, spreads={})
    assert "Someone" not in drawn(arms, reference=other)


def test_published_values_without_spread_are_drawn(drawn, arms, demo):
    reference = run_report.make(demo, arms).sections[0].reference
    assert "Someone" in drawn(arms, reference=replace(reference, spreads={}))


def test_one_seed_is_drawn(drawn, make_record):
    assert "training loss" in drawn([make_record(rate=0.1), make_record(rate=0.5)])


@pytest.mark.parametrize("kind", ["a", "b"])  # with and without published values
def test_arms_that_all_diverged_are_drawn_as_such(drawn, make_record, kind):
    records = [make_record(status="diverged", rate=rate, kind=kind) for rate in (0.1, 0.5)]
    assert "did not converge (n/c)" in drawn(records)


def test_one_arm_that_diverged_is_marked_beside_the_others(drawn, arms, make_record):
    assert "did not converge (n/c)" in drawn([*arms, make_record(status="diverged", rate=0.9)])


def test_an_arm_of_which_one_seed_diverged_still_counts(drawn, arms, make_record):
    lost = make_record(status="diverged", rate=0.5, repetition=3)
    assert "n/c" not in drawn([*arms, lost])


def test_a_view_without_curves_has_one_panel(drawn, arms, demo):
    assert "updates" not in drawn(arms, view=replace(demo.views[0], curves={}))


def test_curves_that_no_record_has_get_no_panel(drawn, arms):
    records = [replace(record, curves={"updates": [10]}) for record in arms]
    assert "updates" not in drawn(records)


def ticks(svg):
    return {float(number) for number in re.findall(r"[->] *(\d+(?:\.\d+)?) *(?:-->|<)", svg)}


def test_an_arm_at_chance_level_does_not_flatten_the_others(drawn, make_record):
    records = [
        make_record(90.0 if rate == 0.1 else 1.0, rate=rate, repetition=r, kind="b")
        for rate in (0.1, 0.5)
        for r in SEEDS
    ]
    assert {2, 5, 10, 20, 50} <= ticks(drawn(records))


def test_errors_of_one_size_keep_a_linear_scale(drawn, make_record):
    records = [
        make_record(100.0 * rate, rate=rate, repetition=r, kind="b")
        for rate in (0.15, 0.9)
        for r in SEEDS
    ]
    assert {40, 60, 80} <= ticks(drawn(records))


def test_an_error_of_zero_can_be_drawn(drawn, make_record):
    records = [make_record(error, rate=rate, kind="b") for rate, error in [(0.1, 0.0), (0.5, 50.0)]]
    assert {10, 20, 30, 40, 50} <= ticks(drawn(records))  # linear: a logarithm has no zero


def test_many_names_stand_upright(drawn, make_record):
    names = [f"a rather long name {number}" for number in range(15)]
    svg = drawn([make_record(1.0, rate=name) for name in names])
    assert len(re.findall(r"rotate\(-90\)", svg)) >= len(names)
    few = drawn([make_record(1.0, rate=name) for name in names[:2]])
    assert len(re.findall(r"rotate\(-90\)", few)) < len(names)
