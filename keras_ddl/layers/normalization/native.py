"""Group normalization by a native kernel of the backend, if it has one."""

import math
from typing import Any

import keras


def has_group_norm(channel_axes) -> bool:
    """Whether `group_norm` can be used: only on PyTorch, with the channels on one axis."""
    return keras.backend.backend() == "torch" and len(channel_axes) == 1


def group_norm(x, axis, gamma, beta, epsilon) -> Any:
    """Group normalization of a PyTorch tensor, as `normalize_groups` computes it.

    The kernel expects the channels on axis 1. For gradients the input is copied into this order,
    because the kernel for other orders has a slow backward pass. Without gradients the kernel for
    channels in memory order "channels last" saves the copy.

    Args:
        x: float32 or float64 tensor with the batch on its first axis.
        axis: the axis of the channels.
        gamma, beta: of shape (groups, channels per group).
        epsilon: positive float.
    """
    import torch

    if math.prod(x.shape) == 0:
        return x
    inference = not torch.is_grad_enabled() or not (
        x.requires_grad or gamma.requires_grad or beta.requires_grad
    )
    if inference and axis == x.ndim - 1 and x.ndim in {4, 5} and x.is_contiguous():
        first = centred(x, gamma.shape).movedim(axis, 1)
    else:
        first = x.movedim(axis, 1).contiguous()
    normal = torch.group_norm(first, gamma.shape[0], gamma.reshape(-1), beta.reshape(-1), epsilon)
    return normal.movedim(1, axis)


def centred(x, groups) -> Any:
    """`x` minus the mean of each group at its first position. Channels are on the last axis.

    The kernel for channels last subtracts the square of the mean from the mean of squares, which
    is inaccurate if the mean is large. Any value of the group is near enough to the mean: one far
    from it makes the variance large.
    """
    first = x.flatten(1, -2)[:, 0].reshape(-1, *groups).mean(-1, keepdim=True)
    shape = (len(x), *[1] * (x.ndim - 2), -1)
    return x - first.expand(-1, *groups).reshape(shape)
