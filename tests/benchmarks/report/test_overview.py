"""All results together: the ledger's page, and the HTML page that needs no other file."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

import benchmarks
from benchmarks.harness.spec import Record
from benchmarks.harness.store import Store
from benchmarks.mnist_dataset_size.experiment import EXPERIMENT
from benchmarks.report.__main__ import main

ROOT = Path(benchmarks.__file__).resolve().parents[1]
MNIST = SimpleNamespace(name="mnist", title="MNIST", fingerprint="sha256:0")
ENVIRONMENT = {
    "python": "3.12.1",
    "packages": {"keras": "3.15.1", "tensorflow": "2.21.0", "numpy": "2.1.0"},
    "commit": "0123456789abcdef",
    "backend": "tensorflow",
    "device": "Some <CPU> & more",
    "platform": "Linux x86_64",
    "cores": 2,
}
WITHOUT_KERAS = """
import sys
sys.modules |= dict.fromkeys(("keras", "tensorflow", "jax", "torch"))  # importing them raises
from benchmarks.report.__main__ import main
sys.exit(main(["--results", sys.argv[1], "--pages"]))
"""


class Tags(HTMLParser):
    """Opening tags with their attributes, and whether all are closed in their order."""

    VOID = frozenset({"meta", "link", "img"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.unclosed = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.unclosed.append(tag)

    def handle_endtag(self, tag):
        assert self.unclosed.pop() == tag

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A results folder with one run and a measurement's page, reported without Keras."""
    folder = tmp_path_factory.mktemp("results")
    store = Store(folder / EXPERIMENT.name)
    for trial in EXPERIMENT.expand("smoke", MNIST, seed=0, repetitions=2, choices={}):
        error = 1000 / trial.params["train_size"] + trial.repetition
        metrics = {"test_error": error, "train_error": 0.1}
        store.append(
            Record(trial, "ok", "2026-01-01T00:00:00+00:00", metrics, {}, environment=ENVIRONMENT)
        )
    (folder / "norm_cost.md").write_text("# What normalization costs\n\nMuch.\n")
    command = [sys.executable, "-c", WITHOUT_KERAS, str(folder)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture(scope="module")
def html(results):
    return (results / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Tags(html)


def test_the_page_is_well_formed(page):
    assert page.unclosed == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)


def test_the_page_loads_nothing(html, page):
    sources = [a[name] for _, a in page.tags for name in ("src", "srcset", "poster") if name in a]
    sources += [a["href"] for a in page.all("link")]
    assert len(sources) == 2  # the figure, and no icon
    assert all(source.startswith("data:") for source in sources)
    assert not page.all("script")
    assert not re.search(r"@import|url\((?!%23)", html)  # %23: within the figure


def test_the_figure_is_in_the_page(page):
    (image,) = page.all("img")
    assert image["src"].startswith("data:image/svg+xml,%3Csvg")
    assert "mnist_dataset_size on MNIST" in image["alt"]


def test_links_resolve(page, results):
    links = [attributes["href"] for attributes in page.all("a")]
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    files = {link for link in links if not link.startswith("#")}
    assert {"norm_cost.md", "mnist_dataset_size/README.md"} <= files
    assert [link for link in files if not (results / link).exists()] == []


def test_tables_name_their_rows_and_columns(page):
    scopes = [attributes.get("scope") for attributes in page.all("th")]
    assert set(scopes) == {"col", "row", "rowgroup"}
    assert page.all("html")[0]["lang"] == "en"


def test_the_page_holds_ledger_table_setting_and_environment(html):
    for part in (
        "gain of dropout over none, L2 at 100 images",
        "NOT the paper&#39;s set-up, compare shapes only",
        "2.94 ± 0.36",
        "Some &lt;CPU&gt; &amp; more (2 cores)",
        "keras 3.15.1, tensorflow 2.21.0, numpy 2.1.0",
        "0123456789ab",
        "prefers-color-scheme: dark",
    ):
        assert part in html


def test_the_ledger_in_markdown_links_to_what_there_is(results):
    text = (results / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^\| dropout-data-size ", text, re.MULTILINE)
    for link in re.findall(r"\]\(([^)#]+)[)#]", text):
        assert (results / link).exists(), link
    assert "[What normalization costs](norm_cost.md)" in text
    assert "Some <CPU> & more" in text


def test_nothing_changes_when_nothing_is_new(results, capsys):
    flags = ["--results", str(results), "--pages"]
    assert main([*flags, "--check"]) == 0
    page = results / "report.html"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("2.94", "2.95"), encoding="utf-8")
    assert main([*flags, "--check"]) == 1
    assert str(page) in capsys.readouterr().err
    page.write_text(text, encoding="utf-8")


def test_without_records_all_claims_are_not_run(tmp_path):
    assert main(["--results", str(tmp_path), "--pages"]) == 0
    page = Tags((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.unclosed == []
    assert not page.all("img")
    assert "| xor " in (tmp_path / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["experiment", "other"])
def test_a_folder_that_holds_no_experiments_is_bad_usage(tmp_path, capsys, kind):
    (tmp_path / ("records" if kind == "experiment" else "photos")).mkdir()
    assert main(["--results", str(tmp_path), "--pages"]) == 2
    err = capsys.readouterr().err
    assert f"Received: {tmp_path}." in err
    assert ("use the folder that contains it" in err) == (kind == "experiment")
    assert len([*tmp_path.iterdir()]) == 1


def test_a_folder_that_does_not_exist_is_bad_usage(tmp_path, capsys):
    assert main(["--results", str(tmp_path / "none"), "--pages"]) == 2
    assert f"Received: {tmp_path / 'none'}" in capsys.readouterr().err


def test_without_jinja2_it_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert main(["--results", str(tmp_path), "--pages"]) == 2
    assert "jinja2" in (err := capsys.readouterr().err)
    assert "pip install -e '.[bench]'" in err
