"""Simulates the speed of `spread` on more cores from measured speeds."""

from collections.abc import Mapping

from tabulate import tabulate

CORES = (1, 2, 4, 16, 64)
MEMBERS = (10, 64)


def speedup(members: int, cores: int, slowdown: float) -> float:
    """The speed relative to one core.

    Members are distributed evenly over the cores, and all wait for the core with the most.

    Args:
        members: number of members.
        cores: number of cores.
        slowdown: factor by which a member's step takes longer when all cores are busy.
    """
    return members / (-(-members // cores) * slowdown)


def bounds(members: int, cores: int, measured: Mapping[int, float]) -> tuple[float, float]:
    """The smallest and the largest speedup that the measurements suggest.

    Busy cores share the memory and the last cache, which slows them down. The largest speedup
    assumes the slowdown that was measured with all cores of this machine. The smallest assumes that
    it grows by the same amount with each further core.

    Args:
        members, cores: as in `speedup`.
        measured: model-samples per second by number of cores, including one core.
    """
    most = max(measured)
    slowdown = max(1.0, most * measured[1] / measured[most])
    busy = min(members, cores)
    grown = 1 + (slowdown - 1) / max(most - 1, 1) * (busy - 1)
    kept = slowdown if busy > 1 else 1.0
    pair = sorted(speedup(members, cores, factor) for factor in (grown, kept))
    return pair[0], pair[1]


def table(measured: Mapping[str, Mapping[int, float]]) -> str:
    """A table of simulated model-samples per second.

    Args:
        measured: speeds for `bounds`, by title.
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
