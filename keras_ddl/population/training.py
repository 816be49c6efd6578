"""The loop over epochs and calls, and the callbacks around them."""

from typing import Any

import keras
import numpy as np

from keras_ddl.population.history import Divergence, MemberHistory, by_name, means

BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
PARTS = 16  # calls in an epoch that has a progress bar


def fit(
    population: Any,
    source: Any,
    *,
    epochs: int,
    initial_epoch: int,
    verbose: Any,
    callbacks: Any,
    validation: Any,
    validation_freq: Any,
) -> keras.callbacks.History:
    """Train a population on `source`.

    Args:
        population: a compiled `Population`.
        source: the batches of an epoch.
        validation: a function without arguments that evaluates all members and returns their
            logs, or None.
        epochs, initial_epoch, verbose, callbacks, validation_freq: as in Keras' `fit`.

    Returns:
        A `History` of K values for each epoch.
    """
    executor = population._ready_executor()
    callbacks = callback_list(population, callbacks, verbose, epochs=epochs, steps=source.steps)
    most = steps_of_a_call(population, callbacks, source)
    divergence, logs = Divergence(), {}
    population.stop_training = False
    try:
        population.order_seed = getattr(source, "seed", None)
        callbacks.on_train_begin()
        source.seed = population.order_seed  # a checkpoint may have set that of its run
        begin = (
            population._initial_epoch if population._initial_epoch is not None else initial_epoch
        )
        if begin != initial_epoch and hasattr(source, "skip"):
            source.skip(begin - initial_epoch)
        for epoch in range(begin, epochs):
            executor.sync()
            population.member_logs = {}
            callbacks.on_epoch_begin(epoch)
            reset_metrics(population)
            members = run(executor, "train", source.epoch(epoch, most), callbacks, population)
            executor.sync()
            population.member_logs = dict(members)
            population._results = dict(members)
            if validation is not None and is_due(validation_freq, epoch):
                found = validation()
                population.member_logs |= {f"val_{name}": value for name, value in found.items()}
            divergence.check(epoch, members.get("loss", np.zeros(population.count)))
            logs = means(population.member_logs)
            callbacks.on_epoch_end(epoch, logs)
            if population.stop_training:
                break
        callbacks.on_train_end(logs)
    finally:
        population._initial_epoch = None
        executor.sync(final=True)
    return population.history


def evaluate(
    population: Any, source: Any, callbacks: keras.callbacks.CallbackList
) -> dict[str, np.ndarray]:
    """The loss and metrics of every member on `source`."""
    executor = population._ready_executor()
    executor.sync()
    reset_metrics(population)
    callbacks.on_test_begin()
    members = run(executor, "test", source.epoch(0), callbacks, population)
    executor.sync()
    population._results = dict(members)
    callbacks.on_test_end(means(members))
    return members


def run(executor, kind, calls, callbacks, population):
    """Run calls one after another, and return the members' logs of the last one."""
    begin, end = (
        (callbacks.on_train_batch_begin, callbacks.on_train_batch_end)
        if kind == "train"
        else (callbacks.on_test_batch_begin, callbacks.on_test_batch_end)
    )
    step, members = 0, {}
    for call in calls:
        begin(step)
        members = by_name(executor.run(kind, call))
        step += len(call.indices)
        end(step - 1, means(members))
        if population.stop_training and kind == "train":
            break
    return members


def callback_list(population, callbacks, verbose, **params):
    """Keras' list of callbacks, with a `History` of K values at its end."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return callbacks
    given = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    verbose = 1 if verbose == "auto" else verbose
    population.history = MemberHistory()
    return keras.callbacks.CallbackList(
        [*(one for one in given if one is not None), population.history],
        add_progbar=verbose != 0,
        verbose=verbose,
        model=population,
        **params,
    )


def steps_of_a_call(population, callbacks, source):
    """How many steps a call may hold; None for a whole epoch.

    With a callback that acts on batches it is one step, with a progress bar a part of an epoch.
    """
    if population.steps_per_execution != "auto":
        return population.steps_per_execution
    most = None
    for callback in callbacks.callbacks:
        if isinstance(callback, keras.callbacks.ProgbarLogger):
            if callback.verbose == 1 or callbacks.params.get("verbose") == 1:
                most = max(1, -(-(source.steps or PARTS) // PARTS))
        elif wants_batches(callback):
            return 1
    return most


def wants_batches(callback: keras.callbacks.Callback) -> bool:
    """Whether a callback does something at batches."""
    for setting in ("save_freq", "update_freq"):  # of Keras' ModelCheckpoint, TensorBoard ...
        if getattr(callback, setting, None) == "epoch":
            return False
    base = keras.callbacks.Callback
    return any(
        getattr(getattr(callback, hook), "__func__", None) is not getattr(base, hook)
        for hook in BATCH_HOOKS
    )


def reset_metrics(population):
    for model in population.models:
        model.reset_metrics()


def is_due(frequency, epoch):
    """Whether an epoch is validated, as Keras' `validation_freq` says."""
    if isinstance(frequency, list | tuple | set):
        return epoch + 1 in frequency
    return (epoch + 1) % frequency == 0
