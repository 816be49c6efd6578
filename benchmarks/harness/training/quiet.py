"""Keep native libraries' start-up chatter off the terminal."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any


class _Detour:
    """Stands in for `sys.stderr`. Who keeps it, as loggers do, later reaches the real one."""

    def __init__(self, stream: Any):
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextlib.contextmanager
def native_chatter_held() -> Iterator[None]:
    """Hold back what native code writes to standard error, and give it out if the block raises.

    TensorFlow greets through C++ before any log level can reach it, on machines without a GPU with
    a line that reads like an error. Only the file descriptor tells it apart from Python's own
    output, which passes: `sys.stderr` leads around the descriptor meanwhile.
    """
    try:
        kept = os.dup(2)
    except OSError:  # standard error is closed: nothing to keep clean
        yield
        return
    python_stderr = sys.stderr
    python_stderr.flush()
    with tempfile.TemporaryFile() as held, os.fdopen(kept, "w", encoding="utf-8") as passing:
        os.dup2(held.fileno(), 2)
        detour = _Detour(passing)
        if python_stderr is sys.__stderr__:
            sys.stderr = detour
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            passing.flush()
            sys.stderr = detour.stream = python_stderr
            os.dup2(kept, 2)
