"""SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt once, and end the process the second time."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness import interrupts

ROOT = Path(__file__).resolve().parents[3]
TWICE = """
import os, signal
from benchmarks.harness import interrupts
with interrupts.raised("finished trials are kept"):
    for _ in range(2):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            print("swallowed", flush=True)
"""


@pytest.fixture(autouse=True)
def signals_as_usual():
    before = {number: signal.getsignal(number) for number in interrupts.SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", interrupts.SIGNALS)
def test_a_signal_raises_and_is_recorded(number):
    before = signal.getsignal(number)
    with interrupts.raised("") as pending:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        assert pending == [number]
    assert signal.getsignal(number) == before


def test_a_second_signal_ends_the_process():
    ran = subprocess.run(
        [sys.executable, "-c", TWICE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (130, "swallowed\n")
    assert ran.stderr == "\nfinished trials are kept\n"


def test_a_callers_handler_is_left_alone():
    received = []
    signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    with interrupts.raised("") as pending:
        os.kill(os.getpid(), signal.SIGTERM)
    assert (received, pending) == ([signal.SIGTERM], [])


def test_a_signal_during_a_native_import_ends_the_process_at_once():
    code = TWICE.replace("range(2)", "range(1)").replace("raised(", "at_once() or (")
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 130
    assert ran.stdout == ""
