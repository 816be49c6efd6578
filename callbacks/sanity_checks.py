"""The checks that a careful trainer makes before and while a network trains."""

import math

import keras
import numpy as np
from keras import ops

from keras_ddl._checks import finite, positive_integer
from keras_ddl._forward import Snapshot, random_states_kept, stateless, whole_batch
from keras_ddl.callbacks._attachment import attach, clear, detach
from keras_ddl.callbacks._monitor import NOT_MEASURED, Monitor
from keras_ddl.callbacks._targets import targets
from keras_ddl.callbacks.gradient_stats import by_layer, weights_by_layer
from keras_ddl.examples import is_arrays
from keras_ddl.optimizers import Instrumented

CHECKS = ("data", "labels", "initial_loss", "overfit", "loss", "update_ratio")
ENOUGH = 0.3  # of the initial loss: below it a few examples count as overfitted


class SanityChecks(Monitor):
    """The "babysitting" list: is the data sane, does the loss begin right, can it be overfitted?

    Each check that fails gives a warning with the likely cause. When training begins:

    - "data": finite, and normalised: its mean within 1 of 0, its deviation between .05 and 5;
    - "labels": in the range of the model's outputs, one example for each;
    - "initial_loss": near ln C for C classes, as it is while a network knows nothing; of several
      outputs near the weighted sum. Asked of a fresh optimizer only;
    - "overfit": a few examples can be learnt by heart in some steps. The model is trained on them,
      then weights, optimizer and random states are put back.

    A model that was compiled without a loss is not asked for "initial_loss" and "overfit".

    While it trains:

    - "loss": finite;
    - "update_ratio": after the first epoch, the norm of updates over that of weights lies within a
      factor of 30 of 1e-3 in each layer.

    ```python
    checks = SanityChecks(x, y)
    model.fit(x, y, callbacks=[checks])
    checks.results  # {"data": "ok", "labels": "ok", "initial_loss": "...", ...}
    ```

    Args:
        x: inputs of the training set or a part of it: an array, or several in a list or dictionary.
        y: targets of as many examples, in the structure that `fit` takes.
        examples: how many of them are looked at. Default 1000.
        overfit_examples: how many are to be learnt by heart. Default 16.
        overfit_steps: in how many steps. Default 100. 0: that check is left out.
        update_ratio: the healthy range. Default (3e-5, 3e-2).

    Attributes:
        results: dictionary from the name of a check to "ok", or to what is wrong.
        messages: list of `(epoch, text)`, the warnings given.

    Raises:
        ValueError: if `x` and `y` differ in length, or when training begins, the model is not built
            or cannot run them.
    """

    def __init__(
        self,
        x,
        y,
        *,
        examples=1000,
        overfit_examples=16,
        overfit_steps=100,
        update_ratio=(3e-5, 3e-2),
    ) -> None:
        super().__init__()
        for name, data in (("x", x), ("y", y)):
            if not is_arrays(data):
                raise ValueError(
                    f"SanityChecks: `{name}` must be arrays; of a data set, take a batch or two. "
                    f"Received: {name} of type {type(data).__name__}"
                )
        lengths = {len(array) for array in keras.tree.flatten((x, y))}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(
                "SanityChecks: `x` and `y` must have one length, above 0. "
                f"Received: lengths {sorted(lengths)}"
            )
        self.examples = positive_integer("examples", examples)
        self.x, self.y = _head((x, y), examples)
        self.overfit_examples = positive_integer("overfit_examples", overfit_examples)
        self.overfit_steps = overfit_steps and positive_integer("overfit_steps", overfit_steps)
        low, high = update_ratio
        self.update_ratio = (
            finite("update_ratio", low),
            finite("update_ratio", high),
        )
        self.results: dict[str, str] = {}

    def on_train_begin(self, logs=None) -> None:
        self.require_built()
        self.results = {}
        clear(self, self.model)
        plain = self.model.optimizer
        if not plain.built:
            plain.build(self.model.trainable_variables)
        with random_states_kept():
            self._before_training(plain)
        self._instrument = attach(self, self.model, Instrumented, Instrumented)

    def on_epoch_begin(self, epoch, logs=None) -> None:
        self._instrument.reset()

    def on_epoch_end(self, epoch, logs=None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            self.results.setdefault("loss", "ok")
        elif self.results.get("loss", "ok") == "ok":
            text = (
                f"the loss is {loss}. Likely the learning rate is too high; or the logarithm of 0, "
                "or a division by 0 in a loss or layer of your own."
            )
            self._say(epoch, "loss", text)
        if "update_ratio" not in self.results:  # the first epoch tells
            found = by_layer(self._instrument, weights_by_layer(self.model))
            self._say(epoch, "update_ratio", self._ratios(found) if found else NOT_MEASURED)

    def on_train_end(self, logs=None) -> None:
        detach(self, self.model)

    def _before_training(self, plain):
        try:
            with stateless(self.model):
                outputs = self.model(whole_batch(self.model, _head(self.x, 100)), training=False)
        except Exception as error:
            shapes = keras.tree.map_structure(np.shape, self.x)
            raise ValueError(
                "SanityChecks: the model cannot run `x`. Give inputs as it takes them. "
                f"Received: x of shape {shapes}; {error}"
            ) from error
        outputs = keras.tree.map_structure(ops.convert_to_numpy, outputs)
        self._targets = targets(self.model, self.y, outputs)
        self._say(0, "data", self._data())
        wrong_labels = next(filter(None, (target.wrong() for target in self._targets)), None)
        self._say(0, "labels", wrong_labels)
        if wrong_labels or self.model.loss is None:
            return  # a loss would mean nothing
        kept = Snapshot(self.model, plain)
        try:
            initial = self._loss(self.x, self.y)
            if int(ops.convert_to_numpy(plain.iterations)) == 0:
                self._say(0, "initial_loss", self._initial(initial))
            if self.overfit_steps:
                self._say(0, "overfit", self._overfit())
        finally:
            kept.restore()

    def _say(self, epoch, check, wrong):
        self.results[check] = wrong or "ok"
        if wrong:
            self.warn(epoch, wrong)

    def _data(self):
        for array in keras.tree.flatten(self.x):
            values = ops.convert_to_numpy(array) if ops.is_tensor(array) else np.asarray(array)
            if not np.issubdtype(values.dtype, np.floating):
                if values.dtype == np.uint8 and values.max(initial=0) > 1:
                    return f"`x` holds bytes up to {values.max()}: scale it, as by `x / 255`."
                continue  # token numbers and the like are not normalised
            if not np.isfinite(values).all():
                bad = np.count_nonzero(~np.isfinite(values))
                return f"`x` has {bad} values that are not finite. Mend or drop these examples."
            mean, std = values.mean(dtype=np.float64), values.std(dtype=np.float64)
            if abs(mean) > 1 or not 0.05 <= std <= 5:
                return (
                    f"`x` is not normalised: mean {mean:.3g}, standard deviation {std:.3g}. "
                    "Subtract the mean and divide by the deviation of the training set."
                )
        return None

    def _initial(self, loss):
        weights = _loss_weights(self.model, self._targets)
        if weights is None or not all(target.judges_classes for target in self._targets):
            return None
        expected = sum(
            weight * math.log(target.classes)
            for weight, target in zip(weights, self._targets, strict=True)
        )
        if not expected or 0.5 * expected <= loss <= 1.5 * expected:
            return None
        cause = "the last layer's initial weights are too large, or `x` is not normalised"
        if loss < 0.5 * expected:
            cause = "the weights are trained already, or the labels are very unequal in number"
        for target in self._targets:
            logits = getattr(target.loss, "from_logits", False)
            sums_to_one = np.allclose(target.outputs.sum(axis=-1), 1, atol=1e-3)
            if target.kind != "binary_crossentropy" and logits == sums_to_one:
                cause = (
                    "the loss applies softmax a second time: drop one of the two"
                    if logits
                    else "the loss takes logits for probabilities: pass it `from_logits=True`"
                )
        if len(self._targets) > 1:
            return (
                f"the initial loss is {loss:.3g}; outputs that know nothing of their classes have "
                f"{expected:.3g} together. Likely {cause}."
            )
        classes = self._targets[0].classes
        return (
            f"the initial loss is {loss:.3g}; one that knows nothing of {classes} classes has "
            f"ln {classes} = {expected:.3g}. Likely {cause}."
        )

    def _overfit(self):
        """Train on a few examples. The state is put back by the caller."""
        x, y = whole_batch(self.model, _head((self.x, self.y), self.overfit_examples))
        before = self._loss(x, y)
        function = self.model.train_function
        self.model.make_train_function(force=True)  # traced for a batch of another size
        try:
            for _ in range(self.overfit_steps):
                self.model.train_on_batch(x, y)
        finally:
            self.model.train_function = function
        after = self._loss(x, y)
        if after < ENOUGH * before:
            return None
        return (
            f"{len(keras.tree.flatten(y)[0])} examples could not be overfitted: after "
            f"{self.overfit_steps} steps the loss is {after:.3g}, of {before:.3g} at first. Likely "
            "the learning rate is far off, labels do not belong to their examples, the network is "
            "dead or too small, or it is regularized too much."
        )

    def _ratios(self, found):
        low, high = self.update_ratio
        ratios = {
            name: layer["update"] / layer["weight"]
            for name, layer in found.items()
            if layer["weight"] and math.isfinite(layer["update"] / layer["weight"])
        }
        wrong = {name: ratio for name, ratio in ratios.items() if not low <= ratio <= high}
        if not wrong:
            return None
        name = max(
            wrong, key=lambda name: abs(math.log10(wrong[name] / 1e-3)) if wrong[name] else 99
        )
        advice = "lower" if wrong[name] > high else "raise"
        others = f", and {len(wrong) - 1} more layers are off" if len(wrong) > 1 else ""
        return (
            f"updates of {name!r} are {wrong[name]:.2g} of its weights{others}; near 1e-3 is "
            f"healthy. Likely the learning rate: {advice} it."
        )

    def _loss(self, x, y):
        """The loss at inference, without that of regularizers."""
        x, y = whole_batch(self.model, (x, y))
        total = self.model.test_on_batch(x, y, return_dict=True)["loss"]
        self.model.reset_metrics()
        return float(total) - sum(float(ops.convert_to_numpy(part)) for part in self.model.losses)


def _head(arrays, count):
    return keras.tree.map_structure(lambda array: array[:count], arrays)


def _loss_weights(model, parts):
    """The weight of each output in the loss, or None if it is not clear."""
    if len(parts) == 1:
        return [1.0]
    weights = (model.get_compile_config() or {}).get("loss_weights")
    if weights is None:
        return [1.0] * len(parts)
    if isinstance(weights, dict):
        return [weights.get(part.name, 1.0) for part in parts]
    return weights if isinstance(weights, list) and len(weights) == len(parts) else None
