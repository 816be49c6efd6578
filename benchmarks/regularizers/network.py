"""The ReLU network of Table 9 with any of the regularizers."""

from collections.abc import Sequence
from typing import Any

from benchmarks.harness.spec import Params, Trial, without
from benchmarks.regularizers.arms import TUNED


def structure(params: Params) -> Params:
    """Trials that differ only in numbers train together."""
    return without(params, *TUNED, "candidate")


def build(trial: Trial, input_shape: Sequence[int], num_classes: int):
    """A multilayer perceptron with the regularizers of a trial, giving logits.

    It reads `widths`, `activation`, the strengths of `arms.TUNED` as far as the trial has them,
    `target` (of the mean activation), `input_rate` (of dropped inputs) and `masks` (of
    DropConnect: its argument `sampling`). Arms start from the same kernels.
    """
    from keras import Input, Sequential, constraints, initializers
    from keras import layers as core

    from keras_ddl.layers import DropConnect, VariableDropout
    from keras_ddl.regularizers import KLSparsity, VariableL1L2

    params = trial.params
    arm, rate = params["arm"], params.get("rate")

    def dense(units: int, layer: int, hidden: bool = True) -> Any:
        options: dict[str, Any] = {}
        if params.get("l1") or params.get("l2"):
            options["kernel_regularizer"] = VariableL1L2(params.get("l1", 0), params.get("l2", 0))
        if params.get("max_norm"):
            options["kernel_constraint"] = constraints.MaxNorm(params["max_norm"])
        if hidden:
            options["activation"] = params["activation"]
        if hidden and params.get("sparsity"):
            kind = "bernoulli" if params["activation"] == "sigmoid" else "poisson"
            options["activity_regularizer"] = KLSparsity(params["sparsity"], params["target"], kind)
        seed = trial.derive("init", layer=layer)
        scale = (
            initializers.HeNormal if params["activation"] == "relu" else initializers.GlorotNormal
        )
        return core.Dense(units, kernel_initializer=scale(seed), **options)

    def dropped(share: Any, layer: Any) -> list[Any]:
        seed = trial.derive("dropout", layer=layer)
        if arm.startswith("dropout"):
            return [VariableDropout(share, seed=seed)]
        return [core.GaussianDropout(share, seed=seed)] if arm == "Gaussian dropout" else []

    layers = [Input(tuple(input_shape)), core.Flatten()]
    layers += dropped(params["input_rate"], "input") if params["input_rate"] else []
    for layer, units in enumerate(params["widths"]):
        one = dense(units, layer)
        if arm == "DropConnect":
            seed = trial.derive("dropout", layer=layer)
            one = DropConnect(one, rate, sampling=params["masks"], seed=seed)
        layers += [one, *dropped(rate, layer)]
    return Sequential([*layers, dense(num_classes, len(params["widths"]), hidden=False)])


def optimizer(trial: Trial):
    """SGD whose learning rate falls as 1 / (1 + t / T), as in the author's configuration."""
    from keras.optimizers import SGD, schedules

    params = trial.params
    time = params["learning_rate_time"]
    rate = schedules.InverseTimeDecay(params["learning_rate"], time, decay_rate=1.0)
    return SGD(rate, momentum=params["momentum"])
