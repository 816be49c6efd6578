"""`python -m benchmarks.norm_batch_size --study NAME`: error by batch size and normalization."""

import sys

from benchmarks.harness.studies import main
from benchmarks.norm_batch_size import batch, groups, imagenet, mlp

SUMMARY = "error by batch size for normalizations; --study batch, groups, mlp, imagenet"
STUDIES = {
    "batch": batch.EXPERIMENT,
    "groups": groups.EXPERIMENT,
    "mlp": mlp.EXPERIMENT,
    "imagenet": imagenet.EXPERIMENT,
}

if __name__ == "__main__":
    sys.exit(main("norm_batch_size", STUDIES))
