"""Leases: each has one holder at a time, and is free again when the holder has ended."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.harness import leases
from benchmarks.harness.leases import Leases

ROOT = Path(__file__).resolve().parents[3]
HOLDER = """
import sys, time
from benchmarks.harness.leases import Leases
with Leases(sys.argv[1]) as own:
    print(*own.take(sys.argv[2:]), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "leases"


@pytest.fixture
def holder(folder):
    """A real process that holds the leases a and b."""
    command = [sys.executable, "-c", HOLDER, str(folder), "a", "b"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "a b\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_lease_has_one_holder_until_it_is_released(folder):
    with Leases(folder) as one, Leases(folder) as other:
        assert one.take(["a"]) == ["a"]
        assert other.take(["a"]) == []
        assert (one.holds("a"), other.holds("a"), other.free("a")) == (True, False, False)
        one.release(["a"])
        assert other.take(["a"]) == ["a"]


def test_a_group_whose_first_lease_is_taken_is_left_alone(folder):
    with Leases(folder) as one, Leases(folder) as other:
        one.take(["a", "b"])
        assert other.take(["a", "c"]) == []
        assert other.take(["c", "b", "d"]) == ["c", "d"]


def test_all_traces_go_with_the_last_holder(folder):
    with Leases(folder) as one:
        one.take(["a", "b"])
        with Leases(folder) as other:
            other.take(["c"])
        assert one.holds("a")
    assert not folder.exists()


def test_leases_of_a_killed_process_are_free_at_once(folder, holder):
    with Leases(folder) as own:
        assert own.take(["a"]) == []
        holder.kill()  # not waited for: a zombie does not count as alive
        while not own.free("a"):
            time.sleep(0.01)
        assert own.take(["a", "b"]) == ["a", "b"]
        assert own.holds("a")
    assert not folder.exists()


def test_leases_of_a_suspended_process_expire_and_it_notices(folder, monkeypatch):
    """A suspended process keeps its lock. Observers measure its silence with their own clocks."""
    monkeypatch.setattr(leases, "EXPIRY", 0.2)
    monkeypatch.setattr(leases, "HEARTBEAT", 1000.0)  # halted
    with Leases(folder) as halted:
        assert halted.take(["a", "b"]) == ["a", "b"]
        with Leases(folder) as other:
            assert other.take(["a"]) == []
            while not other.free("a"):
                time.sleep(0.01)
            assert other.take(["a"]) == ["a"]
            assert not halted.holds("a")
            assert halted.holds("b")
            assert not halted.take(["a"])


def test_a_process_that_others_considered_dead_can_take_leases_again(folder, monkeypatch):
    with Leases(folder) as revived, Leases(folder) as other:
        revived.take(["a"])
        for path in folder.iterdir():
            if path.read_text().strip() and other._name not in path.name:
                path.unlink()  # as another process does when it removes files of dead processes
        assert not revived.holds("a")
        assert revived.take(["b"]) == ["b"]
        assert other.take(["b"]) == []


def test_only_one_of_two_processes_takes_over_from_a_dead_holder(folder):
    folder.mkdir()
    (folder / "a.0").write_text("somebody-holder")
    with Leases(folder) as one:
        there = {0: "somebody-holder"}
        (folder / "a.1").write_text(one._name)  # another process has just created the file
        assert not one._take("a", there)
        (folder / "a.1").unlink()
        (folder / "a.2").write_text(one._name)
        assert not one._take("a", there)
        assert not (folder / "a.1").exists()


def test_the_folder_reveals_nothing_about_the_machine(folder):
    import platform

    with Leases(folder) as own:
        own.take(["a"])
        texts = [path.read_text() for path in folder.iterdir()]
    assert not any(platform.node() in text for text in texts)
