"""Metrics with a value for each member."""

import keras
from keras import ops


class MemberValues(keras.metrics.Metric):
    """A metric of K values, whose `result` is their mean over the members that are finite."""

    def members(self):
        """The value of each member, a tensor of K."""
        raise NotImplementedError

    def result(self):
        values = ops.cast(self.members(), "float32")
        finite = ops.isfinite(values)
        # With no finite member left this is 0 / 0: NaN, as it should be.
        total = ops.sum(ops.where(finite, values, ops.zeros_like(values)))
        return total / ops.sum(ops.cast(finite, "float32"))


class MemberMean(MemberValues):
    """The mean over examples of a value that each member has for a batch."""

    def __init__(self, name, count):
        super().__init__(name=name, dtype="float32")
        self.total = self.add_variable((count,), initializer="zeros", name="total")
        self.examples = self.add_variable((), initializer="zeros", name="examples")

    def update_state(self, values, examples):
        examples = ops.cast(examples, self.dtype)
        self.total.assign_add(ops.cast(values, self.dtype) * examples)
        self.examples.assign_add(examples)

    def members(self):
        return self.total / ops.maximum(self.examples, 1.0)


class MemberMetric(MemberValues):
    """A Keras metric kept for each member.

    Args:
        metric: a `keras.metrics.Metric` whose variables exist; it serves as the template.
        each: `MemberMap` over the members.
    """

    def __init__(self, metric, each):
        super().__init__(name=metric.name)
        # In a function, where Keras does not look for metrics to track as parts of this one.
        self._template = lambda: metric
        self._each = each
        self.stacked = [
            self.add_variable((each.count, *v.shape), "zeros", dtype=v.dtype, name=v.name)
            for v in metric.variables
        ]
        self.reset_state()

    def update_state(self, y, y_pred, sample_weight, own):
        """Update every member's state.

        Args:
            y: targets, shared, or with the members on the first axis if `own`.
            y_pred: predictions, the members on the first axis.
            sample_weight: as `y`, or None.
            own: whether every member has targets of its own.
        """
        metric = self._template()
        state = [variable.value for variable in self.stacked]
        targets = {"y": y, "sample_weight": sample_weight}

        def update(one):
            arguments = {"sample_weight": one["sample_weight"]} if sample_weight is not None else {}
            return metric.stateless_update_state(one["state"], one["y"], one["y_pred"], **arguments)

        mapped = {"state": state, "y_pred": y_pred, **(targets if own else {})}
        updated = self._each.with_shared(update, mapped, {} if own else targets)
        for variable, value in zip(self.stacked, updated, strict=True):
            variable.assign(value)

    def members(self):
        state = [variable.value for variable in self.stacked]
        return self._each(self._template().stateless_result, state)

    def reset_state(self):
        for variable, value in zip(
            self.stacked, self._template().stateless_reset_state(), strict=True
        ):
            variable.assign(ops.broadcast_to(ops.cast(value, variable.dtype), variable.shape))


def resolve(metric, loss, outputs):
    """A metric object of what `compile` accepts: a metric, its name, or a function.

    As in Keras, "accuracy" and "crossentropy" mean the kind that suits the loss.

    Args:
        metric: `keras.metrics.Metric`, string, or `fn(y_true, y_pred)`.
        loss: what was given as the loss.
        outputs: number of units of the last axis of the model's output, or None.
    """
    if isinstance(metric, str) and metric.lower() in ("accuracy", "acc", "crossentropy", "ce"):
        kind = "accuracy" if metric.lower().startswith("acc") else "crossentropy"
        loss = getattr(loss, "name", None) or getattr(loss, "__name__", None) or str(loss)
        if "sparse" in loss.lower():
            prefix = "sparse_categorical"
        else:
            prefix = "binary" if outputs == 1 or "binary" in loss.lower() else "categorical"
        found = keras.metrics.get(f"{prefix}_{kind}")
        return type(found)(name=metric)
    found = keras.metrics.get(metric)
    if isinstance(found, keras.metrics.Metric):
        return found
    if callable(found):
        name = metric if isinstance(metric, str) else getattr(metric, "__name__", "metric")
        return keras.metrics.MeanMetricWrapper(found, name=name)
    raise ValueError(
        "`metrics` must hold metrics, their names or functions of (y_true, y_pred). "
        f"Received: {metric!r}"
    )
