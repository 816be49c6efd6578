"""Optimizers whose learning rate and clipping are each member's own."""

import functools
from typing import TYPE_CHECKING, Any

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

# They look at a whole weight at once, which here holds the weights of all members.
_NOT_ELEMENTWISE = (keras.optimizers.Lamb, keras.optimizers.Adafactor, keras.optimizers.Muon)


def for_members(optimizer, count, learning_rates=None):
    """An optimizer for stacked weights that treats every member as if it were alone.

    Optimizers that act on each weight by itself do so already, and are returned as they are;
    learning rates that differ and clipping by a norm need more.

    Args:
        optimizer: a `keras.optimizers.Optimizer`.
        count: number of members.
        learning_rates: None, or a sequence of `count` numbers or `LearningRateSchedule`s.

    Raises:
        ValueError: if the optimizer mixes the elements of a weight, or the rates do not fit.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if isinstance(inner, _NOT_ELEMENTWISE):
        raise ValueError(
            "The optimizer of a population must treat every element of a weight by itself, as "
            "SGD, Adam, RMSprop, Adagrad, Lion and others do. "
            f"Received: optimizer={type(inner).__name__}"
        )
    clipped = inner.clipnorm is not None or inner.global_clipnorm is not None
    if learning_rates is None and not clipped:
        return optimizer
    if inner is not optimizer:
        raise ValueError(
            "With learning rates of their own or clipping by norm, pass the inner optimizer: "
            "`compile` scales the loss under mixed_float16 itself. "
            f"Received: optimizer={type(optimizer).__name__}"
        )
    if clipped and optimizer.gradient_accumulation_steps:
        raise ValueError(
            "A population cannot both clip by norm and accumulate gradients. Received: "
            f"clipnorm={optimizer.clipnorm}, global_clipnorm={optimizer.global_clipnorm}, "
            f"gradient_accumulation_steps={optimizer.gradient_accumulation_steps}"
        )
    rates = None if learning_rates is None else MemberRates(learning_rates, count)
    config = optimizer.get_config()
    kind: Any = type(optimizer)
    made = _per_member(kind).from_config({**config, "clipnorm": None, "global_clipnorm": None})
    made.member_rates = rates
    made.member_clipnorm = optimizer.clipnorm
    made.member_global_clipnorm = optimizer.global_clipnorm
    if rates is not None:
        made.learning_rate = rates
    return made


class MemberRates(LearningRateSchedule):
    """Learning rates of K members. As a schedule it gives their mean, for logs.

    Args:
        rates: sequence of `count` numbers or `LearningRateSchedule`s.
        count: number of members.
    """

    def __init__(self, rates, count):
        super().__init__()
        rates = list(rates)
        if len(rates) != count:
            raise ValueError(
                f"`learning_rate` must give one rate for each of the {count} members. "
                f"Received: {len(rates)} of them"
            )
        for rate in rates:
            if not isinstance(rate, LearningRateSchedule) and not _is_number(rate):
                raise ValueError(
                    "`learning_rate` must hold numbers or LearningRateSchedules. "
                    f"Received: {rate!r}"
                )
        self.rates = rates

    def members(self, step):
        """Each member's rate at `step`, a float32 tensor of K."""
        if not any(isinstance(rate, LearningRateSchedule) for rate in self.rates):
            return ops.convert_to_tensor([float(rate) for rate in self.rates], dtype="float32")
        return ops.stack(
            [
                ops.cast(rate(step) if isinstance(rate, LearningRateSchedule) else rate, "float32")
                for rate in self.rates
            ]
        )

    def __call__(self, step):
        return ops.mean(self.members(step))

    def get_config(self):
        return {"rates": [keras.saving.serialize_keras_object(rate) for rate in self.rates]}


# What it is mixed into; at run time it has no base of its own.
if TYPE_CHECKING:
    _Optimizer = Any
else:
    _Optimizer = object


class _PerMember(_Optimizer):
    """Mixed in before an optimizer class: weights carry the members on their first axis."""

    member_rates = None
    member_clipnorm = None
    member_global_clipnorm = None

    def apply(self, grads, trainable_variables=None):
        super().apply(self._clipped(list(grads)), trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, self._rate_for(variable, learning_rate))

    def _rate_for(self, variable, shared):
        if self.member_rates is None:
            return shared
        rates = self.member_rates.members(self.iterations)
        return ops.reshape(rates, (-1, *[1] * (len(variable.shape) - 1)))

    def _clipped(self, grads):
        scale = self.loss_scale_factor or 1.0
        if self.member_clipnorm is not None:
            limit = self.member_clipnorm * scale
            return [_scaled(grad, limit, _square_sum(grad)) for grad in grads]
        if self.member_global_clipnorm is not None:
            limit = self.member_global_clipnorm * scale
            squares = functools.reduce(
                ops.add, [_square_sum(grad) for grad in grads if grad is not None]
            )
            return [_scaled(grad, limit, squares) for grad in grads]
        return grads

    # The two below are not public in Keras. The first multiplies weights by the one learning rate
    # there is in core; the second is where core's PyTorch optimizers pass over `update_step`.
    def _apply_weight_decay(self, variables):
        if self.member_rates is None or self.weight_decay is None:
            super()._apply_weight_decay(variables)
            return
        for variable in variables:
            if self._use_weight_decay(variable):
                rate = ops.cast(self._rate_for(variable, None), variable.dtype)
                variable.assign(variable - variable * self.weight_decay * rate)

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        if self.member_rates is None or keras.backend.backend() != "torch":
            super()._backend_update_step(grads, trainable_variables, learning_rate)
            return
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, learning_rate)


@functools.cache
def _per_member(optimizer_class: Any) -> Any:
    return type(f"PerMember{optimizer_class.__name__}", (_PerMember, optimizer_class), {})


def _square_sum(grad):
    """Each member's sum of squares."""
    if grad is None:
        return None
    return ops.sum(ops.square(grad), axis=tuple(range(1, len(grad.shape))))


def _scaled(grad, limit, squares):
    """As core clips: times limit / max(norm, limit)."""
    if grad is None:
        return None
    factor = limit / ops.maximum(ops.sqrt(squares), limit)
    return grad * ops.reshape(ops.cast(factor, grad.dtype), (-1, *[1] * (len(grad.shape) - 1)))


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)
