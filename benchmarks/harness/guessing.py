"""What guessing scores, and runs that are worse than guessing: they diverged."""

import math
from dataclasses import replace

from benchmarks.harness.spec import Record

MUCH_WORSE = 10.0  # a run whose training loss is this many times that of guessing diverged: ours


def loss(classes: int) -> float:
    """The cross-entropy, in nats, of guessing among `classes` equally likely classes."""
    return math.log(classes)


def error(classes: int) -> float:
    """The error in % of the same."""
    return 100 * (1 - 1 / classes)


def classes(record: Record) -> int:
    """The number of classes of a record's data. Records that do not say it are of ten classes."""
    return record.environment.get("classes", 10)


def error_of(record: Record) -> float:
    """The error in % of guessing on a record's data, which stands for a run that diverged."""
    return error(classes(record))


def diverged(train_loss: float, classes: int) -> bool:
    """Whether a final training loss is not finite, or far above the loss of guessing."""
    return not train_loss <= MUCH_WORSE * loss(classes)


def checked(record: Record) -> Record:
    """A record by the present rule: earlier ones called a run with any finite loss "ok"."""
    loss_at_end = record.metrics.get("train_loss")
    if record.status != "ok" or loss_at_end is None:
        return record
    if diverged(loss_at_end, classes(record)):
        return replace(record, status="diverged", metrics={})
    return record
