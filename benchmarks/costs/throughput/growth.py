"""How `spread` would grow with more cores, simulated from measured parts."""

from collections.abc import Mapping

from tabulate import tabulate

CORES = (1, 2, 4, 16, 64)
MEMBERS = (10, 64)


def speedup(members: int, cores: int, slowdown: float) -> float:
    """How many times faster than on one core.

    Members are placed on cores as evenly as possible, and all wait for the core with the most.

    Args:
        members: of the population.
        cores: of the processor.
        slowdown: how many times longer a member's step takes with all these cores busy.
    """
    return members / (-(-members // cores) * slowdown)


def bounds(members: int, cores: int, measured: Mapping[int, float]) -> tuple[float, float]:
    """The smallest and the largest speedup that the measured parts suggest.

    Busy cores share memory and the last cache. The largest speedup has the slowdown that was
    measured with all cores of this machine, whatever the number of cores. The smallest has one
    that grows by the same amount with each busy core.

    Args:
        members, cores: as in `speedup`.
        measured: by number of cores, model-samples per second; those of one core among them.
    """
    most = max(measured)
    slowdown = max(1.0, most * measured[1] / measured[most])
    busy = min(members, cores)
    grown = 1 + (slowdown - 1) / max(most - 1, 1) * (busy - 1)
    kept = slowdown if busy > 1 else 1.0
    pair = sorted(speedup(members, cores, factor) for factor in (grown, kept))
    return pair[0], pair[1]


def table(measured: Mapping[str, Mapping[int, float]]) -> str:
    """Simulated model-samples per second.

    Args:
        measured: by title, what `bounds` takes.
    """
    rows = []
    for title, parts in measured.items():
        for members in MEMBERS:
            cells = []
            for cores in CORES:
                low, high = (parts[1] * factor for factor in bounds(members, cores, parts))
                same = f"{low:,.0f}" == f"{high:,.0f}"
                cells.append(f"{low:,.0f}" if same else f"{low:,.0f} to {high:,.0f}")
            rows.append((title, members, *cells))
    headers = ("", "members", *(f"{n} core{'s' * (n > 1)}" for n in CORES))
    return tabulate(rows, headers, tablefmt="pipe", disable_numparse=True)
