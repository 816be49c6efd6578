"""Messages of native code, tested in separate processes, where file descriptor 2 is the test's."""

import os
import subprocess
import sys

import benchmarks

ROOT = os.path.dirname(os.path.dirname(benchmarks.__file__))


def stderr_of(code, **options):
    imports = "import os, sys\nfrom benchmarks.harness.training.quiet import hide_native_messages\n"
    ran = subprocess.run(
        [sys.executable, "-c", imports + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )
    return ran.returncode, ran.stdout, ran.stderr


def test_native_output_is_hidden_and_other_output_is_shown():
    code, out, err = stderr_of(
        """
print("python before", file=sys.stderr)
os.write(2, b"native before\\n")
with hide_native_messages():
    os.write(2, b"native chatter\\n")
    print("result")
os.write(2, b"native after\\n")
print("python after", file=sys.stderr)
"""
    )
    assert (code, out) == (0, "result\n")
    assert err.splitlines() == [
        "python before",
        "native before",
        "native after",
        "python after",
    ]


def test_hidden_output_is_shown_if_the_block_raises():
    code, _, err = stderr_of(
        """
with hide_native_messages():
    os.write(2, b"why it failed: " + b"x" * 200_000 + b"\\n")
    raise ValueError("failed")
"""
    )
    assert code == 1
    assert err.startswith(f"why it failed: {'x' * 200_000}\nTraceback")
    assert err.endswith("ValueError: failed\n")


def test_an_interrupt_is_not_swallowed():
    code, out, err = stderr_of(
        """
try:
    with hide_native_messages():
        os.write(2, b"native chatter\\n")
        raise KeyboardInterrupt
except KeyboardInterrupt:
    print("interrupted")
os.write(2, b"still open\\n")
"""
    )
    assert (code, out) == (0, "interrupted\n")
    assert err.endswith("still open\n")


def test_no_file_descriptor_is_left_open():
    _, out, _ = stderr_of(
        """
before = len(os.listdir("/proc/self/fd"))
for _ in range(5):
    with hide_native_messages():
        pass
print(len(os.listdir("/proc/self/fd")) - before)
"""
    )
    assert out == "0\n"


def test_pythons_own_warnings_are_not_lost():
    _, _, err = stderr_of(
        """
import warnings
with hide_native_messages():
    warnings.warn("this backend is deprecated", stacklevel=1)
"""
    )
    assert "this backend is deprecated" in err


def test_a_logger_made_in_the_block_writes_to_the_terminal_afterwards():
    _, _, err = stderr_of(
        """
import logging
with hide_native_messages():
    logging.getLogger().addHandler(logging.StreamHandler())
    logging.warning("held up")
logging.warning("later")
"""
    )
    assert err.splitlines() == ["held up", "later"]
