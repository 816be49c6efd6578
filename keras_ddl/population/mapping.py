"""Run a function for every member: all at once where the backend can, else one after another."""

import contextlib
import logging
import warnings

import keras
from keras import ops

MODES = ("auto", "map", "loop")


class MemberMap:
    """Maps a function over the first axis of nested tensors, one slice for each member.

    Args:
        mode: `"map"` vectorises with `keras.ops.vectorized_map`; `"loop"` runs the members one
            after another inside the same step; `"auto"` vectorises, and changes to the loop,
            with a warning, where the backend or a layer refuses.
        count: number of members.
    """

    def __init__(self, mode, count):
        if mode not in MODES:
            raise ValueError(f"`vectorize` must be one of {MODES}. Received: vectorize={mode!r}")
        self.count = count
        self.mode = mode
        if mode == "auto" and keras.backend.backend() == "torch":
            self._loop_from_now_on("PyTorch's vmap refuses random numbers and in-place updates")

    def __call__(self, function, elements):
        """`function` of each slice of `elements`, its results stacked along a new first axis."""
        if self.mode == "loop":
            return self._loop(function, elements)
        if self.mode == "map":
            return _vectorized(function, elements)
        try:
            return _vectorized(function, elements)
        except Exception as error:
            # What is wrong with the model, rather than with vectorising it, is raised again here.
            result = self._loop(function, elements)
            reason = str(error).strip().split("\n")[0][:200]
            self._loop_from_now_on(f"{type(error).__name__}: {reason}")
            return result

    def with_shared(self, function, own, shared):
        """Like `self(function, own)`, where `function` takes a dict of the two together.

        Args:
            own: dict of nested tensors, the members on the first axis. None is passed as it is.
            shared: dict of what all members get whole.
        """
        missing = {name: None for name, value in own.items() if value is None}
        own = {name: value for name, value in own.items() if value is not None}
        return self(lambda slices: function({**shared, **missing, **slices}), own)

    def _loop(self, function, elements):
        slices = [ops.unstack(leaf, num=self.count) for leaf in keras.tree.flatten(elements)]
        results = [
            function(keras.tree.pack_sequence_as(elements, [leaf[member] for leaf in slices]))
            for member in range(self.count)
        ]
        return keras.tree.map_structure(lambda *parts: ops.stack(parts), *results)

    def _loop_from_now_on(self, reason):
        self.mode = "loop"
        warnings.warn(
            f"The members of this Population are trained one after another within each step, "
            f"not all at once: {reason}. The results are the same; the time is that of separate "
            f"runs. Pass vectorize='loop' to choose this without a warning.",
            stacklevel=4,
        )


def _vectorized(function, elements):
    with _untold_loops():
        return ops.vectorized_map(function, elements)


@contextlib.contextmanager
def _untold_loops():
    """TensorFlow draws random numbers for one member after another, and would tell at every layer.

    It is a few per cent of a step, and nothing that a user could mend.
    """
    logger = logging.getLogger("tensorflow")

    def about_anything_else(record):
        return "while_loop for converting Stateless" not in record.getMessage()

    logger.addFilter(about_anything_else)
    try:
        yield
    finally:
        logger.removeFilter(about_anything_else)
