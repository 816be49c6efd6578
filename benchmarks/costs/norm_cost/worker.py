"""Measures in a separate process, on the backend of `KERAS_BACKEND`; prints a line of JSON.

`python -m benchmarks.costs.norm_cost.worker '{"part": "test", "test_image": 64, ...}'`. With
`memory` among the parameters only that arm runs: allocators keep what other arms have freed.
"""

import json
import logging
import sys
from typing import Any

from benchmarks.costs.norm_cost import networks
from benchmarks.costs.turns import take_turns
from benchmarks.harness import commands
from benchmarks.harness.spec import Params
from benchmarks.harness.training import backend

WARM_UP = 2  # rounds
STEPS = 3  # of training, whose memory is measured


def measure(params: Params) -> dict[str, Any]:
    """Times of all arms of a part, or the peak memory of one.

    Returns:
        "times": seconds of each arm in each round. In the part "test" also "differences". With
        `memory`: "peak" in bytes.
    """
    jit_compile = backend.jit_compile()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # many networks are no retracing
    if "memory" in params:
        step = networks.training(params, params["seed"], jit_compile)[params["memory"]]
        return {"peak": networks.peak_bytes(lambda: [step() for _ in range(STEPS)])}
    found: dict[str, Any] = {}
    if params["part"] == "test":
        arms, found["differences"] = networks.testing(params, params["seed"], jit_compile)
    else:
        arms = networks.training(params, params["seed"], jit_compile)
    return {"times": take_turns(arms, params["rounds"], WARM_UP), **found}


def main() -> int:
    print(json.dumps(measure(json.loads(sys.argv[1]))))
    return 0


if __name__ == "__main__":
    sys.exit(commands.run(main))
