"""The stored pages of measurements follow from the records beside them."""

from pathlib import Path

from benchmarks.costs.callback_cost import page as callback_page
from benchmarks.costs.layer_speed import page as layer_page
from benchmarks.costs.throughput import page as throughput_page
from benchmarks.costs.throughput import records as throughput_records

RESULTS = Path(__file__).resolve().parents[3] / "docs" / "results"


def stored(name):
    return (RESULTS / name).read_text(encoding="utf-8")


def test_the_page_of_the_callbacks_cost():
    records = callback_page.read(RESULTS / "callback_cost")
    assert records
    assert callback_page.text(records) == stored("callback_cost.md")


def test_the_page_of_the_layers_speed():
    records = layer_page.read(RESULTS / "layer_speed")
    assert records
    text = layer_page.text(records, figure="layer_speed/layer_speed.png")
    assert text == stored("layer_speed.md")


def test_the_page_of_the_throughput():
    records = throughput_records.read(RESULTS / "throughput")
    assert records
    assert throughput_page.text(records) == stored("throughput.md")
