"""Fan-in and fan-out from the shape of a kernel."""

import math


def fans(shape) -> tuple[int, int]:
    """Fan-in and fan-out of a kernel.

    Both include the size of the window, as in PyTorch: a 3x3 convolution from 16 to 32 channels has
    fan-in 9 * 16 and fan-out 9 * 32.

    Args:
        shape: tuple of at least two integers: (inputs, units), or
            (*window, input channels, output channels).

    Returns:
        `(fan_in, fan_out)`, two integers.

    Raises:
        ValueError: if the shape has fewer than two axes.
    """
    if len(shape) < 2:
        raise ValueError(
            f"`shape` must have at least two axes, inputs and units. Received: shape={tuple(shape)}"
        )
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]
