"""The page of activation functions: a row for each, and a figure."""

from benchmarks.activations import page
from keras_ddl.activations import CATALOGUE


def test_the_command_writes_the_page_and_the_figure(tmp_path, capsys, picture_size):
    assert page.main(["--out", str(tmp_path)]) == 0
    text = (tmp_path / "README.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert [row.split("|")[1].strip() for row in rows] == [entry.name for entry in CATALOGUE]
    assert picture_size(tmp_path / "activations.png")[0] == 1400
    assert "SELU" in capsys.readouterr().out
