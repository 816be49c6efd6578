"""What the README and the guides show works as shown."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


PYTHON = [(page.name, block) for page in PAGES for block in blocks(page, "python")]


# Another test of the process may have started the backend.
@pytest.mark.filterwarnings("ignore::keras_ddl.population.CoresNotSplit")
@pytest.mark.filterwarnings("ignore::keras_ddl.population.OneDNNOff")
@pytest.mark.parametrize(("page", "code"), PYTHON, ids=[page for page, _ in PYTHON])
def test_python_examples_run(page, code):
    exec(compile(code, page, "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_project_resolve(page):
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    targets = [page.parent / link for link in links]
    assert [path for path in targets if not path.exists() or not path.stat().st_size] == []


def test_results_in_the_pages_follow_from_the_records():
    check = [sys.executable, "-m", "benchmarks.report", "--check"]
    result = subprocess.run(check, cwd=ROOT, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_set_up_commands_are_one_line_each():
    commands = [block for block in blocks(ROOT / "README.md", "sh") if "venv" in block]
    assert len(commands) == 2
    assert all(command.count("\n") == 1 for command in commands)


def test_commands_in_the_guide_are_understood():
    for line in "".join(blocks(ROOT / "docs" / "benchmarks.md", "sh")).splitlines():
        words = [word for word in line.partition("#")[0].split() if "=" not in word]
        dry = [sys.executable, *words[1:], "--dry-run", "--dataset", "digits"]
        result = subprocess.run(dry, cwd=ROOT, check=False, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
