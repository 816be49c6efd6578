"""Parameters, network, optimizer and error that the normalization studies share."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.harness.data import Examples, Split
from benchmarks.harness.spec import Params, Trial, without
from benchmarks.networks import norms
from benchmarks.networks.resnet import resnet

ERROR = "median_error"  # the metric: median of the validation errors after the last epochs
TEST = "median_test_error"  # the same of the test errors; nothing is chosen by it
MOMENTUM = 0.9
# Settings that are not parameters of trials.
NOT_OF_TRIALS = ("arms", "arms_at_equal_updates", "learning_rate_at_32")


def image_trial(settings: Params, **arm: Any) -> dict[str, Any]:
    """A trial's parameters, with a learning rate proportional to the batch size of one device."""
    rate = settings["learning_rate_at_32"] * arm["batch_size"] / 32
    return trial_params(settings, **arm, learning_rate=rate)


def trial_params(settings: Params, **arm: Any) -> dict[str, Any]:
    """A trial's parameters, with epochs converted to updates. Each device processes a batch.

    An arm with `equal` "updates" has as many updates as one with 32 images per batch.
    """
    size = 32 if arm.get("equal") == "updates" else arm["batch_size"]
    images = size * arm.get("devices", 1)
    shared = without(settings, *NOT_OF_TRIALS)
    return {
        **shared,
        **arm,
        "updates": settings["epochs"] * (settings["train_size"] // images),
        "points": settings["epochs"],
    }


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    params = trial.params
    return resnet(
        input_shape,
        num_classes,
        norms.make(params),
        seeds=trial.derive,
        widths=params["widths"],
        blocks=params["blocks"],
        pool=params["pool"],
        augment=params.get("augment", False),
    )


def sgd(trial: Trial):
    """SGD with momentum and a learning rate that falls in steps or along a cosine.

    The paper adds weight decay to the gradient. Keras' decay bypasses momentum; dividing by
    (1 - momentum) gives the same long-run decay.
    """
    from keras.optimizers import SGD, schedules

    params = trial.params
    rate, updates = params["learning_rate"], params["updates"]
    if params["learning_rate_decay"] == "steps":
        drops = [int(updates * share) for share in params["learning_rate_drops"]]
        levels = [rate * 0.1**drop for drop in range(len(drops) + 1)]
        schedule = schedules.PiecewiseConstantDecay(drops, levels)
    else:
        schedule = schedules.CosineDecay(rate, updates)
    decay = params["weight_decay"] / (1 - MOMENTUM)
    return SGD(schedule, momentum=MOMENTUM, weight_decay=decay)


def together(*differ: str):
    """A `Training.structure`: trials that differ only in these parameters train together.

    Args:
        differ: names of parameters. The learning rate may differ, too.
    """
    return lambda params: without(params, *differ, "learning_rate")


def last_errors(trials: Sequence[Trial], splits: Sequence[Split]):
    """A callback that adds the median of the last epochs' validation errors to the logs."""
    return _last_errors(trials, {ERROR: [split.validation for split in splits]})


def last_errors_on_test_images_too(trials: Sequence[Trial], splits: Sequence[Split]):
    """The same, and the median of the test errors. They choose nothing: the paper shows them."""
    sets = {
        ERROR: [split.validation for split in splits],
        TEST: [split.test for split in splits],
    }
    return _last_errors(trials, sets)


def _last_errors(trials: Sequence[Trial], sets: Mapping[str, Sequence[Examples]]):
    import keras
    import numpy as np

    from benchmarks.harness.training.scoring import add_to_logs, predictor, score_together

    class LastErrors(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.errors: dict[str, list[list[float]]] = {name: [] for name in sets}

        def on_epoch_end(self, epoch, logs=None):
            left = self.params["epochs"] - 1 - epoch
            if left < trials[0].params["median_of"]:
                for name, examples in sets.items():
                    scores = score_together(predictor(self.model), examples)
                    self.errors[name].append([error for _, error in scores])
            if not left:
                for name, errors in self.errors.items():
                    add_to_logs(self.model, logs, name, np.median(errors, axis=0).tolist())

        def get_state(self):
            return {name: np.asarray(errors) for name, errors in self.errors.items()}

        def set_state(self, state):
            self.errors = {name: errors.tolist() for name, errors in state.items()}

    return [LastErrors()]
