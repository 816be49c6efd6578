"""Trains the networks of one trial together, and scores single networks and their averages."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras.optimizers import schedules

from benchmarks.ensembles.scores import scores, softmax
from benchmarks.harness.experiment import Curves, Metrics
from benchmarks.harness.spec import Trial
from benchmarks.networks.dropout_mlp import dropout_mlp
from keras_ddl import Population
from keras_ddl.callbacks import SnapshotEnsemble
from keras_ddl.monte_carlo import mc_samples
from keras_ddl.population import member_indices

BATCH = 500
PLAIN, DROPOUT, SNAPSHOTS = "plain", "dropout", "snapshots"


def network(trial: Trial, classes: int, shape: Sequence[int], dropped: bool, number: int = 0):
    """A multilayer perceptron, with dropout or without; `number` selects its initial weights."""
    params = trial.params

    def seeds(component: str, **axes: Any) -> int:
        return trial.derive(component, network=number, **axes)

    return dropout_mlp(
        shape,
        params["widths"],
        classes,
        keep=params["keep"] if dropped else 1.0,
        input_keep=params["input_keep"] if dropped else None,
        seeds=seeds,
    )


def train(
    trial: Trial,
    models: Sequence[keras.Model],
    rates: Sequence[Any],
    split: Any,
    *,
    cost: int,
    callbacks: Sequence[Any] = (),
    orders: Sequence[int] | None = None,
) -> Population:
    """Train networks side by side for `cost` epochs of `unit_updates` updates."""
    params, count = trial.params, len(models)
    population = Population.from_models(models, data=(split.train.x, split.train.y))
    population.compile(
        keras.optimizers.SGD(0.1, momentum=params["momentum"]),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        learning_rate=[*rates],
    )
    seeds = [trial.derive("order", network=0)] * count if orders is None else orders
    batches = member_indices(
        None,
        batch_size=params["batch_size"],
        subsets=[np.arange(len(split.train.y))] * count,
        seeds=seeds,
    )
    population.fit(
        batches,
        steps_per_epoch=params["unit_updates"],
        epochs=cost,
        verbose=0,
        shuffle=False,
        callbacks=[*callbacks],
    )
    return population


def predicted(function: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    """What a function gives for images, in batches of one size."""
    parts = []
    for start in range(0, len(x), BATCH):
        batch = x[start : start + BATCH]
        rows = len(batch)
        if rows < BATCH:
            batch = np.concatenate([batch, np.zeros((BATCH - rows, *x.shape[1:]), x.dtype)])
        parts.append(np.asarray(function(batch))[:rows])
    return np.concatenate(parts)


def member_probabilities(population: Population, x: np.ndarray) -> np.ndarray:
    """Probabilities `(examples, K, classes)` of all members."""
    return softmax(predicted(population.predict_on_batch, x))


def lowest(errors: Sequence[dict[str, float]]) -> int:
    """The place of the lowest error; of equal ones, that of the lowest negative log-likelihood."""
    return min(range(len(errors)), key=lambda place: (errors[place]["error"], errors[place]["nll"]))


def independent(trial: Trial, model: keras.Model, split: Any) -> tuple[Metrics, Curves]:
    """`cost` networks from different initial weights and orders, each for one unit of training.

    The learning rate is chosen by the mean validation error of the networks. Metrics: `error_K`,
    `nll_K` and `ece_K` of the mean prediction of the first K networks, and the training times.
    """
    params, classes = trial.params, model.output_shape[-1]
    shape, count = split.train.x.shape[1:], trial.params["cost"]
    rates = params["learning_rates"]
    models, schedule, orders = [], [], []
    for rate in rates:
        for number in range(count):
            models.append(network(trial, classes, shape, dropped=False, number=number))
            schedule.append(schedules.CosineDecay(rate, params["unit_updates"]))
            orders.append(
                trial.derive("order", network=number) if number else trial.derive("order")
            )
    population = train(trial, models, schedule, split, cost=1, orders=orders)
    validation = member_probabilities(population, split.validation.x)
    means = []
    for place in range(len(rates)):
        each = [
            scores(validation[:, place * count + number], split.validation.y)
            for number in range(count)
        ]
        means.append({name: float(np.mean([one[name] for one in each])) for name in each[0]})
    chosen = lowest(means)
    test = member_probabilities(population, split.test.x)
    test = test[:, chosen * count : (chosen + 1) * count]
    metrics = {"learning_rate": rates[chosen]}
    for members in range(1, count + 1):
        found = scores(test[:, :members].mean(axis=1), split.test.y)
        metrics |= {f"{name}_{members}": value for name, value in found.items()}
    return metrics | seconds(trial, classes, shape, split), {}


def seconds(trial: Trial, classes: int, shape: Sequence[int], split: Any) -> Metrics:
    """Seconds of 1,000 updates: one network, one with dropout, and `cost` networks together."""
    metrics = {}
    for name, dropped, count in (
        (PLAIN, False, 1),
        (DROPOUT, True, 1),
        ("ensemble", False, trial.params["cost"]),
    ):
        models = [network(trial, classes, shape, dropped, number) for number in range(count)]
        clock = Clock()
        train(trial, models, [0.01] * count, split, cost=3, callbacks=[clock])
        # The first call compiles; of the other two the faster one counts.
        metrics[f"seconds_{name}"] = 1000 * min(clock.spent[1:]) / trial.params["unit_updates"]
    return metrics


class Clock(keras.callbacks.Callback):
    """Seconds of each epoch."""

    def on_train_begin(self, logs=None):
        self.spent: list[float] = []

    def on_epoch_begin(self, epoch, logs=None):
        self.begun = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.spent.append(time.perf_counter() - self.begun)


def single(trial: Trial, model: keras.Model, split: Any) -> tuple[Metrics, Curves]:
    """One network without dropout, one with it, and one with snapshots, each for `cost` units.

    The learning rate of each is chosen on validation images. With the parameter `samples`, the
    network with dropout also gives Monte-Carlo averages over that many masks: `mc_error_N` and so
    on.
    """
    params, classes = trial.params, model.output_shape[-1]
    shape, cost, rates = split.train.x.shape[1:], trial.params["cost"], params["learning_rates"]
    updates = cost * params["unit_updates"]
    methods = (PLAIN, DROPOUT, *([SNAPSHOTS] if cost > 1 else []))
    models, schedule = [], []
    for method in methods:
        for rate in rates:
            models.append(network(trial, classes, shape, dropped=method == DROPOUT))
            decay = schedules.CosineDecay(rate, updates)
            if method == SNAPSHOTS:
                decay = schedules.CosineDecayRestarts(rate, params["unit_updates"], 1.0, 1.0)
            schedule.append(decay)
    snapshots = SnapshotEnsemble(1)
    population = train(trial, models, schedule, split, cost=cost, callbacks=[snapshots])
    validation = member_probabilities(population, split.validation.x)
    test = member_probabilities(population, split.test.x)
    metrics: Metrics = {}
    for number, method in enumerate(methods):
        places = range(number * len(rates), (number + 1) * len(rates))
        on_validation = [validation[:, place] for place in places]
        if method == SNAPSHOTS:
            on_validation = [averaged(snapshots, place, split.validation.x) for place in places]
        chosen = lowest([scores(one, split.validation.y) for one in on_validation])
        place = places[chosen]
        found = averaged(snapshots, place, split.test.x) if method == SNAPSHOTS else test[:, place]
        metrics |= {f"{method}_{k}": v for k, v in scores(found, split.test.y).items()}
        metrics[f"{method}_learning_rate"] = rates[chosen]
        if method == DROPOUT and params["samples"]:
            metrics |= monte_carlo(population.member(place), split.test, params["samples"])
    return metrics, {}


def averaged(snapshots: SnapshotEnsemble, member: int, x: np.ndarray) -> np.ndarray:
    """The mean probabilities of all snapshots of a member."""
    ensemble = snapshots.ensemble(activation="softmax", member=member)
    return predicted(ensemble.predict_on_batch, x).astype("float64")


def monte_carlo(model: keras.Model, test: Any, samples: Sequence[int]) -> Metrics:
    """The scores of means over the first N masks, for each N of `samples`."""
    total: Any = 0.0
    metrics: Metrics = {}
    drawn = mc_samples(model, test.x, max(samples), batch_size=BATCH, activation="softmax")
    for number, probabilities in enumerate(drawn, start=1):
        total = total + probabilities
        if number in samples:
            found = scores(np.asarray(total) / number, test.y)
            metrics |= {f"mc_{name}_{number}": value for name, value in found.items()}
    return metrics
