"""Train one trial with Keras, or several together as a population."""

import math
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from benchmarks.harness.data import Dataset, Examples, Split, split
from benchmarks.harness.env import environment
from benchmarks.harness.experiment import Experiment, as_json
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import now
from benchmarks.harness.training import backend
from benchmarks.harness.training.devices import data_parallel
from benchmarks.harness.training.pool import batches, pooled
from benchmarks.harness.training.scanned import scan_updates
from benchmarks.harness.training.scoring import Predict, score_together
from benchmarks.harness.training.watch import BestPoint, OnPoint, Watch
from keras_ddl import Population, feed
from keras_ddl.population import MemberDiverged, member_indices


class Trainer:
    """Trains trials of one experiment on one data set.

    Of a trial's parameters these are read here: `train_size`, `validation_size`, `batch_size`,
    `updates`, `points` (of the learning curves, evenly spaced), `curve_examples` (how many
    training and validation examples each point is measured on, without dropout; 0: none) and
    `early_stopping` (whether the weights of the point with the lowest validation error are kept;
    False if it is left out) and `devices` (each of which takes a batch; 1 if it is left out). All
    updates are done nevertheless: trials stay comparable in cost.
    """

    def __init__(self, experiment: Experiment, dataset: Dataset):
        self.experiment = experiment
        self.dataset = dataset
        self.environment = environment(backend.name())  # now: the commit may move while trials run
        self._splits: dict[tuple[int, int], Split] = {}

    def __call__(self, trial: Trial, on_point: OnPoint = lambda point, points: None) -> Record:
        """Train, then look at the test set once.

        Args:
            trial: what to train.
            on_point: called with (points done, points in all) while training.
        """
        if self.experiment.measure is not None:
            return self._measured(trial)
        return self.together([trial], on_point)[0]

    def together(
        self, trials: Sequence[Trial], on_point: OnPoint = lambda point, points: None
    ) -> list[Record]:
        """Train trials of one structure as a population; the records are those of `__call__`.

        Records of more than one trial tell no times: a member has none of its own.

        Args:
            trials: equal in what `Experiment.structure` gives.
            on_point: as above.
        """
        params = trials[0].params
        if params["updates"] % params["points"]:
            raise ValueError(
                "`points` must divide `updates`. "
                f"Received: points={params['points']}, updates={params['updates']}"
            )
        keras.utils.clear_session()  # not within a strategy of TensorFlow, which it would forget
        with data_parallel(params.get("devices", 1)):
            return self._trained(trials, on_point)

    def _trained(self, trials: Sequence[Trial], on_point: OnPoint) -> list[Record]:
        started, params = time.perf_counter(), trials[0].params
        steps = params["updates"] // params["points"]
        data = self._data(trials)
        pool, places = pooled(
            [(self._splits[_split_of(t)].train, t.params["train_size"]) for t in trials]
        )
        model, predict = self._compiled(trials, data, pool)
        best = BestPoint(data, params) if params.get("early_stopping", False) else None
        watch = Watch(predict, data, params["curve_examples"], on_point)
        watchers = [w for trial in trials for w in self.experiment.watchers(trial, data[0])]
        callbacks = [*watchers, watch, *([best.callback] if best else [])]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MemberDiverged)  # its record says so
            model.fit(
                feed.batches(lambda: self._batches(trials, data, places)),
                steps_per_epoch=steps,
                epochs=params["points"],
                shuffle=False,
                verbose=0,
                callbacks=callbacks,
            )
        final = self._final_scores(predict, data)
        wall = time.perf_counter() - started
        records = []
        for member, trial in enumerate(trials):
            curves, metrics = watch.curves[member], final[member]
            metrics |= {name: curves[name][-1] for name in watch.others}
            if best is not None:
                metrics["stopped_at"] = steps * (1 + best.points[member])
            diverged = watch.diverged[member] or not all(map(math.isfinite, metrics.values()))
            alone = len(trials) == 1
            records.append(
                Record(
                    trial=trial,
                    status="diverged" if diverged else "ok",
                    finished=now(),
                    metrics={} if diverged else metrics,
                    curves=curves,
                    times={"wall_s": wall, "fit_s": curves["seconds"][-1]} if alone else {},
                    environment=self.environment,
                )
            )
        return records

    def _measured(self, trial: Trial) -> Record:
        """Look at the model as it was built."""
        started = time.perf_counter()
        (data,) = self._data([trial])
        assert self.experiment.measure is not None
        keras.utils.clear_session()
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

    def _data(self, trials: Sequence[Trial]) -> list[Split]:
        """The trials' splits. A larger training set begins with the smaller ones: views of it."""
        sizes: dict[tuple[int, int], int] = {}
        for trial in trials:
            wanted = _split_of(trial)
            sizes[wanted] = max(sizes.get(wanted, 0), trial.params["train_size"])
        kept = {
            wanted: made
            for wanted, made in self._splits.items()
            if len(made.train.y) >= sizes.get(wanted, math.inf)
        }
        self._splits = kept | {  # the arms of a repetition share one
            wanted: split(self.dataset, train_size=size, validation_size=wanted[0], seed=wanted[1])
            for wanted, size in sizes.items()
            if wanted not in kept
        }
        views: dict[tuple[Any, ...], Split] = {}
        for trial in trials:
            size, made = trial.params["train_size"], self._splits[_split_of(trial)]
            train = Examples(made.train.x[:size], made.train.y[:size])
            views.setdefault((_split_of(trial), size), Split(train, made.validation, made.test))
        return [views[_split_of(trial), trial.params["train_size"]] for trial in trials]

    def _batches(
        self, trials: Sequence[Trial], data: Sequence[Split], places: Sequence[np.ndarray]
    ) -> Iterator[Any]:
        """What `fit` is given: examples, or their places among those that a population holds."""
        params = trials[0].params
        size = params["batch_size"] * params.get("devices", 1)
        orders = [trial.derive("order") for trial in trials]
        if len(trials) == 1:
            return batches(data[0].train, size, orders[0])
        if _share(data) and len(set(orders)) == 1:
            drawn = member_indices(None, batch_size=size, subsets=places[:1], seeds=orders[:1])
            return ((index[:, 0],) for (index,) in drawn)
        return member_indices(None, batch_size=size, subsets=places, seeds=orders)

    def _built(self, trial: Trial, data: Split) -> keras.Model:
        keras.utils.set_random_seed(trial.derive("unseeded"))
        return self.experiment.build(trial, data.train.x.shape[1:], self.dataset.num_classes)

    def _compiled(
        self, trials: Sequence[Trial], data: Sequence[Split], pool: Examples
    ) -> tuple[keras.Model, Predict]:
        """A model, or a population that holds `pool`, and what `score_together` asks of it."""
        optimizer, rates = self._optimizer(trials)
        settings: dict[str, Any] = {
            "optimizer": optimizer,
            "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            "jit_compile": backend.jit_compile(),
        }
        one_device = trials[0].params.get("devices", 1) == 1
        steps = trials[0].params["updates"] // trials[0].params["points"]
        if backend.name() == "tensorflow" and one_device and self.experiment.small_steps(trials[0]):
            settings["jit_compile"] = True
            settings["steps_per_execution"] = _divisor(steps, 32)
        scans = backend.scans_updates() and one_device and len(trials) == 1
        if scans:
            settings["steps_per_execution"] = _divisor(steps, 100)
        if len(trials) == 1:
            model = self._built(trials[0], data[0])
            model.compile(**settings)
            if scans:
                scan_updates(model)
            return model, lambda x: np.asarray(model.predict_on_batch(x))[:, None]
        members = [{"trial": t, "data": d} for t, d in zip(trials, data, strict=True)]
        population = Population(self._built, members, data=(pool.x, pool.y))
        population.compile(**settings, learning_rate=rates)
        shared = _share(data)

        def predict(x: np.ndarray) -> np.ndarray:
            # TensorFlow compiles one function for inputs of one rank only.
            if not shared and x.ndim == data[0].train.x.ndim:
                x = np.broadcast_to(x[:, None], (len(x), len(trials), *x.shape[1:]))
            return population.predict_on_batch(x)

        return population, predict

    def _optimizer(self, trials: Sequence[Trial]) -> tuple[Any, list[Any] | None]:
        """The trials' optimizer, and their learning rates if these differ."""
        assert self.experiment.optimizer is not None
        if len(trials) == 1:
            return self.experiment.optimizer(trials[0]), None
        optimizers = [self.experiment.optimizer(trial) for trial in trials]
        configs = [{**optimizer.get_config(), "name": None} for optimizer in optimizers]
        rates = [config.pop("learning_rate") for config in configs]
        if len({as_json(config) for config in configs}) > 1:
            raise ValueError(
                "Trials of one structure must have one optimizer, learning rates apart. "
                f"Received: {configs}"
            )
        if all(rate == rates[0] for rate in rates):
            return optimizers[0], None
        return optimizers[0], [
            keras.saving.deserialize_keras_object(rate) if isinstance(rate, dict) else rate
            for rate in rates
        ]

    def _final_scores(self, predict: Predict, data: Sequence[Split]) -> list[dict[str, float]]:
        metrics: list[dict[str, float]] = [{} for _ in data]
        for name in ("train", "validation", "test"):
            sets = [getattr(one, name) for one in data]
            if len(sets[0].y):
                for member, found in zip(metrics, score_together(predict, sets), strict=True):
                    member[f"{name}_loss"], member[f"{name}_error"] = found
        return metrics


def _divisor(number: int, most: int) -> int:
    """The largest divisor that is at most `most`."""
    return max(n for n in range(1, most + 1) if number % n == 0)


def _share(data: Sequence[Split]) -> bool:
    """Whether all train on the same examples."""
    return all(one.train is data[0].train for one in data)


def _split_of(trial: Trial) -> tuple[int, int]:
    """What, beside the training size, decides a trial's split: validation size and seed."""
    return trial.params["validation_size"], trial.derive("split")
