"""Measures on the backend that `KERAS_BACKEND` names, and prints the results as a line of JSON.

`experiment` starts this as a separate process:
`python -m benchmarks.costs.norm_cost.worker '{"part": "test", "test_image": 64, ...}'`. If the
parameters have `memory`, which names an arm, only this arm runs: allocators keep the memory that
other arms have freed, so a second arm would seem to need less.
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

WARM_UP = 2  # rounds that are not counted
STEPS = 3  # training steps during which memory is measured


def measure(params: Params) -> dict[str, Any]:
    """Measure the times of all arms of a part, or the peak memory of one arm.

    Returns:
        "times": the seconds of each arm in each round; and "differences" in the part "test" (see
        `networks.testing`). With `memory` among the parameters, only "peak", in bytes.
    """
    jit_compile = backend.jit_compile()
    # TensorFlow would warn of retracing, because several networks are compiled.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if "memory" in params:
        step = networks.training(params, params["seed"], jit_compile)[params["memory"]]
        return {"peak": networks.peak_bytes(lambda: [step() for _ in range(STEPS)])}
    results: dict[str, Any] = {}
    if params["part"] == "test":
        arms, results["differences"] = networks.testing(params, params["seed"], jit_compile)
    else:
        arms = networks.training(params, params["seed"], jit_compile)
    return {"times": take_turns(arms, params["rounds"], WARM_UP), **results}


def main() -> int:
    print(json.dumps(measure(json.loads(sys.argv[1]))))
    return 0


if __name__ == "__main__":
    sys.exit(commands.run(main))
