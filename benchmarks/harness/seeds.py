"""Every random number of a run follows from one base seed."""

import hashlib
import json


def derive(base: int, component: str, **axes: str | int) -> int:
    """A seed in [0, 2**31) for one component of one run.

    Arms that give the same base, component and axes share the stream: leave the compared
    parameter out of `axes`, and the comparison is paired (same data order, same initial weights,
    same dropout uniforms). A component that appears later moves no other component's seed.

    Args:
        base: the run's seed, from the command line.
        component: what draws, such as "init" or "order".
        **axes: what the stream may depend on, such as `repetition=2, layer=0`.
    """
    text = json.dumps([base, component, sorted(axes.items())])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
