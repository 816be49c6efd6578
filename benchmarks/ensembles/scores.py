"""Error, negative log-likelihood and calibration of predicted probabilities."""

import numpy as np

BINS = 15


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities from logits, over the last axis, as float64."""
    powers = np.exp(logits.astype("float64") - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def scores(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The scores of probabilities `(examples, classes)`.

    - `error`: in %.
    - `nll`: the mean negative log-likelihood, in nats.
    - `ece`: the expected calibration error in pp, over 15 bins of equal width. It is the mean
      distance between confidence and accuracy (Guo et al., arXiv:1706.04599).
    """
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == labels
    likelihood = probabilities[np.arange(len(labels)), labels]
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    apart = np.bincount(bins, confidence - right, minlength=BINS)
    return {
        "error": 100 * float(np.mean(~right)),
        "nll": -float(np.mean(np.log(np.maximum(likelihood, 1e-12)))),
        "ece": 100 * float(np.abs(apart).sum() / len(labels)),
    }
