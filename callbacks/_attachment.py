"""Putting an optimizer wrapper on a compiled model for the time of one `fit`."""

import weakref
from dataclasses import dataclass, field

import keras

from keras_ddl.optimizers.wrapper import OptimizerWrapper


@dataclass(eq=False)
class _Attachment:
    """A wrapper, and the callbacks that asked for it. One that is gone asks no more."""

    wrapper: OptimizerWrapper
    owners: weakref.WeakSet = field(default_factory=weakref.WeakSet)


@dataclass(eq=False)
class _State:
    """What a model had before the first wrapper, and the wrappers on it now."""

    train_function: object
    attachments: list[_Attachment] = field(default_factory=list)


_STATES: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def attach(owner, model, kind, make):
    """The wrapper of class `kind` on the model's optimizer: one that is there, or a new one.

    To be called in `on_train_begin`. Inside a `LossScaleOptimizer`, so that gradients are unscaled.
    The compiled step is traced again with the wrapper in it; the one without is kept for later.

    Args:
        owner: the callback that asks; `detach` wants it again.
        model: compiled.
        kind: a subclass of `OptimizerWrapper`, or None if the wrapper is not to be shared.
        make: `(optimizer) -> wrapper`, called if there is none of that class.
    """
    detach(owner, model)  # left by a `fit` that was interrupted
    if model in _STATES:
        for attachment in [*_STATES[model].attachments]:
            if not attachment.owners:
                _remove(model, attachment)
    if kind is not None:
        for holder, name in _chain(model):
            found = getattr(holder, name)
            if isinstance(found, kind):
                for attachment in _STATES[model].attachments if model in _STATES else ():
                    if attachment.wrapper is found:
                        attachment.owners.add(owner)
                return found
    holder, name = next(_chain(model))
    plain = getattr(holder, name)
    if not plain.built:
        plain.build(model.trainable_variables)
    wrapper = make(plain)
    wrapper.build(model.trainable_variables)
    state = _STATES.setdefault(model, _State(model.train_function))
    attachment = _Attachment(wrapper)
    attachment.owners.add(owner)
    state.attachments.append(attachment)
    setattr(holder, name, wrapper)
    model.make_train_function(force=True)
    return wrapper


def detach(owner, model):
    """Take off what nobody but `owner` asked for. To be called in `on_train_end`."""
    if model not in _STATES:
        return
    for attachment in [*_STATES[model].attachments]:
        if owner in attachment.owners:
            attachment.owners.discard(owner)
            if not attachment.owners:
                _remove(model, attachment)


def _remove(model, attachment):
    for holder, name in _chain(model):
        if getattr(holder, name) is attachment.wrapper:
            setattr(holder, name, attachment.wrapper.optimizer)
            break
    state = _STATES[model]
    state.attachments.remove(attachment)
    if not state.attachments:
        model.train_function = state.train_function
        del _STATES[model]


def _chain(model):
    """Where the model's optimizers stand, from the outermost that sees unscaled gradients."""
    holder, name = model, "optimizer"
    if isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        holder, name = model.optimizer, "inner_optimizer"
    while True:
        yield holder, name
        holder, name = getattr(holder, name), "optimizer"
        if not isinstance(holder, OptimizerWrapper):
            return
