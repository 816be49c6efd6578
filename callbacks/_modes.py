"""Whether a monitored quantity should be minimized or maximized."""

from keras_ddl._checks import one_of

_HIGH = (
    "acc",
    "accuracy",
    "auc",
    "precision",
    "recall",
    "f1_score",
    "fbeta_score",
    "iou",
    "r2_score",
)


def resolve(mode, monitor):
    """`mode` as "min" or "max".

    Args:
        mode: "min", "max" or "auto". "auto" means "max" if the name ends in "acc", "accuracy",
            "auc", "precision", "recall", "f1_score", "fbeta_score", "iou" or "r2_score", and "min"
            otherwise.
        monitor: the name of the quantity.

    Raises:
        ValueError: if `mode` is none of the three.
    """
    one_of("mode", mode, ("auto", "min", "max"))
    if mode == "auto":
        return "max" if monitor.endswith(_HIGH) else "min"
    return mode
