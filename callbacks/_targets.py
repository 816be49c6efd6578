"""The outputs of a model, each with its targets and its loss."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

_CLASSES = {
    keras.losses.SparseCategoricalCrossentropy: "sparse_categorical_crossentropy",
    keras.losses.CategoricalCrossentropy: "categorical_crossentropy",
    keras.losses.BinaryCrossentropy: "binary_crossentropy",
}


@dataclass(frozen=True)
class Target:
    """One output of a model, with its targets and its loss.

    Args:
        name: the name of the output, or "" for a model with one output.
        y: the targets.
        outputs: the model's outputs for some examples.
        loss: the compiled loss, or None.
    """

    name: str
    y: np.ndarray
    outputs: np.ndarray
    loss: Any

    @property
    def kind(self):
        """The name of the loss, as `compile` accepts it. None if the loss has no name."""
        loss = keras.losses.get(self.loss) if isinstance(self.loss, str) else self.loss
        for cls, name in _CLASSES.items():
            if isinstance(loss, cls):
                return name
        return getattr(loss, "name", None) or getattr(loss, "__name__", None)

    @property
    def classes(self):
        """The number of classes that the loss distinguishes."""
        return 2 if self.kind == "binary_crossentropy" else self.outputs.shape[-1]

    @property
    def is_classification(self):
        """Whether the loss is one of Keras' crossentropies."""
        return self.kind in _CLASSES.values()

    def wrong(self):
        """A message that says what is wrong with the targets, or None."""
        which = f" of output {self.name!r}" if self.name else ""
        if self.y.dtype.kind not in "biufV" and self.y.dtype.name != "bfloat16":
            return (
                f"`y`{which} has {self.y.dtype.name} values such as {self.y.flat[0]!r}. Map labels "
                "to integers, for example by `keras.layers.StringLookup`."
            )
        y = self.y.astype("float64")
        ignored = getattr(self.loss, "ignore_class", None)
        if self.kind == "sparse_categorical_crossentropy" and ignored is not None:
            y = y[y != ignored]
        if not np.isfinite(y).all():
            return f"`y`{which} has values that are not finite."
        if not y.size:
            return f"`y`{which} has no labels other than the one that the loss ignores."
        return self._out_of_range(y, which)

    def _out_of_range(self, y, which):
        kind, classes = self.kind, self.classes
        if kind == "sparse_categorical_crossentropy" and (y.min() < 0 or y.max() >= classes):
            return (
                f"labels{which} go from {y.min():g} to {y.max():g}, but the model has {classes} "
                f"outputs: they must lie in 0 to {classes - 1}. Do they begin at 1?"
            )
        if kind == "categorical_crossentropy" and (
            y.shape[-1] != classes or not np.allclose(y.sum(axis=-1), 1, atol=1e-3)
        ):
            return (
                f"rows of `y`{which}, of shape {y.shape}, are not distributions over {classes} "
                "classes. For integer labels use `sparse_categorical_crossentropy`."
            )
        if kind == "binary_crossentropy" and (y.min() < 0 or y.max() > 1):
            return f"targets{which} go from {y.min():g} to {y.max():g}, but must lie in 0 to 1."
        return None


def targets(model, y, outputs):
    """The outputs of a model with their targets and losses.

    Args:
        model: a compiled model.
        y: targets in any structure that `fit` accepts.
        outputs: the model's outputs for some examples, as arrays.

    Returns:
        List of `Target`; empty if it is not clear which targets belong to which output.
    """
    names = getattr(model, "output_names", None)
    by_name = _by_name(outputs, names)
    labels = _by_name(y, list(by_name))
    losses = _by_name(model.loss, list(by_name))
    if len(losses) == 1 and len(by_name) > 1 and not isinstance(model.loss, dict):
        losses = dict.fromkeys(by_name, model.loss)
    if len(by_name) == 1 and len(labels) == 1:
        (output,), (label,), loss = by_name.values(), labels.values(), [*losses.values(), None][0]
        return [Target("", np.asarray(label), np.asarray(output), loss)]
    if not labels.keys() <= by_name.keys():
        return []
    return [
        Target(name, np.asarray(labels[name]), np.asarray(by_name[name]), losses.get(name))
        for name in labels
    ]


def _by_name(structure, names):
    """A dictionary of the parts of a structure by name, or by number if there are no names."""
    if isinstance(structure, dict):
        return dict(structure)
    parts = list(structure) if isinstance(structure, list | tuple) else [structure]
    if names is None or len(names) != len(parts):
        names = [str(number) for number in range(len(parts))]
    return dict(zip(names, parts, strict=True))
