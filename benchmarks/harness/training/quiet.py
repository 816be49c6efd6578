"""Hides the messages that native libraries print when they start."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any


class _Redirected:
    """Replaces `sys.stderr`. Loggers may keep it; afterwards it forwards to the real stream."""

    def __init__(self, stream: Any):
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextlib.contextmanager
def hide_native_messages() -> Iterator[None]:
    """Hide what native code writes to standard error; show it if the block raises an exception.

    TensorFlow's C++ code prints messages before a log level can be set. On machines without a GPU
    one of them looks like an error. Native code writes to file descriptor 2, so in the block the
    descriptor leads to a temporary file. Python's output is still shown: in the block `sys.stderr`
    writes to a copy of the original descriptor.
    """
    try:
        original = os.dup(2)
    except OSError:  # standard error is closed: there is nothing to hide
        yield
        return
    python_stderr = sys.stderr
    python_stderr.flush()
    with tempfile.TemporaryFile() as hidden, os.fdopen(original, "w", encoding="utf-8") as visible:
        os.dup2(hidden.fileno(), 2)
        redirected = _Redirected(visible)
        if python_stderr is sys.__stderr__:
            sys.stderr = redirected
        try:
            yield
        except BaseException:
            hidden.seek(0)
            os.write(original, hidden.read())
            raise
        finally:
            visible.flush()
            sys.stderr = redirected.stream = python_stderr
            os.dup2(original, 2)
