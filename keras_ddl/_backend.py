"""Backend-specific helpers for which Keras has no common interface."""

import contextlib

import keras


def compiled(function):
    """Compile a function of tensors as Keras compiles its steps. PyTorch runs it uncompiled."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def gradients_of(function, tensors):
    """The gradients of a scalar function with respect to each of a list of tensors.

    Args:
        function: maps the list of tensors to a scalar tensor.
        tensors: list of tensors. Those on which the result does not depend have zero gradients.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(tensors)
            result = function(tensors)
        return tape.gradient(result, tensors, unconnected_gradients="zero")
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(function)(tensors)
    import torch

    with torch.enable_grad():
        leaves = [tensor.detach().requires_grad_() for tensor in tensors]
        found = torch.autograd.grad(function(leaves), leaves, allow_unused=True)
    return [
        torch.zeros_like(leaf) if one is None else one
        for leaf, one in zip(leaves, found, strict=True)
    ]


def no_gradients():
    """A context in which PyTorch does not record operations for differentiation."""
    if keras.backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.no_grad()


def random_state_kept():
    """A context that restores PyTorch's global random state on exit.

    Keras layers use no global random state of TensorFlow or JAX, so nothing is restored there.
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
    """Sum each tensor over all replicas. Call it only where `on_replica()` is True."""
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)
