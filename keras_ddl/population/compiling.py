"""Makes a separate optimizer and separate metrics for each member."""

from typing import Any

import keras
import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from keras_ddl.optimizers import FusedAdam, FusedSGD

_FUSED = {keras.optimizers.SGD: FusedSGD, keras.optimizers.Adam: FusedAdam}


def rates_of(learning_rate: Any, count: int) -> list[Any] | None:
    """The members' learning rates as floats or schedules.

    Args:
        learning_rate: None, or a sequence of `count` numbers or `LearningRateSchedule`s.
        count: number of members.

    Raises:
        ValueError: if there is not one rate for each member, or if one is not a finite number >= 0.
    """
    if learning_rate is None:
        return None
    scalar = np.ndim(learning_rate) == 0 if not isinstance(learning_rate, list | tuple) else False
    if scalar:
        raise ValueError(
            f"`learning_rate` must be a sequence of {count} rates, one for each member; one rate "
            f"for all belongs in the optimizer. Received: learning_rate={learning_rate!r}"
        )
    rates = list(learning_rate)
    if len(rates) != count:
        raise ValueError(
            f"`learning_rate` must give one rate for each of the {count} members. "
            f"Received: {len(rates)} of them"
        )
    return [_checked(rate) for rate in rates]


def _checked(rate):
    if isinstance(rate, LearningRateSchedule):
        return rate
    number = isinstance(rate, int | float | np.number) and not isinstance(rate, bool)
    if not number or not np.isfinite(rate) or rate < 0:
        raise ValueError(
            "`learning_rate` must hold finite numbers >= 0 or LearningRateSchedules. "
            f"Received: {rate!r}"
        )
    return float(rate)


def own_optimizer(optimizer: Any, rate: Any, fused: bool) -> Any:
    """Make a new optimizer with the same configuration.

    Args:
        optimizer: an argument of `keras.optimizers.get`.
        rate: the learning rate of the new one; None keeps that of `optimizer`.
        fused: whether core's SGD and Adam may be replaced by `FusedSGD` and `FusedAdam`, the same
            rules in one operation.
    """
    optimizer = keras.optimizers.get(optimizer)
    kind: Any = type(optimizer)
    if fused:
        kind = _FUSED.get(kind, kind)
    own = kind.from_config(optimizer.get_config())
    if rate is not None:
        inner = getattr(own, "inner_optimizer", own)
        config = {**inner.get_config(), "learning_rate": rate}
        inner = type(inner).from_config(config)
        if own is getattr(own, "inner_optimizer", own):
            return inner
        own.inner_optimizer = inner
    return own


def own_metrics(metrics: Any) -> Any:
    """Replace every metric object in a nested structure by a new one like it."""
    if metrics is None:
        return None
    if not isinstance(metrics, list | tuple | dict):
        raise ValueError(f"`metrics` must be a list or a dict. Received: {metrics!r}")

    def own(metric):
        if isinstance(metric, keras.metrics.Metric):
            return type(metric).from_config(metric.get_config())
        return metric

    return keras.tree.map_structure(own, metrics)


class MemberOptimizers:
    """The interface of all members' optimizers for callbacks: one learning rate for all.

    Args:
        models: the members.
        differ: whether `compile` was given a learning rate for each member. They cannot be set
            together then.
    """

    def __init__(self, models, differ):
        self._models = lambda: models
        self._differ = differ

    @property
    def learning_rate(self) -> Any:
        """The mean of the members' learning rates."""
        rates = [keras.ops.convert_to_numpy(m.optimizer.learning_rate) for m in self._models()]
        return np.mean(rates, dtype="float64").astype("float32")

    @learning_rate.setter
    def learning_rate(self, value):
        if self._differ:
            raise TypeError(
                "The members have different learning rates, from compile(learning_rate=...), which "
                f"cannot be set together. Received: learning_rate={value!r}"
            )
        if not isinstance(value, LearningRateSchedule):
            value = float(
                keras.ops.convert_to_numpy(value)
            )  # a number, since members must not share an array
        for model in self._models():
            model.optimizer.learning_rate = value

    @property
    def iterations(self) -> Any:
        """The number of updates that the first member has made."""
        return self._models()[0].optimizer.iterations

    @property
    def variables(self) -> list[Any]:
        """The variables of all members' optimizers."""
        return [v for model in self._models() for v in model.optimizer.variables]


def resolved_jit(jit_compile: Any, run_eagerly: bool) -> Any:
    """The value of `jit_compile` for the members."""
    if jit_compile != "auto" or keras.backend.backend() != "tensorflow":
        return False if run_eagerly else jit_compile
    import tensorflow as tf

    return bool(tf.config.list_logical_devices("GPU")) and not run_eagerly
