"""Experiments that test what lectures and papers claim: `python -m benchmarks` lists them."""
