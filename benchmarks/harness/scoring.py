"""Cross-entropy and error from logits, in NumPy: the same for every backend."""

from collections.abc import Callable

import numpy as np

from benchmarks.harness.data import Examples

BATCH = 1000


def score(predict: Callable[[np.ndarray], np.ndarray], examples: Examples) -> tuple[float, float]:
    """Mean cross-entropy in nats, and error in %.

    Args:
        predict: images (n, ...) to logits (n, classes). Much cheaper per call than Keras'
            `evaluate`, which builds a data pipeline each time: learning curves call it often.
        examples: any number of them, at least one.
    """
    loss = wrong = 0.0
    for start in range(0, len(examples.y), BATCH):
        x, y = examples.x[start : start + BATCH], examples.y[start : start + BATCH]
        logits = np.asarray(predict(x), np.float64)
        with np.errstate(invalid="ignore"):  # a diverging network's logits may be infinite
            shifted = logits - logits.max(axis=1, keepdims=True)
            log_likelihood = shifted[np.arange(len(y)), y] - np.log(np.exp(shifted).sum(axis=1))
        loss -= log_likelihood.sum()
        wrong += np.count_nonzero(logits.argmax(axis=1) != y)
    return loss / len(examples.y), 100 * wrong / len(examples.y)
