"""Times the layers against those of Keras and PyTorch, on every installed backend.

Each backend runs in a separate process, in which the compared layers take turns. Records in
`<out>/layer_speed/BACKEND.jsonl` replace earlier ones of the same layers. The page and its figure
are written from all records, so backends and layers can be run one at a time.
"""

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.costs import workers
from benchmarks.costs.layer_speed import page
from benchmarks.harness import commands
from benchmarks.harness.env import ROOT

SUMMARY = "speed of the layers against those of Keras and PyTorch, forward and backward"
BACKENDS = ("tensorflow", "jax", "torch")
TIMING = "benchmarks.costs.layer_speed.timing"


def main(argv: Sequence[str] | None = None) -> int:
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    parser = commands.parser("costs.layer_speed", __doc__)
    parser.add_argument("--backends", nargs="*", choices=BACKENDS, default=installed)
    parser.add_argument("--layers", nargs="*", metavar="NAME", default=[], help="default: all")
    parser.add_argument("--rounds", type=int, default=15, help="timed rounds, default 15")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results", metavar="DIR")
    arguments = parser.parse_args(argv)
    folder = arguments.out / "layer_speed"
    folder.mkdir(parents=True, exist_ok=True)
    for backend in arguments.backends:
        with tempfile.TemporaryDirectory() as scratch:
            new = Path(scratch) / "records.jsonl"
            flags = [f"--rounds={arguments.rounds}", "--layers", *arguments.layers]
            try:
                workers.run(backend, TIMING, str(new), *flags)
            except subprocess.CalledProcessError as error:
                print(f"error: timing on {backend} failed; see above", file=sys.stderr)
                return error.returncode
            page.replace(folder / f"{backend}.jsonl", page.load(new))
    records = page.read(folder)
    if not records:
        parser.error("no records: name at least one installed backend")
    page.draw(records, folder / "layer_speed.png")
    text = page.text(records, figure="layer_speed/layer_speed.png")
    (arguments.out / "layer_speed.md").write_text(text, encoding="utf-8")
    print(f"wrote {arguments.out / 'layer_speed.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(commands.run(main))
