"""Derives the seeds of all random numbers of a run from one base seed."""

import hashlib
import json


def derive(base: int, component: str, **axes: str | int) -> int:
    """A seed in [0, 2**31) for one component of one run.

    Arms that pass the same base, component and axes draw the same random numbers. If `axes` do not
    include the parameter that is compared, the comparison is paired: the arms have the same order
    of the data, the same initial weights and the same dropout masks. A new component does not
    change the seeds of the others.

    Args:
        base: the run's seed, from the command line.
        component: the component that draws, such as "init" or "order".
        **axes: further values on which the seed depends, such as `repetition=2, layer=0`.
    """
    text = json.dumps([base, component, sorted(axes.items())])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
