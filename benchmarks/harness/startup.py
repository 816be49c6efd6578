"""Prepares the standard streams, before `python -m benchmarks...` does anything else."""

import codecs
import os
import sys
import unicodedata

PLAIN = {  # written by name, because these characters look like others
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
    """Make sure that the standard streams are open and accept every character."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: the next opened file would take the descriptor and the output
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - open until the process ends
    if sys.stderr is None:  # `print` would write to standard output instead
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    codecs.register_error("keras_ddl_plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="keras_ddl_plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that the terminal cannot show by ASCII, such as ± by +-."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = "".join(map(_ascii, error.object[error.start : error.end]))
    return text, error.end


def _ascii(character: str) -> str:
    if character in PLAIN:
        return PLAIN[character]
    decomposed = unicodedata.normalize("NFKD", character)
    return decomposed.encode("ascii", "ignore").decode() or "?"
