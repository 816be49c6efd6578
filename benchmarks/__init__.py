"""Experiments that test what lectures and papers claim: `python -m benchmarks` lists them."""

import sys

if sys.argv[:1] == ["-m"]:  # `python -m benchmarks...` is starting; this runs before all imports
    from benchmarks.harness import startup

    startup.prepare()
