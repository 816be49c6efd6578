"""Published values are read with their provenance."""

import tomllib

import pytest

from benchmarks.harness import references

TABLES = [
    (path.stem, name)
    for path in sorted(references.FOLDER.glob("*.toml"))
    for name in tomllib.loads(path.read_text(encoding="utf-8"))
]
WORDS = ("source", "place", "provenance", "protocol")


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.setattr(references, "FOLDER", tmp_path)

    def write(**changes):
        content = {name: f'"the {name}"' for name in WORDS}
        content |= {"axis": [0.1, 0.5], "test_error": [3.0, 1.0], "test_error_spread": [0.2, 0.1]}
        lines = [f"{name} = {value}" for name, value in {**content, **changes}.items() if value]
        (tmp_path / "paper.toml").write_text("\n".join(["[fig1]", *lines]))
        return references.load("paper", "fig1")

    return write


def test_there_are_references():
    assert ("dropout", "fig9_n") in TABLES


@pytest.mark.parametrize(("file", "table"), TABLES)
def test_every_stored_reference_is_whole(file, table):
    reference = references.load(file, table)
    assert all(getattr(reference, word).strip() for word in WORDS)
    assert reference.values
    assert reference.spreads.keys() <= reference.values.keys()
    axis = [*next(iter(reference.values.values()))]
    assert len(set(axis)) == len(axis)
    for column in (*reference.values.values(), *reference.spreads.values()):
        assert [*column] == axis
        assert all(value >= 0 for value in column.values())


def test_columns_become_values_and_spreads_by_axis_value(written):
    reference = written(train_error=[0.5, 0.25])
    assert reference.values == {
        "test_error": {0.1: 3.0, 0.5: 1.0},
        "train_error": {0.1: 0.5, 0.5: 0.25},
    }
    assert reference.spreads == {"test_error": {0.1: 0.2, 0.5: 0.1}}


def test_a_description_has_source_protocol_and_provenance(written):
    reference = written()
    assert reference.label == "the source, the place"
    assert reference.description == ("the source, the place. the protocol. Values: the provenance.")


@pytest.mark.parametrize("column", ["test_error", "test_error_spread"])
@pytest.mark.parametrize("values", [[1.0], [1.0, 2.0, 3.0]])
def test_a_column_of_another_length_than_the_axis_is_refused(written, column, values):
    with pytest.raises(ValueError, match="zip"):
        written(**{column: values})


@pytest.mark.parametrize("word", WORDS)
def test_a_table_without_provenance_is_refused(written, word):
    with pytest.raises(TypeError, match=word):
        written(**{word: None})
