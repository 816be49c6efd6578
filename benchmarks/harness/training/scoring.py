"""Computes cross-entropy and error from logits, in NumPy and so in the same way on all backends.

A population (`keras_ddl.Population`) is a model whose K members, Keras models, train together.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.harness.data import Examples

BATCH = 500  # examples per prediction: large enough to be fast, small enough for images in memory

Predict = Callable[[np.ndarray], np.ndarray]  # images -> logits


def score(predict: Predict, examples: Examples) -> tuple[float, float]:
    """Mean cross-entropy in nats, and error in %.

    Keras' `evaluate` is much slower for learning curves, because each call builds a data pipeline.

    Args:
        predict: images (n, ...) -> logits (n, classes).
        examples: at least one example.
    """
    return score_together(lambda x: np.asarray(predict(x))[:, None], [examples])[0]


def predictor(model: Any) -> Predict:
    """Returns a function from images to logits (n, K, classes). K is 1 for a single model."""
    if _is_population(model):
        return model.predict_on_batch
    return lambda x: np.asarray(model.predict_on_batch(x))[:, None]


def _is_population(model: Any) -> bool:
    # Importing the class to ask for it would import Keras, which lists of commands do without.
    return hasattr(model, "member_logs")


def add_to_logs(model: Any, logs: dict[str, Any], name: str, values: Sequence[float]) -> None:
    """Adds a value of each member to the logs of an epoch.

    The `logs` of Keras hold one number by name. A population has `member_logs` beside them, which
    hold an array of K numbers by name.

    Args:
        model: a population, or a single model.
        logs: the argument of `on_epoch_end`.
        name: the key in the logs.
        values: one for each member.
    """
    if _is_population(model):
        model.member_logs[name] = np.asarray(values)
    else:
        logs[name] = values[0]


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
        # Fill up the last batch: TensorFlow compiles again for each new number of examples. A
        # single short batch has the same size each time.
        if start and len(x) < BATCH:
            x = np.concatenate([x, np.zeros((BATCH - len(x), *x.shape[1:]), x.dtype)])
        logits = np.asarray(predict(x), np.float64)
        for member, part in enumerate(parts):
            # Drop the other rows. They are padding, or belong to a member with more examples. With
            # several devices each predicts the whole batch, and TensorFlow concatenates the copies.
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
