"""Measures what the callbacks cost: epochs with none of them, with each, and with all.

The usual way to count dead units, a `predict` at the end of each epoch, is timed for comparison.
Each network and backend runs in a separate process. A record in `<out>/callback_cost/` replaces the
earlier one of the same network and backend. The page is written from all records, so networks and
backends can be run one at a time.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.costs import workers
from benchmarks.costs.callback_cost import page
from benchmarks.harness import commands
from benchmarks.harness.env import ROOT

SUMMARY = "epoch times with each callback, without any, and with a `predict` after each epoch"
BACKENDS = ("tensorflow", "jax")
TIMING = "benchmarks.costs.callback_cost.timing"


def main(argv: Sequence[str] | None = None) -> int:
    parser = commands.parser("costs.callback_cost", __doc__)
    parser.add_argument("--networks", nargs="*", choices=page.TITLES, default=[*page.TITLES])
    parser.add_argument("--backends", nargs="*", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument(
        "--rounds", type=int, default=5, help="timed epochs, after one warm-up epoch"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results", metavar="DIR")
    arguments = parser.parse_args(argv)
    folder = arguments.out / "callback_cost"
    folder.mkdir(parents=True, exist_ok=True)
    for network in arguments.networks:
        for backend in arguments.backends:
            record = folder.resolve() / f"{network}-{backend}.json"
            flags = [f"--network={network}", f"--rounds={arguments.rounds}"]
            try:
                workers.run(backend, TIMING, str(record), *flags)
            except subprocess.CalledProcessError as error:
                print(f"error: {network} on {backend} failed; see above", file=sys.stderr)
                return error.returncode
    text = page.text(page.read(folder))
    (arguments.out / "callback_cost.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(commands.run(main))
