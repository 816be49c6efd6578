"""Keep native libraries' start-up chatter off the terminal."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def native_chatter_held() -> Iterator[None]:
    """Hold back what native code writes to standard error, and give it out if the block raises.

    TensorFlow greets through C++ before any log level can reach it, on machines without a GPU with
    a line that reads like an error. Only the file descriptor tells it apart from Python's output.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
