"""Layer and batch normalization in a multilayer perceptron on MNIST, at batch 128, 4 and 1.

Ba et al. (2016), section 6.6 and Fig. 6: 784-1000-1000-10 with Adam, LN on the hidden layers, BN on
all layers. At batch 4 the error of BN is higher than without normalization, and the error of LN
hardly changes. The paper has no batch 1; a batch of one image has no variance, so BN is not run on
it.
"""

from collections.abc import Sequence

from benchmarks.harness import profiles, references
from benchmarks.harness.claims import Claim, Verdict, all_of, within
from benchmarks.harness.experiment import Experiment, Training
from benchmarks.harness.spec import Params, Record, Trial
from benchmarks.harness.stats import paired_difference
from benchmarks.harness.views import GUESSING, View, values
from benchmarks.norm_batch_size.training import ERROR, last_errors, trial_params
from benchmarks.norm_batch_size.views import draw, table


def grid(settings: Params) -> list[Params]:
    return [
        trial_params(settings, norm=norm, batch_size=size)
        for norm, sizes in settings["arms"]
        for size in sizes
    ]


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    import keras
    from keras import layers

    norm = trial.params["norm"]
    layer_of = {"LN": layers.LayerNormalization, "BN": layers.BatchNormalization}

    def dense(units: int, layer: int):
        initializer = keras.initializers.HeNormal(seed=trial.derive("init", layer=layer))
        return layers.Dense(units, use_bias=norm == "none", kernel_initializer=initializer)

    body: list = [keras.Input(tuple(input_shape)), layers.Flatten()]
    for layer, units in enumerate(trial.params["widths"]):
        body.append(dense(units, layer))
        body += [layer_of[norm]()] if norm in layer_of else []
        body.append(layers.ReLU())
    logits = layers.Dense(
        num_classes,
        kernel_initializer=keras.initializers.HeNormal(seed=trial.derive("init", layer="logits")),
    )
    return keras.Sequential([*body, logits, *([layer_of["BN"]()] if norm == "BN" else [])])


def optimizer(trial: Trial):
    from keras.optimizers import Adam

    return Adam(trial.params["learning_rate"])


def judge(records: Sequence[Record]) -> Verdict:
    """Judge whether BN errs more at batch 4 than at 128, and more than LN at batch 4 and 1."""
    error = {
        (norm, size): values(records, ERROR, diverged=GUESSING, norm=norm, batch_size=size)
        for norm, size in (("BN", 128), ("BN", 4), ("LN", 128), ("LN", 4), ("LN", 1))
    }

    def above(worse: tuple[str, int], better: tuple[str, int]):
        what = f"error of {worse[0]} at batch {worse[1]} above {better[0]} at batch {better[1]}"
        return within(what, paired_difference(error[worse], error[better]), "pp", low=0)

    return all_of(
        [
            above(("BN", 4), ("BN", 128)),
            above(("BN", 4), ("LN", 4)),
            above(("BN", 4), ("LN", 1)),
        ]
    )


EXPERIMENT = Experiment(
    name="norm_mlp",
    version=1,
    summary="error of a multilayer perceptron with LN, BN and neither at batch 128, 4 and 1",
    profiles=profiles.load("norm_mlp"),
    paper_dataset="MNIST",
    grid=grid,
    work=Training(
        build=build,
        optimizer=optimizer,
        watchers=last_errors,
        small_steps=lambda trial: trial.params["batch_size"] <= 8,
    ),
    views=(
        View(
            axis="batch_size",
            axis_title="batch size",
            metrics={ERROR: "validation error %", "test_error": "test error %"},
            series=("norm",),
            reference=lambda params: references.load("layer_normalization", "fig6"),
            draw=draw,
            table=table,
        ),
    ),
    claims=(
        Claim(
            "ln-batch-1",
            "LN works at batch 4 and 1, where BN is hard (the part on RNNs is measured elsewhere)",
            judge,
        ),
    ),
)
