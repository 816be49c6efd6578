"""`python -m benchmarks.regularizers --study ...`: regularizers on MNIST."""

import sys

from benchmarks.harness.studies import main
from benchmarks.regularizers import dropconnect, table9

SUMMARY = "regularizers on MNIST, each tuned with the same budget; --study table9, dropconnect"
STUDIES = {"table9": table9.EXPERIMENT, "dropconnect": dropconnect.EXPERIMENT}

if __name__ == "__main__":
    sys.exit(main("regularizers", STUDIES))
