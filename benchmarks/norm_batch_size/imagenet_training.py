"""Trains ResNet-50 on ImageNet on TensorFlow's devices, one trial after another.

A killed trial resumes after its last complete epoch. Its state is stored in the cache folder.
"""

import csv
import math
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import guessing
from benchmarks.harness.data import imagenet
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Record, Trial
from benchmarks.harness.store import now
from benchmarks.norm_batch_size.training import ERROR


class Trainer:
    """Trains one trial after another. The state of unfinished trials is in the cache folder."""

    def __init__(self, experiment: Experiment, dataset: imagenet.ImageNet):
        from benchmarks.harness.env import environment
        from benchmarks.harness.training import backend

        if backend.name() != "tensorflow":
            raise ValueError(
                "ImageNet is trained with TensorFlow's devices: set KERAS_BACKEND=tensorflow. "
                f"Received: {backend.name()}"
            )
        self.experiment = experiment
        self.dataset = dataset
        self.environment = environment(backend.name())

    def __call__(
        self, trial: Trial, on_point: Callable[[int, int], None] = lambda point, points: None
    ) -> Record:
        import keras

        from benchmarks.harness.training.devices import mirrored

        started, params, training = time.perf_counter(), trial.params, self.experiment.work
        assert isinstance(training, Training)
        cache = os.environ.get("KERAS_DDL_CACHE") or "~/.cache/keras_ddl"
        state = Path(os.path.expanduser(cache)) / "unfinished" / trial.key
        state.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(trial.derive("unseeded"))
        size, total = params["image_size"], params["batch_size"] * params["devices"]
        train, validation = (
            self.dataset.images(split, seed)
            for split, seed in (("train", trial.derive("order")), ("validation", None))
        )
        with mirrored(params["devices"]).scope():
            model = training.build(trial, (size, size, 3), self.dataset.num_classes)
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(training.optimizer(trial), loss, metrics=["accuracy"], jit_compile=False)
        epochs = params["epochs"]
        model.fit(
            imagenet.batches(train, size, total, augment=True),
            steps_per_epoch=params["updates"] // epochs,
            epochs=epochs,
            shuffle=False,
            validation_data=imagenet.batches(validation, size, total, augment=False),
            verbose=0,
            callbacks=[
                keras.callbacks.TerminateOnNaN(),
                keras.callbacks.CSVLogger(state / "epochs.csv", append=True),
                keras.callbacks.BackupAndRestore(state / "weights"),
                keras.callbacks.LambdaCallback(
                    on_epoch_end=lambda epoch, logs: on_point(epoch + 1, epochs)
                ),
            ],
        )
        return self._record(trial, state / "epochs.csv", time.perf_counter() - started)

    def _record(self, trial: Trial, epochs: Path, seconds: float) -> Record:
        with epochs.open(newline="") as file:
            # A resumed trial may have two rows for an epoch: the later one counts.
            rows = {int(row["epoch"]): row for row in csv.DictReader(file)}
        loss = [float(row["loss"]) for row in rows.values()]
        errors = [100 * (1 - float(row["val_accuracy"])) for row in rows.values()]
        classes = self.dataset.num_classes
        whole = len(rows) == trial.params["epochs"] and all(map(math.isfinite, loss))
        whole = whole and not guessing.diverged(loss[-1], classes)
        median = statistics.median(errors[-trial.params["median_of"] :])
        return Record(
            trial,
            "ok" if whole else "diverged",
            finished=now(),
            metrics={ERROR: median} if whole else {},
            curves={"validation_error": errors, "loss": loss},
            times={"wall_s": seconds},
            environment={**self.environment, "classes": classes},
        )
