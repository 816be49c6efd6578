"""What every `python -m benchmarks...` arranges before it does anything else."""

import codecs
import os
import sys
import unicodedata

from benchmarks.harness import interrupts

PLAIN = {  # by name: the characters are easily mistaken for others
    "\N{PLUS-MINUS SIGN}": "+-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{MINUS SIGN}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{MIDDLE DOT}": ".",
}


def prepare() -> None:
    """Signals end the command with one line; streams are open and take every character."""
    interrupts.install()
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: else the next file opened would get what goes to this stream
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - open as long as the process is
    if sys.stderr is None:  # `print` would write to standard output in its place
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    codecs.register_error("keras_ddl_plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="keras_ddl_plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Characters that the terminal does not have, in ASCII: ± becomes +-."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = "".join(map(_ascii, error.object[error.start : error.end]))
    return text, error.end


def _ascii(character: str) -> str:
    if character in PLAIN:
        return PLAIN[character]
    decomposed = unicodedata.normalize("NFKD", character)
    return decomposed.encode("ascii", "ignore").decode() or "?"
