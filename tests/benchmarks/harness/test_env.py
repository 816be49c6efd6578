"""The environment that records store, and what it must not reveal."""

import getpass
import json
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from benchmarks.harness import env


@pytest.fixture
def environment():
    """The environment, computed again: otherwise it is cached in the process."""
    env.environment.cache_clear()
    yield env.environment
    env.environment.cache_clear()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit, used in place of the project's."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(env, "ROOT", tmp_path)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost"]

    def git(*arguments):
        command = ["git", *identity, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    (tmp_path / "code.py").write_text("one\n")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    return git


def test_versions_and_machine_are_named(environment):
    found = environment("none")
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["packages"]["keras"] == metadata.version("keras")
    assert found["packages"]["numpy"] == metadata.version("numpy")
    assert found["backend"] == "none"
    assert found["device"]
    assert 1 <= found["cores"] <= os.cpu_count()


def test_a_package_that_is_not_there_is_left_out(environment, monkeypatch):
    monkeypatch.setattr(env, "PACKAGES", ("numpy", "no-such-package"))
    assert [*environment("none")["packages"]] == ["numpy"]


def test_the_environment_is_plain_json(environment):
    found = environment("none")
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_no_person_host_or_folder_is_named(environment):
    text = json.dumps(environment("none"))
    private = (str(Path.home()), str(env.ROOT), str(env.ROOT.parent), sys.prefix)
    assert not [secret for secret in private if secret in text]
    words = re.findall(r"[\w.-]+", text)
    assert platform.node() not in words
    assert getpass.getuser() not in words


def test_an_unchanged_tree_is_named_by_its_commit(environment, repository):
    assert environment("none")["commit"] == repository("rev-parse", "HEAD")


def test_a_changed_tree_says_so(environment, repository):
    (env.ROOT / "code.py").write_text("two\n")
    assert environment("none")["commit"] == f"{repository('rev-parse', 'HEAD')}+changes"


def test_files_beside_the_code_are_no_change(environment, repository):
    (env.ROOT / "notes.txt").write_text("results\n")
    assert environment("none")["commit"] == repository("rev-parse", "HEAD")


def test_outside_a_repository_there_is_no_commit(environment, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(env, "ROOT", tmp_path)
    assert environment("none")["commit"] is None


def test_without_git_there_is_no_commit(environment, repository, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment("none")["commit"] is None


def test_a_backend_without_devices_has_no_gpu():
    assert env.gpu("none") is None


def test_a_copy_without_its_repository_takes_the_commit_from_the_environment(
    environment, tmp_path, monkeypatch
):
    monkeypatch.setattr(env, "ROOT", tmp_path)
    assert environment("none")["commit"] is None
    env.environment.cache_clear()
    monkeypatch.setenv("KERAS_DDL_COMMIT", "0123456789abcdef")
    assert environment("none")["commit"] == "0123456789abcdef"
