"""What the processor can do."""

import functools
import os


@functools.cache
def flags() -> frozenset[str]:
    """The instruction sets of the processor, as Linux names them; empty on other systems."""
    try:
        with open("/proc/cpuinfo") as lines:
            found = next(line for line in lines if line.startswith("flags"))
    except (OSError, StopIteration):
        return frozenset()
    return frozenset(found.partition(":")[2].split())


def available_cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def lacks_onednn() -> bool:
    """Whether TensorFlow leaves oneDNN off here, although the processor would gain from it.

    TensorFlow switches oneDNN on by itself only on processors with instructions made for neural
    networks.
    """
    made_for_networks = ("vnni", "bf16", "amx")
    return (
        "avx2" in flags()
        and not any(part in flag for flag in flags() for part in made_for_networks)
        and "TF_ENABLE_ONEDNN_OPTS" not in os.environ
    )
