"""Experiments that test what lectures and papers claim: `python -m benchmarks` lists them."""

import sys

# `python -m benchmarks...` is starting: set up signals and streams before the other imports.
if sys.argv[:1] == ["-m"]:
    from benchmarks.harness import endings

    endings.install()

    from benchmarks.harness import startup

    startup.prepare()
