"""Train one trial with Keras: the only file of the harness that imports it."""

import itertools
import math
import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.harness import store
from benchmarks.harness.data import Dataset, Examples, Split, split
from benchmarks.harness.env import environment
from benchmarks.harness.quiet import native_chatter_held
from benchmarks.harness.spec import Experiment, Record, Trial

with native_chatter_held():
    import keras

    from keras_ddl.callbacks import ValidationSets

    GPU = bool(keras.distribution.list_devices("gpu"))

OnPoint = Callable[[int, int], None]


class Trainer:
    """Trains trials of one experiment on one data set, one after another.

    A trial's parameters `train_size`, `validation_size`, `batch_size` and `updates` are read here.
    `points` is the number of evenly spaced points of the learning curves, and `curve_examples` how
    many training and validation examples each point evaluates without dropout (0: none).
    """

    def __init__(self, experiment: Experiment, dataset: Dataset):
        self.experiment = experiment
        self.dataset = dataset
        self._split: tuple[tuple[int | None, ...], Split] | None = None

    def __call__(self, trial: Trial, on_point: OnPoint = lambda point, points: None) -> Record:
        """Train, then look at the test set once.

        Args:
            trial: what to train.
            on_point: called with (points done, points in all) while training.
        """
        started = time.perf_counter()
        params = trial.params
        data = self._data(trial)
        model = self._compiled(trial, data)
        points = params["points"]
        clock = _Clock(points, on_point)
        history = model.fit(
            batches(data.train, params["batch_size"], trial.derive("order")),
            steps_per_epoch=max(params["updates"] // points, 1),
            epochs=points,
            shuffle=False,
            verbose=0,
            callbacks=[clock, *_curve_sets(data, params["curve_examples"]), _StopWhenDiverged()],
        ).history
        diverged = not math.isfinite(history["loss"][-1])
        metrics = {} if diverged else _final_metrics(model, data)
        return Record(
            trial=trial,
            status="diverged" if diverged else "ok",
            metrics=metrics,
            curves={**_curves(history), "updates": clock.updates, "seconds": clock.seconds},
            times={
                "wall_s": time.perf_counter() - started,
                "fit_s": clock.seconds[-1],
            },
            environment=environment(keras.backend.backend()),
            finished=store.now(),
        )

    def _data(self, trial: Trial) -> Split:
        sizes = (trial.params["train_size"], trial.params["validation_size"])
        wanted = (*sizes, trial.derive("split"))
        if self._split is None or self._split[0] != wanted:  # arms of a repetition share it
            train_size, validation_size, seed = wanted
            made = split(
                self.dataset, train_size=train_size, validation_size=validation_size, seed=seed
            )
            self._split = (wanted, made)
        return self._split[1]

    def _compiled(self, trial: Trial, data: Split) -> keras.Model:
        keras.utils.clear_session()
        keras.utils.set_random_seed(trial.derive("unseeded"))
        model = self.experiment.build(trial, data.train.x.shape[1:], self.dataset.num_classes)
        model.compile(
            optimizer=self.experiment.optimizer(trial),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            jit_compile=jit_compile(),
        )
        return model


def jit_compile() -> bool | str:
    """XLA on TensorFlow's CPU halves the speed of matmul; elsewhere Keras chooses well."""
    if keras.backend.backend() == "tensorflow" and not GPU:
        return False
    return "auto"


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


def _curve_sets(data: Split, limit: int) -> list[keras.callbacks.Callback]:
    """Training and validation examples for the curves, both as the network sees them at test."""
    sets = {
        name: (examples.x[:limit], examples.y[:limit])
        for name, examples in (("train", data.train), ("validation", data.validation))
        if limit and len(examples.y)
    }
    return [ValidationSets(sets)] if sets else []


def _curves(history: dict[str, list[float]]) -> dict[str, list[float]]:
    """Keras' history under our names: `loss` is the running one, with dropout; errors in %."""
    curves = {}
    for name, values in history.items():
        if name.endswith("_accuracy"):
            curves[name.replace("_accuracy", "_error")] = [100 * (1 - v) for v in values]
        elif name.endswith("loss"):
            curves[name] = values
    return curves


def _final_metrics(model: keras.Model, data: Split) -> dict[str, float]:
    metrics = {}
    for name in ("train", "validation", "test"):
        examples = getattr(data, name)
        if len(examples.y):
            scores = model.evaluate(
                examples.x, examples.y, batch_size=1000, verbose=0, return_dict=True
            )
            metrics[f"{name}_loss"] = scores["loss"]
            metrics[f"{name}_error"] = 100 * (1 - scores["accuracy"])
    return metrics


class _Clock(keras.callbacks.Callback):
    """Seconds spent training, evaluations apart: it must stand first in the list."""

    def __init__(self, points: int, on_point: OnPoint):
        super().__init__()
        self.points = points
        self.on_point = on_point
        self.seconds: list[float] = []
        self.updates: list[float] = []
        self._begun = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._begun = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        before = self.seconds[-1] if self.seconds else 0.0
        self.seconds.append(before + time.perf_counter() - self._begun)
        self.updates.append((epoch + 1) * self.params["steps"])
        self.on_point(epoch + 1, self.points)


class _StopWhenDiverged(keras.callbacks.Callback):
    """Core's TerminateOnNaN looks at every batch, which makes JAX wait for each."""

    def on_epoch_end(self, epoch, logs=None):
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            self.model.stop_training = True
