"""One network trained with several learning rates together, and what is read off it."""

import warnings
from collections.abc import Callable, Sequence

import keras
import numpy as np

from benchmarks.harness.curves import first_cost
from benchmarks.harness.data import Examples, Split
from benchmarks.harness.training import backend
from benchmarks.harness.training.scoring import score
from benchmarks.harness.training.watch import Watch
from keras_ddl import Population
from keras_ddl.population import MemberDiverged, member_indices

Curves = Sequence[dict[str, list[float]]]


def train(
    build: Callable[[], keras.Model],
    x: np.ndarray,
    y: np.ndarray,
    rates: Sequence[float],
    *,
    epochs: int,
    batch_size: int,
    points_per_epoch: int,
    examples: int,
    seed: int,
) -> tuple[Population, Curves]:
    """Train by plain SGD with each rate; all see the same batches and start from the same weights.

    Returns:
        The population, and the learning curves of its members: "epochs" and, at inference on the
        first `examples` images, "train_loss" and "train_error".
    """
    population = Population(build, [{} for _ in rates], data=(x, y))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    population.compile(
        keras.optimizers.SGD(),
        loss,
        learning_rate=list(rates),
        jit_compile=backend.jit_compile(),
    )
    images = Examples(x, y)
    split = Split(train=images, validation=Examples(x[:0], y[:0]), test=Examples(x[:0], y[:0]))
    watch = Watch(population.predict_on_batch, [split] * len(rates), examples, lambda *_: None)
    steps = len(x) // batch_size // points_per_epoch
    order = member_indices(None, batch_size=batch_size, subsets=[np.arange(len(x))], seeds=[seed])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MemberDiverged)
        population.fit(
            ((index[:, 0],) for (index,) in order),
            steps_per_epoch=steps,
            epochs=epochs * points_per_epoch,
            shuffle=False,
            verbose=0,
            callbacks=[watch],
        )
    for curves in watch.curves:
        curves["epochs"] = [count * batch_size / len(x) for count in curves["updates"]]
    return population, watch.curves


def lowest(curves: Curves, name: str) -> int:
    """The member that ends lowest; one that diverged ends at infinity."""
    ends = np.array([member[name][-1] for member in curves])
    return int(np.where(np.isfinite(ends), ends, np.inf).argmin())


def fastest(curves: Curves, target: float, most: float) -> tuple[int, float]:
    """The member that first has a training error of `target` %, and after how many epochs.

    If none has, the member that ends lowest, and `most`.
    """
    reached = {
        member: epochs
        for member, one in enumerate(curves)
        if (epochs := first_cost(one, "train_error", target, "epochs")) is not None
    }
    if not reached:
        return lowest(curves, "train_error"), float(most)
    best = min(reached, key=reached.__getitem__)
    return best, float(reached[best])


def sensitivity(
    weights: Sequence[np.ndarray], x: np.ndarray, y: np.ndarray, *, size: float, draws: int, rng
) -> tuple[float, float]:
    """The mean absolute change of a softmax regression's loss, and the loss, in nats.

    Args:
        weights: kernel and bias.
        x, y: images and labels.
        size: the norm of the change of the weights over theirs.
        draws: random directions.
        rng: draws them.
    """
    kernel, bias = weights
    whole = np.vstack([kernel, bias]).astype("float64")
    examples = Examples(x, y)

    def loss(moved: np.ndarray) -> float:
        return score(lambda images: images @ moved[:-1] + moved[-1], examples)[0]

    exact = loss(whole)
    changes = []
    for _ in range(draws):
        direction = rng.normal(size=whole.shape)
        direction *= size * np.linalg.norm(whole) / np.linalg.norm(direction)
        changes.append(abs(loss(whole + direction) - exact))
    return float(np.mean(changes)), exact
