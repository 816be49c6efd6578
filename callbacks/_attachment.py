"""Attaching an optimizer wrapper to a compiled model for the duration of one `fit`."""

import contextlib
import functools
import weakref
from dataclasses import dataclass, field

import keras

from keras_ddl._backend import strategy
from keras_ddl.optimizers import Instrumented
from keras_ddl.optimizers.wrapper import OptimizerWrapper

# Exceptions by which a compiled step signals the end of a data set of unknown length. Keras catches
# them. They are compared by name, because one of them is TensorFlow's, which may not be installed.
_END_OF_DATA = ("StopIteration", "OutOfRangeError")


@dataclass(eq=False)
class _Attachment:
    """An attached wrapper, the `fit` that it belongs to, and the callbacks that use it."""

    wrapper: OptimizerWrapper
    fit: object  # identifies the `fit`: the dictionary `params` that its callbacks share
    owners: list = field(default_factory=list)


@dataclass(eq=False)
class _State:
    """The original attributes of a model with attached wrappers, and the wrappers."""

    train_function: object
    shadowed_fit: object = None  # the instance's `fit` attribute, if it had one
    attachments: list[_Attachment] = field(default_factory=list)


_STATES: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def attach(owner, model, kind, make):
    """Attach a wrapper of class `kind` to the model's optimizer, or share one that is attached.

    Call it in `on_train_begin`. The wrapper goes inside a `LossScaleOptimizer`, so that it receives
    gradients without the loss scale. The training step is compiled again with the wrapper. The
    original compiled step is stored and restored later.

    All wrappers are removed when `fit` ends, and when its step fails or is interrupted. After an
    exception elsewhere, as in validation or while data are loaded, the next `fit` removes them
    before it does anything else, whatever callbacks it has.

    Args:
        owner: the callback that needs the wrapper. Pass the same one to `detach`. If it has a
            method `detached`, this is called after the wrapper was removed.
        model: a compiled model.
        kind: a subclass of `OptimizerWrapper`, or None for a wrapper that is never shared.
        make: a function `(optimizer) -> wrapper`, called if no wrapper of this class is attached.

    Returns:
        The wrapper.
    """
    clear(owner, model)
    if kind is not None:
        for holder, name in _chain(model):
            optimizer = getattr(holder, name)
            if isinstance(optimizer, kind):
                # A wrapper with which the user compiled the model has no attachment. It stays.
                for attachment in _attachments(model):
                    if attachment.wrapper is optimizer:
                        attachment.owners.append(owner)
                return optimizer
    holder, name = next(_chain(model))
    original = getattr(holder, name)
    with _scope(model):
        if not original.built:
            original.build(model.trainable_variables)
        wrapper = make(original)
        wrapper.build(model.trainable_variables)
    if model not in _STATES:
        _STATES[model] = _State(model.train_function)
        _detach_at_next_fit(model)
    _STATES[model].attachments.append(_Attachment(wrapper, owner.params, [owner]))
    setattr(holder, name, wrapper)
    _compile_step(model)
    if keras.backend.backend() == "jax":
        # On JAX `fit` always calls `finalized` at its end, even after an exception. At that time it
        # has copied the compiled step's results into the wrapper's variables. Removing the wrapper
        # earlier would lose them.
        wrapper.finalized = functools.partial(_detach_all, model)
    else:
        model.train_function = _guarded(model, model.train_function)
    return wrapper


def clear(owner, model):
    """Remove wrappers of an earlier `fit`.

    `attach` does so. A callback that inspects the optimizer before it attaches a wrapper calls this
    first. If `owner` still has a wrapper, an earlier `fit` failed before it could detach it.
    """
    for attachment in _attachments(model):
        if owner in attachment.owners or attachment.fit is not owner.params:
            _remove(model, attachment)


def detach(owner, model):
    """Remove the wrappers that only `owner` uses. Call it in `on_train_end`."""
    for attachment in _attachments(model):
        if attachment.owners == [owner]:
            _remove(model, attachment)
        elif owner in attachment.owners:
            attachment.owners.remove(owner)


def _detach_at_next_fit(model):
    """Shadow the model's `fit` until all wrappers are removed.

    The shadow removes remaining wrappers and then runs the original `fit`. Python looks an
    attribute up in the instance before the class, so an entry in the instance's `__dict__` is
    enough. `setattr` would make Keras track the function as a part of the model.
    """
    shadowed = vars(model).get("fit")
    fit = model.fit

    def detaching_fit(*args, **kwargs):
        _detach_all(model)
        return fit(*args, **kwargs)

    _STATES[model].shadowed_fit = shadowed
    vars(model)["fit"] = detaching_fit


def _restore_fit(model, shadowed):
    vars(model).pop("fit", None)
    if shadowed is not None:
        vars(model)["fit"] = shadowed


def _compile_step(model):
    """Compile the training step with the attached wrappers.

    A branch inside a step prevents JAX from updating the weights in place, and `tf.distribute`
    allows no updates inside a branch. There an `Instrumented` optimizer gets two compiled steps:
    one that measures and one that does not.
    """
    attached = [attachment.wrapper for attachment in _attachments(model)]
    instrument = next((w for w in attached if isinstance(w, Instrumented)), None)
    if instrument is None or not (keras.backend.backend() == "jax" or strategy(model)):
        model.make_train_function(force=True)
        return
    steps = {measures: _separate_step(model) for measures in (False, True)}

    def step(*args):
        measures = instrument.is_due(model.steps_per_execution)  # counts the batches, too
        instrument.measures = measures  # `Instrumented` reads it when the step is traced
        return steps[measures](*args)

    model.train_function = step


def _separate_step(model):
    """A compiled step that shares no trace with another one."""
    shadowed = vars(model).get("train_step")
    # JAX reuses the trace of an equal function. A new `partial` equals no other object.
    vars(model)["train_step"] = functools.partial(model.train_step)
    try:
        model.make_train_function(force=True)
        return model.train_function
    finally:
        del vars(model)["train_step"]
        if shadowed is not None:
            vars(model)["train_step"] = shadowed


def _scope(model):
    """A context in which new variables are distributed as the model's are."""
    current = strategy(model)
    return contextlib.nullcontext() if current is None else current.scope()


def _guarded(model, step):
    """The compiled step, which also removes the wrappers when it fails or is interrupted."""

    def guarded(*args):
        try:
            return step(*args)
        except BaseException as error:
            if type(error).__name__ not in _END_OF_DATA:
                _detach_all(model)
            raise

    return guarded


def _attachments(model):
    return [*_STATES[model].attachments] if model in _STATES else []


def _detach_all(model):
    for attachment in _attachments(model):
        _remove(model, attachment)


def _remove(model, attachment):
    state = _STATES[model]
    state.attachments.remove(attachment)
    if not state.attachments:
        del _STATES[model]
        _restore_fit(model, state.shadowed_fit)
    for holder, name in _chain(model):
        if getattr(holder, name) is attachment.wrapper:
            setattr(holder, name, attachment.wrapper.optimizer)
            # While other wrappers remain, the compiled step still has the removed one. All are
            # removed one after another at the end of a `fit`, so no step runs in between.
            if not state.attachments:
                model.train_function = state.train_function
            break
    # If no optimizer of the model is the wrapper, the user compiled the model again in the
    # meantime. Then it has a new optimizer and a new step, which stay.
    for owner in attachment.owners:
        getattr(owner, "detached", lambda: None)()


def _chain(model):
    """The places of the model's nested optimizers, as pairs (object, attribute name).

    The first is the outermost optimizer that receives gradients without the loss scale.
    """
    holder, name = model, "optimizer"
    if isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        holder, name = model.optimizer, "inner_optimizer"
    while True:
        yield holder, name
        holder, name = getattr(holder, name), "optimizer"
        if not isinstance(holder, OptimizerWrapper):
            return
