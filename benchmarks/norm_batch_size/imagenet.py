"""Error by batch size on ImageNet, for those who have it: ResNet-50 as in Wu and He (2018).

TensorFlow Datasets must have prepared the images. Each of the `--devices` TensorFlow devices takes
`batch_size` images of a batch. BN uses the statistics of one device, as in the paper, or of all
devices (`--synchronized yes`). A killed trial resumes after its last complete epoch; all devices
then start from the moving statistics of the first device.
"""

from collections.abc import Sequence

from benchmarks.harness import profiles, references
from benchmarks.harness.data import imagenet
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Params, Trial
from benchmarks.harness.views import View
from benchmarks.networks import norms
from benchmarks.norm_batch_size.devices import SETUP, SYNCHRONIZED, device_choice
from benchmarks.norm_batch_size.imagenet_training import Trainer
from benchmarks.norm_batch_size.training import ERROR, sgd, trial_params
from benchmarks.norm_batch_size.verdicts import CLAIMS
from benchmarks.norm_batch_size.views import draw, table

DEVICES_OF_PAPER = 8  # the paper's learning rate, .1 x batch / 32, is for this many


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
    """Keras' ResNet-50 with another normalization; the last gamma of each branch starts at 0."""
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
