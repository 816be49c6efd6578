"""Error by batch size for batch, layer, group, instance and other normalizations.

Wu and He (2018): with 32 images per batch BN has the lowest error; with 2 its error is much higher,
while the error of GN hardly changes. The learning rate is proportional to the batch size, and the
number of epochs is the same for all sizes. Smaller batches then mean more updates, which helps
where training is short. A profile may add arms that have as many updates at all sizes. With
`--devices` each device processes a batch, and BN uses the statistics of one device (as in the
paper) or of all devices.
"""

from benchmarks.harness import profiles, references
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Params
from benchmarks.harness.views import View
from benchmarks.norm_batch_size.devices import SETUP, SYNCHRONIZED, device_choice, setup
from benchmarks.norm_batch_size.training import (
    ERROR,
    build,
    image_trial,
    last_errors,
    sgd,
    together,
)
from benchmarks.norm_batch_size.verdicts import CLAIMS
from benchmarks.norm_batch_size.views import draw, table


def grid(settings: Params, devices: str, synchronized: str) -> list[Params]:
    return [
        image_trial(settings, norm=norm, batch_size=size, **setup(devices, synchronized))
        for norm, sizes in settings["arms"]
        for size in sizes
    ] + [
        image_trial(
            settings, norm=norm, batch_size=size, equal="updates", **setup(devices, synchronized)
        )
        for norm, sizes in settings.get("arms_at_equal_updates", ())
        for size in sizes
    ]


EXPERIMENT = Experiment(
    name="norm_batch_size",
    version=1,
    summary="error by batch size for BN, GN, LN, IN, GN+WS, FRN, GhostBN and none",
    profiles=profiles.load("norm_batch_size"),
    paper_dataset="CIFAR-10",
    grid=grid,
    work=Training(
        build=build,
        optimizer=sgd,
        structure=together("norm"),
        watchers=last_errors,
        small_steps=lambda trial: trial.params["batch_size"] <= 8,
    ),
    datasets=("cifar10", "mnist"),
    choices=(device_choice("1", "2", "4", "8"), SYNCHRONIZED),
    views=(
        View(
            axis="batch_size",
            axis_title="batch size",
            metrics={ERROR: "validation error %", "test_error": "test error %"},
            series=("norm",),
            split_by=(*SETUP, "equal"),
            reference=lambda params: references.load("group_normalization", "batch"),
            draw=draw,
            table=table,
        ),
    ),
    claims=CLAIMS,
)
