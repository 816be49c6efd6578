"""Runs trials with Keras: one trial, several trials as a population, or a measurement."""

import math
import time
import warnings
from collections.abc import Sequence

import keras

from benchmarks.harness import guessing
from benchmarks.harness.data import Dataset
from benchmarks.harness.env import environment
from benchmarks.harness.experiment import Experiment, Measuring, Training
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import now
from benchmarks.harness.training import backend, models
from benchmarks.harness.training.checkpoints import Checkpoints
from benchmarks.harness.training.devices import data_parallel
from benchmarks.harness.training.group import Group
from benchmarks.harness.training.scoring import Predict, score_together
from benchmarks.harness.training.splits import Splits
from benchmarks.harness.training.watch import BestPoint, OnPoint, Probe, Stopwatch, Watch
from keras_ddl import feed
from keras_ddl.population import MemberDiverged


class Trainer:
    """Runs trials of one experiment on one data set.

    It reads these parameters of a trial:

    - `train_size`, `validation_size`, `batch_size`, `updates`;
    - `points`: the number of points of the learning curves, evenly spaced;
    - `curve_examples`: the number of training and of validation examples on which each point is
      measured, without dropout. 0: none are measured;
    - `early_stopping` (default False): whether to restore, at the end, the weights of the point
      with the lowest validation error. All updates are done nevertheless, so that trials remain
      comparable in cost;
    - `devices` (default 1): the number of devices. Each device processes one batch per update.

    Args:
        experiment: the experiment.
        dataset: the data set.

    Attributes:
        checkpoints: where unfinished groups are stored. None (default): nowhere.
    """

    checkpoints: Checkpoints | None = None

    def __init__(self, experiment: Experiment, dataset: Dataset):
        self.experiment = experiment
        self.dataset = dataset
        self.splits = Splits(dataset)
        # Read once, because the commit may change while trials run.
        self.environment = environment(backend.name())

    def __call__(self, trial: Trial, on_point: OnPoint = lambda point, points: None) -> Record:
        """Train and then score the test set once; or measure.

        Args:
            trial: the trial to run.
            on_point: called during training with (points done, number of points).
        """
        if isinstance(self.experiment.work, Measuring):
            return self._measured(trial, self.experiment.work)
        return self.together([trial], on_point)[0]

    def together(
        self, trials: Sequence[Trial], on_point: OnPoint = lambda point, points: None
    ) -> list[Record]:
        """Train trials of one structure as a population. Their records equal those of `__call__`.

        Records of several trials have no times, because the members are not timed separately.

        Args:
            trials: trials for which `Training.structure` returns equal parameters.
            on_point: called during training with (points done, number of points).
        """
        params, training = trials[0].params, self.experiment.work
        assert isinstance(training, Training)
        if params["updates"] % params["points"]:
            raise ValueError(
                "`points` must divide `updates`. "
                f"Received: points={params['points']}, updates={params['updates']}"
            )
        keras.utils.clear_session()  # outside `data_parallel`: it would reset TensorFlow's strategy
        with data_parallel(params.get("devices", 1)):
            return self._trained(Group.make(trials, self.splits), training, on_point)

    def _trained(self, group: Group, training: Training, on_point: OnPoint) -> list[Record]:
        stopwatch, params = Stopwatch(), group.params
        model, predict = models.compiled(training, group, self.dataset.num_classes)
        best = BestPoint(len(group.trials), params) if params.get("early_stopping") else None
        watch = Watch(
            predict, group.splits, params["curve_examples"], on_point, _probe(training, group)
        )
        watchers = training.watchers(group.trials, group.splits)
        callbacks = [stopwatch, *watchers, watch, *([best.callback] if best else [])]
        checkpoint = self.checkpoints and self.checkpoints.callback(group.trials, callbacks)
        begin = checkpoint.epoch if checkpoint else 0

        def batches():
            return group.batches(begin * group.updates_per_point)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MemberDiverged)  # the record has the status "diverged"
            model.fit(
                feed.batches(batches) if group.alone else batches(),
                steps_per_epoch=group.updates_per_point,
                epochs=params["points"],
                initial_epoch=begin,
                shuffle=False,
                verbose=0,
                callbacks=[*callbacks, *([checkpoint] if checkpoint else [])],
            )
        scores = _final_scores(predict, group)
        wall = stopwatch.seconds
        records = []
        for member, trial in enumerate(group.trials):
            curves, metrics = watch.curves[member], scores[member]
            metrics |= {name: curves[name][-1] for name in watch.others if name in curves}
            if best is not None:
                metrics["stopped_at"] = group.updates_per_point * (1 + best.points[member])
            times = {"wall_s": wall, "fit_s": curves["seconds"][-1]} if group.alone else {}
            records.append(self._record(trial, metrics, curves, times, watch.diverged[member]))
        return records

    def _measured(self, trial: Trial, measuring: Measuring) -> Record:
        """Measure. If the experiment builds a model, measure the untrained model."""
        started = time.perf_counter()
        keras.utils.clear_session()
        if measuring.build is None:
            metrics, curves = measuring.measure(trial)
        else:
            (split,) = Group.make([trial], self.splits).splits
            shape, classes = split.train.x.shape[1:], self.dataset.num_classes
            model = models.build(measuring.build, trial, shape, classes)
            metrics, curves = measuring.measure(trial, model, split)
        return self._record(trial, metrics, curves, {"wall_s": time.perf_counter() - started})

    def _record(self, trial, metrics, curves, times, diverged: bool = False) -> Record:
        diverged = diverged or not all(map(math.isfinite, metrics.values()))
        classes = self.dataset.num_classes  # 0: the data are no classes
        if classes and "train_loss" in metrics:
            diverged = diverged or guessing.diverged(metrics["train_loss"], classes)
        return Record(
            trial=trial,
            status="diverged" if diverged else "ok",
            finished=now(),
            metrics={} if diverged else metrics,
            curves=curves,
            times=times,
            environment={**self.environment, **({"classes": classes} if classes else {})},
        )


def _probe(training: Training, group: Group) -> Probe | None:
    """The experiment's probe as a function of a member's place and model."""
    probe = training.probe
    if probe is None:
        return None
    return lambda member, model: probe(group.trials[member], model, group.splits[member])


def _final_scores(predict: Predict, group: Group) -> list[dict[str, float]]:
    metrics: list[dict[str, float]] = [{} for _ in group.trials]
    for name in ("train", "validation", "test"):
        sets = [getattr(split, name) for split in group.splits]
        if len(sets[0].y):
            for member, scores in zip(metrics, score_together(predict, sets), strict=True):
                member[f"{name}_loss"], member[f"{name}_error"] = scores
    return metrics
