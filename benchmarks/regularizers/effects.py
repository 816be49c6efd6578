"""What records would look like if the claims about regularizers were true, or false."""

from benchmarks.harness.effects import Effects, Metrics, toward
from benchmarks.harness.spec import Params
from benchmarks.regularizers.arms import NONE
from benchmarks.regularizers.choosing import CRITERION

OLDER, GAIN = 4.2, 1.2  # % of error of the older regularizers, and the pp that dropout gains


def dropout(params: Params, effect: float) -> Metrics:
    """All arms err equally, but for dropout."""
    error = OLDER - GAIN * effect * (params["arm"] == "dropout")
    stopped = {f"{CRITERION}_validation_error": OLDER, f"{CRITERION}_test_error": OLDER}
    return {"validation_error": error, "test_error": error} | (
        stopped if params["arm"] == NONE else {}
    )


def stopping(params: Params, effect: float) -> Metrics:
    """The stopped network errs less by .5 pp, and has a loss that is lower by .05 nats."""
    return {
        "validation_error": 4.7,
        "test_error": 4.7,
        "test_loss": 0.25,
        f"{CRITERION}_validation_error": 4.7,
        f"{CRITERION}_test_error": 4.7 - 0.5 * effect,
        f"{CRITERION}_test_loss": 0.25 - 0.05 * effect,
    }


def sparse(params: Params, effect: float) -> Metrics:
    """With L1 90 % of the weights are near zero, with L2 5 %."""
    of_l1 = params["arm"] == "L1"
    return {
        "validation_error": 4.2,
        "small_weights": toward(effect, 90 if of_l1 else 5, 50),
        "effective_weights": toward(effect, 10, 40) if of_l1 else 40,
    }


_ERRORS = ("test_error", "validation_error")
_STOPPED = (*_ERRORS, *(f"{CRITERION}_{name}" for name in _ERRORS))
DROPOUT = Effects(
    dropout,
    noise=dict.fromkeys(_STOPPED, 0.15),
    source="1.2 pp at 5,000 images: ours, smaller than the 1.75 pp over no regularizer in Fig. 10 "
    "of the dropout paper; noise: mnist_dataset_size at 5,000 images",
)
STOPPING = Effects(
    stopping,
    noise=dict.fromkeys(_STOPPED, 0.08) | {"test_loss": 0.005, f"{CRITERION}_test_loss": 0.005},
    source="effect and noise are ours; the stopped network is a part of the other's run",
)
SPARSE = Effects(
    sparse,
    noise={"validation_error": 0.15, "small_weights": 2.0, "effective_weights": 1.0},
    source="effect and noise are ours",
)
