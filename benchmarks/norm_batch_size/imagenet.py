"""Error by batch size on ImageNet, for who has it: ResNet-50 by the recipe of Wu and He (2018).

The images come from TensorFlow Datasets, prepared beforehand, and every one of `--devices` devices
of TensorFlow takes `batch_size` images of each batch. BN's statistics are those of one device, as
in the paper, or of all (`--synchronized yes`). A killed trial goes on after its last whole epoch,
on all devices with the moving statistics of the first.
"""

import csv
import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.harness import profiles, references
from benchmarks.harness.data import imagenet
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Params, Record, Trial
from benchmarks.harness.store import now
from benchmarks.harness.views import View
from benchmarks.networks import norms
from benchmarks.norm_batch_size.devices import SETUP, SYNCHRONIZED, device_choice
from benchmarks.norm_batch_size.training import ERROR, sgd, trial_params
from benchmarks.norm_batch_size.verdicts import CLAIMS
from benchmarks.norm_batch_size.views import draw, table

DEVICES_OF_PAPER = 8  # on which its rate of .1 x batch / 32 was used


def grid(settings: Params, devices: str, synchronized: str) -> list[Params]:
    count = int(devices)
    rate = settings["learning_rate_at_32"] * count / DEVICES_OF_PAPER
    return [
        trial_params(
            settings,
            norm=norm,
            batch_size=size,
            devices=count,
            synchronized=synchronized == "yes",
            learning_rate=rate * size / 32,
        )
        for norm, sizes in settings["arms"]
        for size in sizes
    ]


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    """Core's ResNet-50, its normalization swapped; gamma 0 ends the residual branches."""
    import keras

    from keras_ddl.surgery import swap_normalization

    layer = norms.make(trial.params).layer
    assert layer is not None  # arms without a normalization do not train

    def other(old):
        return layer(old.gamma.shape[0], "zeros" if old.name.endswith("_3_bn") else "ones")

    network = keras.applications.ResNet50(
        weights=None,
        input_shape=tuple(input_shape),
        classes=num_classes,
        classifier_activation=None,
    )
    return swap_normalization(network, other)


class Trainer:
    """Trains trials one after another; their unfinished states lie in the folder of the cache."""

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

        started, params = time.perf_counter(), trial.params
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
            model = build(trial, (size, size, 3), self.dataset.num_classes)
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(sgd(trial), loss, metrics=["accuracy"], jit_compile=False)
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
            rows = {int(row["epoch"]): row for row in csv.DictReader(file)}  # the later of two
        loss = [float(row["loss"]) for row in rows.values()]
        errors = [100 * (1 - float(row["val_accuracy"])) for row in rows.values()]
        whole = len(rows) == trial.params["epochs"] and all(map(math.isfinite, loss))
        median = statistics.median(errors[-trial.params["median_of"] :])
        return Record(
            trial,
            "ok" if whole else "diverged",
            finished=now(),
            metrics={ERROR: median} if whole else {},
            curves={"validation_error": errors, "loss": loss},
            times={"wall_s": seconds},
            environment=self.environment,
        )


EXPERIMENT = Experiment(
    name="norm_imagenet",
    version=1,
    summary="error by batch size for BN, GN, LN and IN: ResNet-50 on ImageNet",
    profiles=profiles.load("norm_imagenet"),
    paper_dataset=imagenet.TITLE,
    grid=grid,
    work=Training(
        build=build,
        optimizer=sgd,
        trainer=Trainer,
    ),
    load=imagenet.ImageNet,
    choices=(device_choice("8", "4", "2", "1"), SYNCHRONIZED),
    views=(
        View(
            axis="batch_size",
            axis_title="batch size",
            metrics={ERROR: "validation error %"},
            series=("norm",),
            split_by=SETUP,
            reference=lambda params: references.load("group_normalization", "batch"),
            draw=draw,
            table=table,
        ),
    ),
    claims=CLAIMS,
)
