"""What Keras does not say in a common way for all backends."""

import contextlib

import keras


def compiled(function):
    """A function of tensors, compiled as Keras compiles its steps; on PyTorch as it is."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def no_gradients():
    """A context in which PyTorch records nothing for gradients."""
    if keras.backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.no_grad()


def random_state_kept():
    """A context after which PyTorch's random state is what it was before.

    TensorFlow and JAX have no such state that Keras layers draw from.
    """
    if keras.backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    return torch.random.fork_rng(devices=devices)


def strategy(model):
    """The `tf.distribute` strategy that a model trains under, or None."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    with model.distribute_strategy.scope():
        return model.distribute_strategy if tf.distribute.has_strategy() else None


def on_replica():
    """Whether this code runs as one of the replicas of a `tf.distribute` strategy."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return tf.distribute.has_strategy() and not tf.distribute.in_cross_replica_context()


def sum_of_replicas(tensors):
    """Each of some tensors summed over all replicas. Only where `on_replica` holds."""
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)
