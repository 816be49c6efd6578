"""Putting an optimizer wrapper on a compiled model for the time of one `fit`."""

import contextlib
import functools
import weakref
from dataclasses import dataclass, field

import keras

from keras_ddl._backend import strategy
from keras_ddl.optimizers import Instrumented
from keras_ddl.optimizers.wrapper import OptimizerWrapper

# How a compiled step says that a data set of unknown length has no more; Keras catches these.
_END_OF_DATA = ("StopIteration", "OutOfRangeError")


@dataclass(eq=False)
class _Attachment:
    """A wrapper, the `fit` that it was made for, and the callbacks that asked for it."""

    wrapper: OptimizerWrapper
    fit: object  # Keras gives all callbacks of a `fit` one dictionary of parameters
    owners: list = field(default_factory=list)


@dataclass(eq=False)
class _State:
    """What a model had before the first wrapper, and the wrappers on it now."""

    train_function: object
    hidden_fit: object = None  # the instance's own `fit`, if it had one
    attachments: list[_Attachment] = field(default_factory=list)


_STATES: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def attach(owner, model, kind, make):
    """The wrapper of class `kind` on the model's optimizer: one that is there, or a new one.

    To be called in `on_train_begin`. Inside a `LossScaleOptimizer`, so that gradients are unscaled.
    The compiled step is traced again with the wrapper in it; the one without is kept for later.

    All wrappers come off when `fit` ends, and when its step fails or is interrupted. After an
    exception elsewhere, in validation or while data are loaded, they come off as the first thing
    that the next `fit` does, whatever callbacks that has.

    Args:
        owner: the callback that asks; `detach` wants it again. Its method `detached`, if it has
            one, is called when the wrapper is off.
        model: compiled.
        kind: a subclass of `OptimizerWrapper`, or None if the wrapper is not to be shared.
        make: `(optimizer) -> wrapper`, called if there is none of that class.
    """
    clear(owner, model)
    if kind is not None:
        for holder, name in _chain(model):
            found = getattr(holder, name)
            if isinstance(found, kind):
                for attachment in _attachments(model):
                    if attachment.wrapper is found:
                        attachment.owners.append(owner)
                return found
    holder, name = next(_chain(model))
    plain = getattr(holder, name)
    with _scope(model):
        if not plain.built:
            plain.build(model.trainable_variables)
        wrapper = make(plain)
        wrapper.build(model.trainable_variables)
    if model not in _STATES:
        _STATES[model] = _State(model.train_function)
        _settle_at_next_fit(model)
    _STATES[model].attachments.append(_Attachment(wrapper, owner.params, [owner]))
    setattr(holder, name, wrapper)
    _trace_anew(model)
    if keras.backend.backend() == "jax":
        # There `fit` itself calls this whatever happens, after it has read the wrapper's variables.
        wrapper.finalized = functools.partial(_detach_all, model)
    else:
        model.train_function = _guarded(model, model.train_function)
    return wrapper


def clear(owner, model):
    """Take off what an earlier `fit` left. For callbacks that look at the optimizer first."""
    for attachment in _attachments(model):
        if owner in attachment.owners or attachment.fit is not owner.params:
            _remove(model, attachment)


def detach(owner, model):
    """Take off what nobody but `owner` asked for. To be called in `on_train_end`."""
    for attachment in _attachments(model):
        if attachment.owners == [owner]:
            _remove(model, attachment)
        elif owner in attachment.owners:
            attachment.owners.remove(owner)


def _settle_at_next_fit(model):
    """Shadow the model's `fit` until all wrappers are off.

    The shadow takes off what is left and runs the `fit` that was there. An entry of the instance
    stands before the method of the class; Keras would track what `setattr` sets.
    """
    hidden = vars(model).get("fit")
    fit = model.fit

    def settled(*args, **kwargs):
        _detach_all(model)
        return fit(*args, **kwargs)

    _STATES[model].hidden_fit = hidden
    vars(model)["fit"] = settled


def _fit_as_before(model, hidden):
    vars(model).pop("fit", None)
    if hidden is not None:
        vars(model)["fit"] = hidden


def _trace_anew(model):
    """The compiled step with the wrappers in it.

    Where a branch in a step costs far more than what it decides on (JAX) or is not possible
    (`tf.distribute`), an instrument gets two steps: one that measures and one that does not.
    """
    attached = [attachment.wrapper for attachment in _attachments(model)]
    instrument = next((one for one in attached if isinstance(one, Instrumented)), None)
    if instrument is None or not (keras.backend.backend() == "jax" or strategy(model)):
        model.make_train_function(force=True)
        return
    steps = {measures: _step_of_its_own(model) for measures in (False, True)}

    def step(*args):
        instrument.measures = instrument.is_due(model.steps_per_execution)
        return steps[instrument.measures](*args)

    model.train_function = step


def _step_of_its_own(model):
    """A compiled step that shares no trace with another one."""
    hidden = vars(model).get("train_step")
    # JAX takes equal functions for one: a `partial` is equal to nothing else.
    vars(model)["train_step"] = functools.partial(model.train_step)
    try:
        model.make_train_function(force=True)
        return model.train_function
    finally:
        del vars(model)["train_step"]
        if hidden is not None:
            vars(model)["train_step"] = hidden


def _scope(model):
    found = strategy(model)
    return contextlib.nullcontext() if found is None else found.scope()


def _guarded(model, step):
    """A compiled step that takes the wrappers off when it fails or is interrupted."""

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
        _fit_as_before(model, state.hidden_fit)
    for holder, name in _chain(model):
        if getattr(holder, name) is attachment.wrapper:
            setattr(holder, name, attachment.wrapper.optimizer)
            if not state.attachments:
                model.train_function = state.train_function
            break  # not found: compiled anew since, with a step of its own
    for owner in attachment.owners:
        getattr(owner, "detached", lambda: None)()


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
