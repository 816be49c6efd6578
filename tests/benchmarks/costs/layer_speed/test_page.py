"""Records of timings as a page and a figure."""

from benchmarks.costs.layer_speed import page

ENVIRONMENT = {
    "packages": {"keras": "3.15.1", "jax": "0.10.2", "torch": "2.13.0"},
    "device": "a processor",
    "cores": 2,
    "commit": "abc",
}


def record(layer="Maxout", backend="jax", jit=True, which=page.BOTH, ratio=0.5, **changes):
    return {
        "layer": layer,
        "against": "Dense",
        "shape": [32, 64],
        "backend": backend,
        "jit": jit,
        "pass": which,
        "ms": {"ours": 1.0, "core": 2.0},
        "ratio": ratio,
        "rounds": 15,
        "environment": {**ENVIRONMENT, "backend": backend},
        **changes,
    }


def rows(text, start):
    found = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found]


def test_a_cell_holds_the_ratio_and_the_times():
    text = page.text([record(ms={"ours": 1.0, "core": 2.0, "torch": 3.25})], "figure.png")
    ((*_, cell),) = rows(text, "(32, 64)")
    assert cell == "**0.50** (1 / 2 / 3.25)"
    assert "![our time divided by core's](figure.png)" in text
    assert "- jax: a processor (2 cores), jax 0.10.2, keras 3.15.1, commit abc" in text


def test_the_summary_holds_median_and_largest_ratio_of_the_training_step():
    records = [record(ratio=ratio, shape=[i]) for i, ratio in enumerate((0.9, 0.4, 0.6))]
    records.append(record(which="forward", ratio=9.0))
    ((_, _, cell),) = rows(page.text(records, ""), "Maxout ")
    assert cell == "0.60, 0.90"


def test_backends_are_columns_and_each_layer_has_a_table():
    records = [record(), record("Other"), record(backend="torch", jit=False, ratio=2.0)]
    text = page.text(records, "")
    maxout, other = rows(text, "(32, 64)")
    assert [cell.split()[0] for cell in maxout[2:]] == ["**0.50**", "**2.00**"]
    assert other[2:] == ["**0.50** (1 / 2)", ""]
    assert text.index("## Maxout") < text.index("## Other")


def test_the_figure_is_drawn(tmp_path):
    page.draw([record(), record("Other", ratio=3.0)], tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_new_records_replace_those_of_the_same_layers(tmp_path):
    path = tmp_path / "jax.jsonl"
    page.replace(path, [record("A"), record("B"), record("B", which="forward")])
    page.replace(path, [record("A", ratio=0.9), record("C")])
    found = [(one["layer"], one["ratio"]) for one in page.load(path)]
    assert found == [("A", 0.9), ("B", 0.5), ("B", 0.5), ("C", 0.5)]


def test_the_share_of_the_bandwidth_is_a_table_once_it_is_measured():
    assert "Against the limit" not in page.text([record()], "")
    records = [record(bandwidth_share=share, shape=[i]) for i, share in enumerate((0.1, 0.3, 0.5))]
    text = page.text([*records, record("Other")], "")
    limit = text[text.index("## Against the limit") : text.index("## Maxout")]
    assert [cells[1] for cells in rows(limit, "Maxout")] == ["0.30"]
    assert rows(limit, "Other") == []
