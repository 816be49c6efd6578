"""The start of every command: signals, closed streams, and terminals that lack characters."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LIST = [sys.executable, "-m", "benchmarks"]
DRY = [sys.executable, "-m", "benchmarks.mnist_dropout"]
DRY += ["--profile", "smoke", "--dataset", "digits", "--dry-run"]
PRINT = """
import sys
from benchmarks.harness import startup
startup.prepare()
print("1.00 \\u00b1 0.25 \\u2026 caf\\u00e9 \\u6f22")
"""


@pytest.fixture
def signals_as_usual():
    """Background jobs of a shell ignore SIGINT, and processes started by tests would inherit it."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


def closing(command, streams):
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {streams}', "sh", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("signals_as_usual")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_the_imports_ends_with_one_line(number, tmp_path):
    slow = "import benchmarks, time; open('started', 'w').close(); time.sleep(60)"
    script = f"import sys; sys.argv[0] = '-m'; sys.path.insert(0, {str(ROOT)!r}); {slow}"
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    while not (tmp_path / "started").exists():
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate()
    assert (process.returncode, err) == (130, "\ninterrupted\n")


@pytest.mark.usefixtures("signals_as_usual")
def test_a_signal_that_is_ignored_stays_ignored():
    """A command started by nohup, or in the background of a shell, ignores a signal."""
    script = "trap '' HUP; exec \"$@\""
    ran = subprocess.run(
        ["/bin/sh", "-c", script, "sh", sys.executable, "-c", HANGS_UP],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "still here\n")


HANGS_UP = """
import os, signal, sys
sys.argv[0] = "-m"
import benchmarks
from benchmarks.harness import interrupts
with interrupts.raised("interrupted"):
    os.kill(os.getpid(), signal.SIGHUP)
print("still here")
"""


def test_with_standard_error_closed_messages_do_not_reach_the_results():
    whole = closing(DRY, "")
    closed = closing(DRY, "2>&-")
    assert (closed.returncode, closed.stdout) == (0, whole.stdout)


def test_all_streams_may_be_closed():
    assert closing(LIST, "<&- >&- 2>&-").returncode == 0


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "1.00 \N{PLUS-MINUS SIGN} 0.25 \N{HORIZONTAL ELLIPSIS} café \u6f22"),
        ("latin-1", "1.00 \N{PLUS-MINUS SIGN} 0.25 ... café ?"),
        ("ascii", "1.00 +- 0.25 ... cafe ?"),
    ],
)
def test_every_terminal_shows_what_it_can(encoding, shown):
    ran = subprocess.run(
        [sys.executable, "-c", PRINT],
        cwd=ROOT,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert ran.stderr == b""
    assert ran.stdout.decode(encoding) == f"{shown}\n"
