"""What JSON can hold as an array, which is what a checkpoint stores of a callback."""

import json
from typing import Any

import numpy as np


def packed(state: Any) -> np.ndarray:
    """The bytes of `state` as JSON."""
    return np.frombuffer(json.dumps(state).encode(), np.uint8)


def unpacked(array: np.ndarray) -> Any:
    """The state from which `packed` made the array."""
    return json.loads(array.tobytes())
