"""The compared regularizers, and the settings that are tried for each of them.

Every arm is tuned with the same number of trials. A trial draws the learning rate and all strengths
of the arm. The values of a setting are evenly spaced on a log scale (dropout rates: on a linear
scale), and each value is tried once: the trials are a lattice, which is a Latin hypercube.
"""

from benchmarks.harness.spec import Params

NONE, STOPPED = "none", "early stopping"
LEARNING_RATE = "learning_rate"
LINEAR = ("rate",)  # settings that are spaced on a linear scale
TUNED = (LEARNING_RATE, "l1", "l2", "late_l1", "sparsity", "max_norm", "rate")
# By arm, the names of its settings beside the learning rate; their ranges are the profile's.
ARMS: dict[str, tuple[str, ...]] = {
    NONE: (),
    "L2": ("l2",),
    "L1": ("l1",),
    "L2 + L1 at the end": ("l2", "late_l1"),
    "L2 + KL sparsity": ("l2", "sparsity"),
    "max-norm": ("max_norm",),
    "dropout": ("rate",),
    "dropout + L2": ("rate", "l2"),
    "dropout + max-norm": ("rate", "max_norm"),
    "Gaussian dropout": ("rate",),
    "DropConnect": ("rate",),
}
_STEPS = (1, 2, 3)  # of the lattice, by dimension


def candidates(names: tuple[str, ...], ranges: Params, trials: int) -> list[dict[str, float]]:
    """The values of the learning rate and of other settings that the trials of an arm try.

    Args:
        names: the settings beside the learning rate, at most two.
        ranges: by setting, its lowest and its highest value.
        trials: the number of trials. It must not be divisible by 2 or 3, or the values would not
            all be tried.

    Raises:
        ValueError: if `trials` is divisible by 2 or 3.
    """
    if trials % 2 == 0 or trials % 3 == 0:
        raise ValueError(f"`trials` must not be divisible by 2 or 3. Received: trials={trials}")
    middle = trials // 2
    found = []
    for trial in range(trials):
        one = {}
        for name, step in zip((LEARNING_RATE, *names), _STEPS, strict=False):
            place = (middle + step * (trial - middle)) % trials  # one trial has all middle values
            one[name] = _value(name, ranges[name], place / max(1, trials - 1))
        found.append(one)
    return found


def _value(name: str, bounds: tuple[float, float], share: float) -> float:
    low, high = bounds
    value = low + (high - low) * share if name in LINEAR else low * (high / low) ** share
    return float(f"{value:.2g}")
