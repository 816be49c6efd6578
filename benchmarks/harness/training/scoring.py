"""Computes cross-entropy and error from logits, in NumPy and so in the same way on all backends."""

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.harness.data import Examples

BATCH = 500

Predict = Callable[[np.ndarray], np.ndarray]


def score(predict: Predict, examples: Examples) -> tuple[float, float]:
    """Mean cross-entropy in nats, and error in %.

    Keras' `evaluate` is much slower for learning curves, because each call builds a data pipeline.

    Args:
        predict: images (n, ...) -> logits (n, classes).
        examples: at least one example.
    """
    return score_together(lambda x: np.asarray(predict(x))[:, None], [examples])[0]


def score_together(predict: Predict, sets: Sequence[Examples]) -> list[tuple[float, float]]:
    """`score` for each of the K members of a population.

    Args:
        predict: images -> logits (n, K, classes). Images have the shape (n, ...) if all members
            share them, and (n, K, ...) otherwise.
        sets: the examples of each member.
    """
    shared = all(examples is sets[0] for examples in sets)
    sums = np.zeros((len(sets), 2))
    for start in range(0, max(len(examples.y) for examples in sets), BATCH):
        parts = [Examples(e.x[start : start + BATCH], e.y[start : start + BATCH]) for e in sets]
        x = parts[0].x if shared else _stacked(parts)
        # Fill up the last batch: TensorFlow compiles again for each new number of examples.
        if start and len(x) < BATCH:
            x = np.concatenate([x, np.zeros((BATCH - len(x), *x.shape[1:]), x.dtype)])
        logits = np.asarray(predict(x), np.float64)
        for member, part in enumerate(parts):
            # Drop the other rows. They are padding, or belong to a member with more examples, or
            # repeat these rows: with several devices, TensorFlow returns the rows of each device.
            sums[member] += _loss_and_wrong(logits[: len(part.y), member], part.y)
    return [
        (loss / len(examples.y), 100 * wrong / len(examples.y))
        for (loss, wrong), examples in zip(sums, sets, strict=True)
    ]


def _stacked(parts: Sequence[Examples]) -> np.ndarray:
    """Stack the parts' images as (n, K, ...). Shorter parts are filled up with zeros."""
    longest = max(parts, key=lambda part: len(part.y)).x
    stacked = np.zeros((len(longest), len(parts), *longest.shape[1:]), longest.dtype)
    for member, part in enumerate(parts):
        stacked[: len(part.x), member] = part.x
    return stacked


def _loss_and_wrong(logits: np.ndarray, y: np.ndarray) -> tuple[float, int]:
    """The sum of the cross-entropies, and the number of wrong predictions."""
    with np.errstate(invalid="ignore"):  # a diverging network's logits may be infinite
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_likelihood = shifted[np.arange(len(y)), y] - np.log(np.exp(shifted).sum(axis=1))
    return -log_likelihood.sum(), int(np.count_nonzero(logits.argmax(axis=1) != y))
