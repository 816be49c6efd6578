"""Group normalization by a native kernel of the backend, if it has one."""

import math
from typing import Any

import keras


def has_group_norm(channel_axes) -> bool:
    """Whether `group_norm` can be used: only on PyTorch, with the channels on one axis."""
    return keras.backend.backend() == "torch" and len(channel_axes) == 1


def group_norm(x, axis, gamma, beta, epsilon) -> Any:
    """Group normalization of a PyTorch tensor, as `normalize_groups` computes it.

    Args:
        x: float32 or float64 tensor with the batch on its first axis.
        axis: the axis of the channels.
        gamma, beta: of shape (groups, channels per group).
        epsilon: positive float.
    """
    import torch

    if math.prod(x.shape) == 0:
        return x
    # The kernel expects the channels on axis 1. Sums over contiguous values are more accurate.
    first = x.movedim(axis, 1).contiguous()
    normal = torch.group_norm(first, gamma.shape[0], gamma.reshape(-1), beta.reshape(-1), epsilon)
    return normal.movedim(1, axis)
