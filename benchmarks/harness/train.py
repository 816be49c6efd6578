"""Train one trial with Keras: the only file of the harness that imports it."""

import itertools
import math
import os
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.harness.data import Dataset, Examples, Split, split
from benchmarks.harness.env import environment, gpu
from benchmarks.harness.experiment import Experiment
from benchmarks.harness.quiet import native_chatter_held
from benchmarks.harness.scoring import score
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import now

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # no notes from native code; warnings stay
with native_chatter_held():
    import keras

    from keras_ddl import feed

    BACKEND = keras.backend.backend()
    GPU = gpu(BACKEND)  # asked here, for TensorFlow complains when it finds none

OnPoint = Callable[[int, int], None]


class Trainer:
    """Trains trials of one experiment on one data set, one after another.

    Of a trial's parameters these are read here: `train_size`, `validation_size`, `batch_size`,
    `updates`, `points` (of the learning curves, evenly spaced), `curve_examples` (how many
    training and validation examples each point is measured on, without dropout; 0: none) and
    `early_stopping` (whether the weights of the point with the lowest validation error are kept;
    False if it is left out). All updates are done nevertheless: trials stay comparable in cost.
    """

    def __init__(self, experiment: Experiment, dataset: Dataset):
        self.experiment = experiment
        self.dataset = dataset
        self.environment = environment(BACKEND)  # now: the commit may move while trials run
        self._split: tuple[tuple[int | None, ...], Split] | None = None

    def __call__(self, trial: Trial, on_point: OnPoint = lambda point, points: None) -> Record:
        """Train, then look at the test set once.

        Args:
            trial: what to train.
            on_point: called with (points done, points in all) while training.
        """
        if self.experiment.measure is not None:
            return self._measured(trial)
        started = time.perf_counter()
        params = trial.params
        if params["updates"] % params["points"]:
            raise ValueError(
                "`points` must divide `updates`. "
                f"Received: points={params['points']}, updates={params['updates']}"
            )
        data = self._data(trial)
        model = self._compiled(trial, data)
        stopping = params.get("early_stopping", False)
        watch = _Watch(data, params["curve_examples"], on_point, stopping)
        model.fit(
            feed.batches(batches(data.train, params["batch_size"], trial.derive("order"))),
            steps_per_epoch=params["updates"] // params["points"],
            epochs=params["points"],
            shuffle=False,
            verbose=0,
            callbacks=[*self.experiment.watchers(trial, data), watch],
        )
        metrics: dict[str, float] = {}
        if not watch.diverged:
            metrics |= {name: watch.curves[name][-1] for name in watch.others}
            if watch.best is not None:
                metrics["stopped_at"] = watch.best.updates
            for name in ("train", "validation", "test"):
                if len(getattr(data, name).y):
                    metrics |= _scores(model, name, getattr(data, name))
        diverged = watch.diverged or not all(map(math.isfinite, metrics.values()))
        return Record(
            trial=trial,
            status="diverged" if diverged else "ok",
            finished=now(),
            metrics={} if diverged else metrics,
            curves=watch.curves,
            times={
                "wall_s": time.perf_counter() - started,
                "fit_s": watch.curves["seconds"][-1],
            },
            environment=self.environment,
        )

    def _measured(self, trial: Trial) -> Record:
        """Look at the model as it was built."""
        started = time.perf_counter()
        data = self._data(trial)
        assert self.experiment.measure is not None
        metrics, curves = self.experiment.measure(trial, self._built(trial, data), data)
        finite = all(map(math.isfinite, metrics.values()))
        return Record(
            trial=trial,
            status="ok" if finite else "diverged",
            finished=now(),
            metrics=metrics if finite else {},
            curves=curves,
            times={"wall_s": time.perf_counter() - started},
            environment=self.environment,
        )

    def _data(self, trial: Trial) -> Split:
        sizes = (trial.params["train_size"], trial.params["validation_size"])
        wanted = (*sizes, trial.derive("split"))
        if self._split is None or self._split[0] != wanted:  # the arms of a repetition share it
            train_size, validation_size, seed = wanted
            made = split(
                self.dataset, train_size=train_size, validation_size=validation_size, seed=seed
            )
            self._split = (wanted, made)
        return self._split[1]

    def _built(self, trial: Trial, data: Split) -> keras.Model:
        keras.utils.clear_session()
        keras.utils.set_random_seed(trial.derive("unseeded"))
        return self.experiment.build(trial, data.train.x.shape[1:], self.dataset.num_classes)

    def _compiled(self, trial: Trial, data: Split) -> keras.Model:
        model = self._built(trial, data)
        assert self.experiment.optimizer is not None
        small = BACKEND == "tensorflow" and self.experiment.small_steps(trial)
        steps = trial.params["updates"] // trial.params["points"]
        model.compile(
            optimizer=self.experiment.optimizer(trial),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=small or jit_compile(),
            steps_per_execution=max(n for n in range(1, 33) if steps % n == 0) if small else 1,
        )
        return model


def jit_compile() -> bool | str:
    """XLA on TensorFlow's CPU halves the speed of matmul; elsewhere Keras chooses well."""
    return False if BACKEND == "tensorflow" and not GPU else "auto"


def batches(
    examples: Examples, batch_size: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Endless batches; every epoch is a fresh permutation that depends on the seed alone.

    All batches are full: what is left over at an epoch's end is not seen in that epoch.
    """
    count = len(examples.y)
    if not 1 <= batch_size <= count:
        raise ValueError(
            f"`batch_size` must lie between 1 and the {count} training examples. "
            f"Received: batch_size={batch_size}"
        )
    for epoch in itertools.count():
        order = np.random.default_rng([seed, epoch]).permutation(count)
        for start in range(0, count - batch_size + 1, batch_size):
            chosen = order[start : start + batch_size]
            yield examples.x[chosen], examples.y[chosen]


class _Best(NamedTuple):
    """The point with the lowest validation error so far; the first of several."""

    error: float
    updates: int
    weights: list[np.ndarray]


class _Watch(keras.callbacks.Callback):
    """Learning curves, and an end to runs whose loss is not finite any more.

    `loss` is the running training loss, with dropout; the others are measured at inference.
    `seconds` counts training alone. A point is what Keras calls an epoch: looking at every batch,
    as core's TerminateOnNaN does, would make JAX wait for each.
    """

    def __init__(self, data: Split, examples: int, on_point: OnPoint, early_stopping: bool):
        super().__init__()
        if early_stopping and not (examples and len(data.validation.y)):
            raise ValueError(
                "`early_stopping` needs a validation error at every point: `curve_examples` and "
                "`validation_size` above 0. "
                f"Received: curve_examples={examples}, validation_size={len(data.validation.y)}"
            )
        self.early_stopping = early_stopping
        self.best: _Best | None = None
        self.sets = {
            name: Examples(part.x[:examples], part.y[:examples])
            for name, part in (("train", data.train), ("validation", data.validation))
            if examples and len(part.y)
        }
        self.on_point = on_point
        self.curves: dict[str, list[float]] = {}
        self.others: list[str] = []  # curves that watchers gave
        self.diverged = False
        self._begun = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._begun = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self._begun + self.curves.get("seconds", [0.0])[-1]
        point = {
            "updates": (epoch + 1) * self.params["steps"],
            "seconds": seconds,
            "loss": logs["loss"],
        }
        self.others = [name for name in logs if name not in point and "/" not in name]
        point |= {name: float(logs[name]) for name in self.others}
        for name, examples in self.sets.items():
            point |= _scores(self.model, name, examples)
        for name, value in point.items():
            self.curves.setdefault(name, []).append(value)
        if self.early_stopping and (
            self.best is None or point["validation_error"] < self.best.error
        ):
            weights = self.model.get_weights()
            self.best = _Best(point["validation_error"], point["updates"], weights)
        self.diverged = not all(map(math.isfinite, point.values()))
        self.model.stop_training = self.diverged
        self.on_point(epoch + 1, self.params["epochs"])

    def on_train_end(self, logs=None):
        if self.best is not None:
            self.model.set_weights(self.best.weights)


def _scores(model: keras.Model, name: str, examples: Examples) -> dict[str, float]:
    loss, error = score(model.predict_on_batch, examples)
    return {f"{name}_loss": loss, f"{name}_error": error}
